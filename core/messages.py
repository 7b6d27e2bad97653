"""What goes in and out of a conversation, whatever the channel.

Channels translate their platform's payloads to `InboundMessage` and deliver `OutboundMessage`;
nobody else knows how a platform writes things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Language = Literal["ar", "en"]

#: Longest text that is kept of one inbound message, in characters. Longer ones are cut (no
#: platform of ours lets people send more: WhatsApp 4,096, Telegram 4,096).
MAX_TEXT = 8_192

OriginKind = Literal["faq", "line", "staff", "statement"]


#: What a message may hold besides words. `other` is whatever a platform has that we do not name.
MediaKind = Literal[
    "voice", "audio", "image", "video", "document", "sticker", "location", "contact", "other"
]
MEDIA_KINDS: tuple[MediaKind, ...] = (
    "voice",
    "audio",
    "image",
    "video",
    "document",
    "sticker",
    "location",
    "contact",
    "other",
)


@dataclass(frozen=True, slots=True)
class Media:
    """What a message holds besides words, as the platform describes it; nothing of it is believed.

    `ref` is the platform's id of the file, by which `MediaSource.fetch` gets it (it expires);
    None when there is no file. `size` is in bytes. `details` is for what has no file: `latitude`,
    `longitude` (degrees), `name`, `address` of a location; `name`, `phones` of a contact.
    """

    kind: MediaKind
    ref: str | None = None
    name: str = ""
    mime: str = ""
    size: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_payload(self) -> dict[str, Any]:
        """JSON-ready form, as stored in the inbox."""
        return {
            "kind": self.kind,
            "ref": self.ref,
            "name": self.name,
            "mime": self.mime,
            "size": self.size,
            "details": dict(self.details),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Media:
        """Inverse of `to_payload`."""
        return cls(**payload)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message or tap from a citizen.

    `external_id` is unique within the channel; giving the same one again is a duplicate. It must
    not be an address itself: a channel whose ids hold one gives their keyed hash.
    `address` is the person's address on the channel (chat id, phone, web session); it is stored
    encrypted and never leaves the contacts table. `choice` is the value of a tapped button, or of
    a command such as `/menu`. `sent_at` is the platform's time. `edit_of` is the external id of
    the message that this one is the new wording of. `alias` is another address of the same person,
    where the platform gives two.
    """

    channel: str
    external_id: str
    address: str
    text: str
    choice: str | None = None
    language: Language | None = None
    sent_at: datetime | None = None
    media: Media | None = None
    edit_of: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A button: `value` comes back as `InboundMessage.choice`, `label` is at most 20 characters
    (WhatsApp's limit for a reply button), `description` is the long form where a list fits."""

    value: str
    label: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens a page."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Which approved text a sent text is. `ref` is the FAQ id, catalogue key or ticket number;
    `approved_hash` the SHA-256 of the approved text or template it was made from."""

    kind: OriginKind
    ref: str
    approved_hash: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text that a platform has approved beforehand, by its name there, and the values of its
    parameters in order (without line breaks). `choice` is what its one button gives back."""

    name: str
    parameters: tuple[str, ...]
    choice: str


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message to a citizen: a text with at most ten choices and some links. With a `template`
    the platform makes the same text from the template, and it may be sent at any time."""

    text: str
    origin: Origin
    language: Language
    choices: tuple[Choice, ...] = ()
    links: tuple[Link, ...] = ()
    template: Template | None = None

    def to_payload(self) -> dict[str, Any]:
        """JSON-ready form, as stored in the outbox."""
        payload: dict[str, Any] = {
            "text": self.text,
            "language": self.language,
            "origin": {
                "kind": self.origin.kind,
                "ref": self.origin.ref,
                "hash": self.origin.approved_hash,
            },
            "choices": [
                {"value": c.value, "label": c.label, "description": c.description}
                for c in self.choices
            ],
            "links": [{"label": link.label, "url": link.url} for link in self.links],
        }
        if self.template is not None:
            payload["template"] = {
                "name": self.template.name,
                "parameters": list(self.template.parameters),
                "choice": self.template.choice,
            }
        return payload

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> OutboundMessage:
        """Inverse of `to_payload`."""
        origin = payload["origin"]
        template = payload.get("template")
        return cls(
            text=payload["text"],
            language=payload["language"],
            origin=Origin(origin["kind"], origin["ref"], origin["hash"]),
            choices=tuple(Choice(**c) for c in payload.get("choices", [])),
            links=tuple(Link(**link) for link in payload.get("links", [])),
            template=None
            if template is None
            else Template(template["name"], tuple(template["parameters"]), template["choice"]),
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a channel says of a message that it took: the platform's id for it, if it has one."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """An outbox row as a channel sees it: where to, and what."""

    outbox_id: int
    conversation_id: int
    address: str
    message: OutboundMessage
    correlation_id: str = field(default="-")


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `count` messages in any `seconds`, counted under `key`."""

    key: str
    count: int
    seconds: float


class Channel(Protocol):
    """A place where people talk. Receiving is each channel's own affair; it ends in
    `Inbox.accept`. Sending goes through the `Sender` alone."""

    @property
    def name(self) -> str:
        """The channel's name in the database: `web`, `terminal`, `telegram`, `whatsapp`."""
        ...

    @property
    def reply_window(self) -> timedelta | None:
        """How long after the person's last message a free text may be sent; None: always."""
        ...

    def pace(self) -> Pace | None:
        """The platform's limit over all conversations."""
        ...

    def paces(self, envelope: Envelope) -> Sequence[Pace]:
        """The platform's limits on messages to this one address."""
        ...

    async def send(self, envelope: Envelope) -> Delivery:
        """Deliver one message.

        Raises:
            ChannelError: says whether to retry, when, and whether it may have gone out.
        """
        ...


class Unlimited:
    """A channel of our own: no window, no pace. To be inherited from."""

    @property
    def reply_window(self) -> timedelta | None:
        """See `Channel.reply_window`."""
        return None

    def pace(self) -> Pace | None:
        """See `Channel.pace`."""
        return None

    def paces(self, envelope: Envelope) -> Sequence[Pace]:
        """See `Channel.paces`."""
        return ()


@runtime_checkable
class MediaSource(Protocol):
    """A channel whose people send files."""

    async def fetch(self, ref: str, path: Path, most: int) -> None:
        """Write the file that `Media.ref` names to `path`, at most `most` bytes.

        Raises:
            ChannelError: permanent when there is no such file (any more) or it is larger
                (reason `too_large`); what was written so far may be left at `path`.
        """
        ...


def text_hash(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
