"""Receipts: what a platform says afterwards of a message that it took.

They come late, twice, out of order, and sometimes before our own commit of the message's id; such
a one is kept for a while and taken up by the send that it belongs to.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import ConversationRow, OutboxRow, ReceiptRow

#: What a platform may say of a message that it took, each later than the one before.
PROGRESS = ("sent", "delivered", "read")

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
        async with self._db.write() as session:
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
        when it is not ours or was dealt with."""
        async with self._db.write() as session:
            row = await session.scalar(
                select(OutboxRow)
                .where(
                    OutboxRow.channel == channel,
                    OutboxRow.external_id == external_id,
                    OutboxRow.state == "sent",
                )
                .with_for_update()
            )
            if row is None:
                return None
            row.state, row.external_id, row.not_before = "pending", None, self._clock()
            await session.execute(
                update(ConversationRow)
                .where(ConversationRow.id == row.conversation_id)
                .values(window_start=None)
            )
            return row.conversation_id


async def take(
    session: AsyncSession, channel: str, external_id: str
) -> tuple[str, str | None] | None:
    """State and failure of a receipt that came before its message was known, if one did; it is
    removed, in the caller's transaction."""
    row = (
        await session.execute(
            delete(ReceiptRow)
            .where(ReceiptRow.channel == channel, ReceiptRow.external_id == external_id)
            .returning(ReceiptRow.state, ReceiptRow.failure)
        )
    ).one_or_none()
    return None if row is None else (row.state, row.failure)


def _follows(state: str, former: str) -> bool:
    if former == "failed" or (state == "failed" and former not in ("sent", "sending", "pending")):
        return False
    if state == "failed":
        return True
    before = PROGRESS.index(former) if former in PROGRESS else -1
    return PROGRESS.index(state) > before
