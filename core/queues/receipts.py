"""Receipts: what a platform says afterwards of a message that it took.

They come late, twice, out of order, and sometimes before our own commit of the message's id; such
a one is kept for a while and taken up by the send that it belongs to.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, utc_now
from core.db.engine import Database, retry_on_contention
from core.db.tables import ConversationRow, OutboxRow, ReceiptRow

#: What a platform may say of a message that it took, each later than the one before.
PROGRESS = ("sent", "delivered", "read")

#: Of a message that the platform took, and then did not show because its window was closed.
WINDOW = "window"

_STATES = (*PROGRESS, "failed", WINDOW)

#: How long a receipt for an unknown message is kept; ours are known within the send's lease.
_KEPT = timedelta(hours=1)


class Receipts:
    """Takes receipts in."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def note(
        self, channel: str, external_id: str, state: str, failure: str | None = None
    ) -> int | None:
        """The platform says what became of a message: `sent`, `delivered`, `read` or `failed`.
        Receipts come late, twice and out of order: a state never goes back, and `failed` counts
        only for what has not arrived. Returns the conversation, None when nothing changed."""

        async def attempt() -> int | None:
            async with self._db.write() as session:
                return await self._note(session, channel, external_id, state, failure)

        return await retry_on_contention(attempt)

    async def _note(
        self,
        session: AsyncSession,
        channel: str,
        external_id: str,
        state: str,
        failure: str | None,
    ) -> int | None:
        await _alone(session, channel, external_id)
        row = await session.scalar(
            select(OutboxRow)
            .where(OutboxRow.channel == channel, OutboxRow.external_id == external_id)
            .with_for_update()
        )
        if row is None:
            await self._keep(session, channel, external_id, state, failure)
            return None
        if not _follows(state, row.state):
            return None
        row.state = state
        row.failure = failure[:100] if failure else None
        return row.conversation_id

    async def _keep(
        self,
        session: AsyncSession,
        channel: str,
        external_id: str,
        state: str,
        failure: str | None,
    ) -> None:
        if state not in _STATES:
            return
        failure = failure[:100] if failure else None
        now = self._clock()
        await session.execute(delete(ReceiptRow).where(ReceiptRow.at < now - _KEPT))
        known = await session.scalar(
            select(ReceiptRow).where(
                ReceiptRow.channel == channel, ReceiptRow.external_id == external_id
            )
        )
        if known is not None:
            if _follows(state, known.state):
                known.state, known.failure = state, failure
            return
        insert = (
            postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        )
        await session.execute(
            insert(ReceiptRow)
            .values(channel=channel, external_id=external_id, state=state, failure=failure, at=now)
            .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        )

    async def window_was_closed(self, channel: str, external_id: str) -> int | None:
        """The platform took a message and said afterwards that the window was closed: it was not
        shown. It is given to the sender again, who will hold it. Returns the conversation, None
        when it is not ours (yet) or was dealt with."""

        async def attempt() -> int | None:
            async with self._db.write() as session:
                await _alone(session, channel, external_id)
                row = await session.scalar(
                    select(OutboxRow)
                    .where(OutboxRow.channel == channel, OutboxRow.external_id == external_id)
                    .with_for_update()
                )
                if row is None:
                    await self._keep(session, channel, external_id, WINDOW, None)
                    return None
                if row.state != "sent" or row.sent_at is None:
                    return None
                await close_window(session, row.conversation_id, row.sent_at)
                row.state, row.not_before = "pending", self._clock()
                row.external_id = row.sent_at = None
                return row.conversation_id

        return await retry_on_contention(attempt)


async def close_window(session: AsyncSession, conversation_id: int, sent_at: datetime) -> None:
    """The platform said that the window was closed at that time; what the person wrote since then
    opened it again."""
    await session.execute(
        update(ConversationRow)
        .where(ConversationRow.id == conversation_id, ConversationRow.window_start <= sent_at)
        .values(window_start=None)
    )


async def take(
    session: AsyncSession, channel: str, external_id: str
) -> tuple[str, str | None] | None:
    """State and failure of a receipt that came before its message was known, if one did; it is
    removed, in the caller's transaction, which makes the message known."""
    await _alone(session, channel, external_id)
    row = (
        await session.execute(
            delete(ReceiptRow)
            .where(ReceiptRow.channel == channel, ReceiptRow.external_id == external_id)
            .returning(ReceiptRow.state, ReceiptRow.failure)
        )
    ).one_or_none()
    return None if row is None else (row.state, row.failure)


async def _alone(session: AsyncSession, channel: str, external_id: str) -> None:
    """Until this transaction ends nobody else looks whether this message is known: between such a
    look and what is done about it the message could become known, and the receipt be lost. SQLite
    has one writer at a time anyhow."""
    if session.get_bind().dialect.name == "postgresql":
        digest = hashlib.sha256(f"{channel}:{external_id}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        await session.execute(select(func.pg_advisory_xact_lock(key)))


def _follows(state: str, former: str) -> bool:
    if state not in _STATES or former in ("failed", WINDOW):
        return False
    if state in ("failed", WINDOW):
        return former not in ("delivered", "read")
    before = PROGRESS.index(former) if former in PROGRESS else -1
    return PROGRESS.index(state) > before
