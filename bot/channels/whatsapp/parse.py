"""From the documents that Meta posts to our messages, receipts and moves.

Everything in a document is doubted: whatever is missing or of another type makes that one item
unreadable, never the whole. pywa's parser reads the content of a message; who sent it, when, and
what pywa does not know is read here from the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.channels.whatsapp.errors import WINDOW_CLOSED
from bot.channels.whatsapp.graph import Content, Reader
from bot.channels.whatsapp.identity import WHATSAPP, hashed_id
from core.crypto import Vault
from core.messages import InboundMessage, Media

Json = Mapping[str, Any]

_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_PHONE = re.compile(r"[0-9]{5,20}")

#: Types of messages that pywa reads. Anything else that a person sends is `Media("other")`.
_READ_BY_PYWA = frozenset(
    {
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "button",
        "interactive",
    }
)
_TAPS = ("button_reply", "list_reply")
_NEW_NUMBER = ("user_changed_number", "customer_changed_number")
_STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}


class UnreadableError(Exception):
    """An item is not as Meta describes it; the message holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Something that is counted, under this word, and not answered."""

    result: str


@dataclass(frozen=True, slots=True)
class Move:
    """A person's address became another one."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message that we sent. `failure` is `meta_<code>` when it failed."""

    external_id: str
    state: str
    failure: str | None = None

    @property
    def window_closed(self) -> bool:
        """Whether it was not shown because the person wrote more than 24 hours ago."""
        return self.state == "failed" and self.failure == f"meta_{WINDOW_CLOSED}"


def values_of(document: object) -> Iterator[tuple[str, Json]]:
    """The field (`messages`, ...) and value of each change in a webhook's document."""
    for entry in _list(_object(document).get("entry")):
        for change in _list(_object(entry).get("changes")):
            changed = _object(change)
            yield str(changed.get("field") or ""), _object(changed.get("value"))


def phone_id_of(value: Json) -> str:
    """The id of the number that the change is about."""
    return str(_object(value.get("metadata")).get("phone_number_id") or "")


def items_of(value: Json, name: str) -> list[Json]:
    """The `messages` or `statuses` of a change, in order."""
    return [_object(item) for item in _list(value.get(name))]


def read_message(
    message: Json, value: Json, reader: Reader, vault: Vault
) -> InboundMessage | Move | Silent:
    """One entry of `messages`.

    A reaction is not answered: it says "I saw it" to something that we said, and an answer to
    each thumb would be noise. Neither is a message in a group, nor one that its writer deleted.

    Raises:
        UnreadableError: it has no id or no sender.
    """
    kind = str(message.get("type") or "")
    if message.get("group_id"):
        return Silent("group")
    if kind == "system":
        return _move(message)
    if kind == "reaction":
        return Silent("reaction")
    if kind == "revoke":
        return Silent("deleted")
    address, alias = _addresses(message, value)
    edit = _object(message.get("edit")) if kind == "edit" else {}
    content = _content(_object(edit.get("message")) if edit else message, value, reader)
    former = edit.get("original_message_id")
    return InboundMessage(
        channel=WHATSAPP,
        external_id=hashed_id(vault, _id(message)),
        address=address,
        text=content.text,
        choice="start" if kind == "request_welcome" else content.choice,
        sent_at=_time(message.get("timestamp")),
        media=None if kind == "request_welcome" else content.media,
        edit_of=hashed_id(vault, former) if isinstance(former, str) and former else None,
        alias=alias,
    )


def read_status(status: Json, vault: Vault) -> Receipt | Silent:
    """One entry of `statuses`.

    Raises:
        UnreadableError: it has no id.
    """
    if status.get("recipient_type") == "group" or status.get("group_id"):
        return Silent("group")
    state = _STATES.get(str(status.get("status") or ""))
    if state is None:
        return Silent("status_unknown")
    failure = None
    if state == "failed":
        errors = _list(status.get("errors"))
        code = _object(errors[0]).get("code") if errors else None
        failure = f"meta_{code}" if isinstance(code, int) else "meta_failed"
    return Receipt(hashed_id(vault, _id(status)), state, failure)


