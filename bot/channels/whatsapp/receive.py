"""Takes what Meta posts into our tables. When `take` returns, everything in the document is
committed or counted; then, and not before, the webhook says that it was received."""

from __future__ import annotations

from bot.channels.whatsapp.graph import Reader
from bot.channels.whatsapp.identity import WHATSAPP
from bot.channels.whatsapp.parse import (
    Json,
    Move,
    Receipt,
    Silent,
    UnreadableError,
    items_of,
    phone_id_of,
    read_message,
    read_status,
    values_of,
)
from core import metrics
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.logs import get_logger
from core.messages import InboundMessage
from core.queues.inbox import Inbox
from core.queues.receipts import Receipts
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)


class Receiver:
    """Takes webhooks' documents for one number."""

    def __init__(
        self,
        phone_id: str,
        reader: Reader,
        *,
        db: Database,
        inbox: Inbox,
        receipts: Receipts,
        contacts: Contacts,
        wakeup: Wakeup,
        vault: Vault,
    ) -> None:
        self._phone_id = phone_id
        self._reader = reader
        self._db = db
        self._inbox = inbox
        self._receipts = receipts
        self._contacts = contacts
        self._wakeup = wakeup
        self._vault = vault

    async def take(self, document: object) -> None:
        """Take each message and status in the document, in order; one that cannot be read is
        counted and holds up no other.

        Raises:
            Exception: the database's. What came before it is kept; the platform gives the whole
                document again, and what was taken is a duplicate then.
        """
        found = False
        for field, value in values_of(document):
            found = True
            if field != "messages":
                # Templates, account, groups: for the ministry's administrators, at Meta.
                count("other_field")
            elif phone_id_of(value) != self._phone_id:
                count("other_number")
            else:
                await self._take_value(value)
        if not found:
            count("unreadable")

    async def _take_value(self, value: Json) -> None:
        messages, statuses = items_of(value, "messages"), items_of(value, "statuses")
        for message in messages:
            await self._take_message(message, value)
        for status in statuses:
            await self._take_status(status)
        if not messages and not statuses:
            count("empty")

    async def _take_message(self, message: Json, value: Json) -> None:
        try:
            read = read_message(message, value, self._reader, self._vault)
        except UnreadableError:
            count("unreadable")
            log.error("a message could not be read", channel=WHATSAPP)
            return
        if isinstance(read, InboundMessage):
            accepted = await self._inbox.accept(read)
            count("duplicate" if accepted.duplicate else "message")
        elif isinstance(read, Move):
            await self._move(read)
        else:
            count(read.result)

    async def _move(self, move: Move) -> None:
        async with self._db.write() as session:
            known = await self._contacts.move(session, WHATSAPP, move.old, move.new)
        count("moved" if known else "system")

    async def _take_status(self, status: Json) -> None:
        try:
            receipt = read_status(status, self._vault)
        except UnreadableError:
            count("unreadable")
            return
        if isinstance(receipt, Silent):
            count(receipt.result)
            return
        count(f"status_{receipt.state}")
        conversation_id = await self._note(receipt)
        if conversation_id is not None:
            for topic in (DESK, conversation_topic(conversation_id)):
                await self._wakeup.wake(topic)

    async def _note(self, receipt: Receipt) -> int | None:
        if not receipt.window_closed:
            return await self._receipts.note(
                WHATSAPP, receipt.external_id, receipt.state, receipt.failure
            )
        again = await self._receipts.window_was_closed(WHATSAPP, receipt.external_id)
        if again is not None:
            await self._wakeup.wake(OUTBOX)
        return again


def count(result: str) -> None:
    """Count something that Meta sent, by what became of it."""
    metrics.UPDATES.labels(WHATSAPP, result).inc()
