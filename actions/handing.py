"""Who has a conversation: a human, for one ticket, or the bot. In the caller's transaction, with
the conversation's row locked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions.ticket_views import CLOSED
from core import conversations
from core.db.tables import ConversationRow, OutboxRow, TicketRow

#: The lines that say that the bot is back after a silence.
SILENCE_LINES = ("human_silent_answered", "human_silent_waiting")


async def to_human(
    session: AsyncSession, row: TicketRow, conversation: ConversationRow, now: datetime
) -> None:
    """The conversation follows the ticket that a human took last. What the citizen was being asked
    by the bot is dropped, so that it cannot go on under the human; so is word of the bot's return
    that could not be sent yet."""
    conversation.touched_at = now
    if conversation.mode == conversations.HUMAN and conversation.ticket_id == row.id:
        return
    conversation.mode = conversations.HUMAN
    conversation.ticket_id = row.id
    conversation.state = {}
    await session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.conversation_id == conversation.id,
            OutboxRow.state == "held",
            OutboxRow.origin_kind == "line",
            OutboxRow.origin_ref.in_(SILENCE_LINES),
        )
        .values(state=conversations.WITHDRAWN)
        .execution_options(synchronize_session=False)
    )
    await session.flush()


async def to_bot(session: AsyncSession, conversation: ConversationRow, now: datetime) -> None:
    """To the bot, unless another open ticket of the conversation is in a human's hands."""
    other = await session.scalar(
        select(TicketRow)
        .where(
            TicketRow.conversation_id == conversation.id,
            TicketRow.state != CLOSED,
            TicketRow.assignee_id.is_not(None),
        )
        .order_by(TicketRow.id.desc())
        .limit(1)
    )
    conversation.ticket_id = other.id if other is not None else None
    conversation.mode = conversations.HUMAN if other is not None else conversations.BOT
    conversation.touched_at = now if other is not None else None
    conversation.state = {}