def _content(message: Json, value: Json, reader: Reader) -> Content:
    kind = str(message.get("type") or "")
    interactive = _object(message.get("interactive")).get("type")
    if kind in _READ_BY_PYWA and (kind != "interactive" or interactive in _TAPS):
        try:
            return _checked(reader.read(_alone(message, value)))
        except Exception:
            return Content(_words(message), media=Media("other"))
    return Content(_words(message), media=Media("other"))


def _checked(content: Content) -> Content:
    """The same, when every part is of the type that it should be: pywa does not look.

    Raises:
        TypeError: one is not.
    """
    media = content.media
    right = isinstance(content.text, str) and isinstance(content.choice, str | None)
    if right and media is not None:
        right = isinstance(media.name, str) and isinstance(media.mime, str)
        right = right and (media.ref is None or _MEDIA_ID.fullmatch(media.ref) is not None)
        if media.kind == "location":
            right = right and abs(media.details["latitude"]) <= 90
            right = right and abs(media.details["longitude"]) <= 180
            right = right and all(
                isinstance(media.details[key], str) for key in ("name", "address")
            )
        elif media.kind == "contact":
            right = right and all(isinstance(phone, str) for phone in media.details["phones"])
    if not right:
        raise TypeError
    return replace(content, choice=content.choice or None)


def _alone(message: Json, value: Json) -> dict[str, Any]:
    """A document with this message alone and its sender, as pywa wants it: it reads the first
    message, and wants a `user_id`, which older documents lack, and a context, which we ignore."""
    try:
        phone, user = _names(message, value)
    except UnreadableError:
        phone, user = None, None
    sender = {"profile": {}, "wa_id": phone or "0", "user_id": user or ""}
    metadata = {"display_phone_number": "", "phone_number_id": phone_id_of(value)}
    whole = {**message, "id": "", "timestamp": "0", "context": {"from": "", "id": "0"}}
    inner = {"metadata": metadata, "contacts": [sender], "messages": [whole]}
    return {"entry": [{"id": "", "changes": [{"field": "messages", "value": inner}]}]}


def _words(message: Json) -> str:
    body = _object(message.get("text")).get("body")
    return body if isinstance(body, str) else ""


def _addresses(message: Json, value: Json) -> tuple[str, str | None]:
    """The sender's address, and another one if there are two: the phone number is the first, the
    business-scoped user id the other. Who hides the number has the id alone."""
    phone, user = _names(message, value)
    return (phone, user) if phone else (user or "", None)


def _names(message: Json, value: Json) -> tuple[str | None, str | None]:
    phone, user = _phone(message.get("from")), _user(message.get("from_user_id"))
    people = [_object(person) for person in _list(value.get("contacts"))]
    for person in people:
        theirs = _phone(person.get("wa_id")), _user(person.get("user_id"))
        same = (phone and phone == theirs[0]) or (user and user == theirs[1])
        if same or (len(people) == 1 and (phone is None or theirs[0] in (None, phone))):
            phone, user = phone or theirs[0], user or theirs[1]
            break
    if phone is None and user is None:
        raise UnreadableError
    return phone, user


def _move(message: Json) -> Move | Silent:
    """A person changed the number, or got another user id with it."""
    system = _object(message.get("system"))
    kind = system.get("type")
    old: str | None = None
    new: str | None = None
    if kind in _NEW_NUMBER:
        old = _phone(system.get("customer")) or _phone(message.get("from"))
        old = old or _user(message.get("from_user_id"))
        new = _phone(system.get("wa_id")) or _phone(system.get("new_wa_id"))
        new = new or _user(system.get("user_id"))
    elif kind == "user_changed_user_id":
        old, new = _user(message.get("from_user_id")), _user(system.get("user_id"))
    return Move(old, new) if old and new and old != new else Silent("system")


def _phone(value: object) -> str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _PHONE.fullmatch(text) else None


def _user(value: object) -> str | None:
    fits = isinstance(value, str) and 0 < len(value) <= 150 and not _PHONE.fullmatch(value)
    return value if fits and isinstance(value, str) and value.isprintable() else None


def _id(item: Json) -> str:
    given = item.get("id")
    if not isinstance(given, str) or not given:
        raise UnreadableError
    return given


def _time(value: object) -> datetime | None:
    """Seconds since 1970, as Meta writes them: digits in a string."""
    try:
        return datetime.fromtimestamp(int(str(value)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
