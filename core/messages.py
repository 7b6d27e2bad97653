"""What goes in and out of a conversation, whatever the channel.

Channels translate their platform's payloads to `InboundMessage` and deliver `OutboundMessage`;
nobody else knows how a platform writes things.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Language = Literal["ar", "en"]

#: Longest text that is kept of one inbound message, in characters. Longer ones are cut (no
#: platform of ours lets people send more: WhatsApp 4,096, Telegram 4,096).
MAX_TEXT = 8_192

OriginKind = Literal["faq", "line", "staff", "statement"]


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message or tap from a citizen.

    `external_id` is unique within the channel; giving the same one again is a duplicate.
    `address` is the person's address on the channel (chat id, phone, web session); it is stored
    encrypted and never leaves the contacts table. `choice` is the value of a tapped button.
    """

    channel: str
    external_id: str
    address: str
    text: str
    choice: str | None = None
    language: Language | None = None
    sent_at: datetime | None = None


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
class OutboundMessage:
    """One message to a citizen: a text with at most ten choices and some links."""

    text: str
    origin: Origin
    language: Language
    choices: tuple[Choice, ...] = ()
    links: tuple[Link, ...] = ()

    def to_payload(self) -> dict[str, Any]:
        """JSON-ready form, as stored in the outbox."""
        return {
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

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> OutboundMessage:
        """Inverse of `to_payload`."""
        origin = payload["origin"]
        return cls(
            text=payload["text"],
            language=payload["language"],
            origin=Origin(origin["kind"], origin["ref"], origin["hash"]),
            choices=tuple(Choice(**c) for c in payload.get("choices", [])),
            links=tuple(Link(**link) for link in payload.get("links", [])),
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


class Channel(Protocol):
    """A place where people talk. Receiving is each channel's own affair; it ends in
    `Inbox.accept`. Sending goes through the `Sender` alone."""

    @property
    def name(self) -> str:
        """The channel's name in the database: `web`, `terminal`, `telegram`, `whatsapp`."""
        ...

    async def send(self, envelope: Envelope) -> Delivery:
        """Deliver one message.

        Raises:
            ChannelError: says whether to retry, when, and whether it may have gone out.
        """
        ...


def text_hash(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
