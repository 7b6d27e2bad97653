"""Buttons: what stands on them, and how a choice's value survives Telegram's 64 bytes.

A value that does not fit is replaced by a pointer to the sent message and the choice's place in
it, `@<outbox id>:<place>`, which is looked up when it comes back. A pointer of another person's
message, of one that is gone, or an invented one is given on as it is: no choice has that value,
and the person is told so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.contacts import Contacts
from core.db.engine import Database
from core.db.tables import OutboxRow
from core.messages import Choice

#: Longest `callback_data`, in bytes (https://core.telegram.org/bots/api#inlinekeyboardbutton).
MAX_DATA = 64

#: Longest text on a button, in characters. Telegram names no limit; phones show about this much
#: of a button that fills the row.
MAX_LABEL = 64

_POINTER = re.compile(r"@(\d{1,18}):(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Button:
    """One button: `data` comes back when it is tapped, or `url` is opened."""

    label: str
    data: str | None = None
    url: str | None = None


def label_of(choice: Choice) -> str:
    """The whole question where it is short enough to be read on a button, else the label."""
    long = choice.description
    return long if long and len(long) <= MAX_LABEL else choice.label


def data_of(choice: Choice, outbox_id: int, place: int) -> str:
    """What Telegram keeps with the button: the value, or a pointer to it."""
    value = choice.value
    if value and not value.startswith("@") and len(value.encode("utf-8")) <= MAX_DATA:
        return value
    return f"@{outbox_id}:{place}"


class Pointers:
    """Turns pointers back into values."""

    def __init__(self, db: Database, contacts: Contacts, channel: str) -> None:
        self._db = db
        self._contacts = contacts
        self._channel = channel

    async def value_of(self, data: str, address: str) -> str:
        """The choice's value that `data` stands for, in a chat with this address."""
        pointer = _POINTER.fullmatch(data)
        if pointer is None:
            return data
        outbox_id, place = int(pointer[1]), int(pointer[2])
        async with self._db.read() as session:
            conversation_id = await self._contacts.find(session, self._channel, address)
            row = await session.get(OutboxRow, outbox_id)
        if row is None or row.conversation_id != conversation_id:
            return data
        choices = row.payload.get("choices", [])
        return str(choices[place]["value"]) if place < len(choices) else data
