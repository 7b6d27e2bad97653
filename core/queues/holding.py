"""What is held: messages that a platform takes only after the person wrote again, and the notice
that tells them so. Everything here runs in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import ConversationRow, OutboxRow
from core.queues.receipts import PROGRESS

#: States of a message that has yet to be sent.
UNSENT = ("pending", "sending")

#: Beside the message in a row's payload: it is a notice of what is held.
NOTICE = "notice"


async def release(session: AsyncSession, conversation_id: int, now: datetime) -> bool:
    """The person wrote, so what was held may go out; returns whether anything was. Whoever calls
    wakes `OUTBOX` after the commit then."""
    released = await session.scalars(
        update(OutboxRow)
        .where(OutboxRow.conversation_id == conversation_id, OutboxRow.state == "held")
        .values(state="pending", not_before=now, failure=None)
        .returning(OutboxRow.id)
    )
    return bool(released.all())


async def holds(session: AsyncSession, conversation_id: int) -> bool:
    """Whether anything is held in the conversation."""
    query = select(OutboxRow.id).where(
        OutboxRow.conversation_id == conversation_id, OutboxRow.state == "held"
    )
    return await session.scalar(query.limit(1)) is not None


async def noticed(session: AsyncSession, conversation_id: int, since: datetime | None) -> bool:
    """Whether a notice waits, or was taken by the platform since the person last wrote (`since`;
    None: they never did). One that failed does not count, so what is held next tries another."""
    lately = true() if since is None else OutboxRow.created_at >= since
    payloads = await session.scalars(
        select(OutboxRow.payload).where(
            OutboxRow.conversation_id == conversation_id,
            OutboxRow.state.in_(UNSENT) | (OutboxRow.state.in_(PROGRESS) & lately),
        )
    )
    return any(NOTICE in payload for payload in payloads)


async def wrote_since(session: AsyncSession, conversation_id: int, then: datetime | None) -> bool:
    """Whether the person's last word is another than the one at `then`."""
    last = await session.scalar(
        select(ConversationRow.last_inbound_at).where(ConversationRow.id == conversation_id)
    )
    return last != then
