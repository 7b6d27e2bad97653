"""Takes updates in, whichever way they come: stored and committed, or counted and left.

The same update given again, by either way or to another process, makes no second message: its
row's external id is a function of the update's content alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, SQLAlchemyError

from bot.channels.telegram.buttons import Pointers
from bot.channels.telegram.identity import TELEGRAM, Me, NotStoredError, UnreadableError
from bot.channels.telegram.updates import GROUP_SECONDS, Reading, read_update
from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database, retry_on_contention
from core.db.tables import InboxRow
from core.errors import ChannelError, NatiqError
from core.logs import get_logger
from core.messages import InboundMessage
from core.metrics import UPDATES
from core.queues.inbox import Inbox

log = get_logger(__name__)


class Receiver:
    """Stores what people send. `answer_tap` lets a tapped button stop waiting."""

    def __init__(
        self,
        db: Database,
        inbox: Inbox,
        contacts: Contacts,
        vault: Vault,
        me: Me,
        answer_tap: Callable[[str], Awaitable[None]],
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._inbox = inbox
        self._contacts = contacts
        self._vault = vault
        self._me = me
        self._answer_tap = answer_tap
        self._clock = clock
        self._pointers = Pointers(db, contacts, TELEGRAM)
        self._answering: set[asyncio.Task[None]] = set()

    async def take(self, update: Any) -> str:
        """Store what the update says; returns, after the commit, the word it was counted under.

        Raises:
            NotStoredError: the database failed; the update must come again.
        """
        reading: Reading | None = None
        try:
            if not isinstance(update, Mapping):
                raise UnreadableError("update")
            reading = read_update(update, self._me, self._hide)
            result = await self._store(reading)
        except DataError as error:  # this one will never fit
            result = self._unreadable(update, error)
        except (SQLAlchemyError, OSError, NatiqError) as error:
            UPDATES.labels(TELEGRAM, "not stored").inc()
            raise NotStoredError(type(error).__name__) from None
        except Exception as error:
            result = self._unreadable(update, error)
        UPDATES.labels(TELEGRAM, result).inc()
        if reading is not None and reading.tap is not None:
            self._answer(reading.tap)
        return result

    async def settled(self) -> None:
        """Wait until every tapped button was answered."""
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def close(self) -> None:
        """Leave unanswered what is not answered yet."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def _hide(self, text: str) -> str:
        return self._vault.lookup(text, "telegram-message")[:32]

    def _unreadable(self, update: Any, error: Exception) -> str:
        number = update.get("update_id") if isinstance(update, Mapping) else None
        log.error("update cannot be read", number=number, reason=type(error).__name__)
        return "unreadable"

    async def _store(self, reading: Reading) -> str:
        if reading.moved is not None:
            await self._move(*reading.moved)
        message = reading.message
        if message is None:
            return reading.result
        if message.choice == "group" and await self._said_lately(message):
            return "group, said lately"
        if reading.tap is not None and message.choice is not None:
            value = await self._pointers.value_of(message.choice, message.address)
            message = replace(message, choice=value)
        duplicate = await self._accept(message)
        return f"{reading.result}, again" if duplicate else reading.result

    async def _accept(self, message: InboundMessage) -> bool:
        """Store the message; returns whether it was there already."""
        if message.edit_of is not None:
            # An edit may come before the message itself, which is then superseded: it takes the
            # message's own place, if that is free.
            first = replace(message, external_id=message.edit_of, edit_of=None)
            if not (await self._inbox.accept(first)).duplicate:
                return False
        return (await self._inbox.accept(message)).duplicate

    async def _said_lately(self, message: InboundMessage) -> bool:
        """Whether the group was told within the hour, by whatever process."""
        since = self._clock() - timedelta(seconds=GROUP_SECONDS)
        async with self._db.read() as session:
            found = await self._contacts.find(session, TELEGRAM, message.address)
            query = select(InboxRow.id).where(
                InboxRow.conversation_id == found,
                InboxRow.choice == "group",
                InboxRow.received_at > since,
            )
            return found is not None and await session.scalar(query.limit(1)) is not None

    async def _move(self, old: str, new: str) -> None:
        async def attempt() -> None:
            async with self._db.write() as session:
                await self._contacts.move(session, TELEGRAM, old, new)

        await retry_on_contention(attempt)

    def _answer(self, tap: str) -> None:
        """Best effort, beside the work: the button stops waiting by itself after a while."""

        async def answer() -> None:
            with contextlib.suppress(ChannelError):
                await self._answer_tap(tap)

        task = asyncio.create_task(answer(), name="telegram-tap")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
