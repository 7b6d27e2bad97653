"""A ticket and its conversation, locked together; and who has the conversation: a human, for one
ticket, or the bot. Everything runs in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions.ticket_views import CLOSED, no_ticket
from core import conversations
from core.db.tables import ConversationRow, OutboxRow, TicketRow
from core.errors import ConflictError

#: The lines that say that the bot is back after a silence.
SILENCE_LINES = ("human_silent_answered", "human_silent_waiting")


async def locked(
    session: AsyncSession, number: str, held: ConversationRow | None = None
) -> tuple[TicketRow, ConversationRow]:
    """The ticket with this number (as it is stored) and the conversation where it is, both locked:
    the conversation first, because a citizen's turn locks it first. `held` is a conversation that
    is locked already.

    Raises:
        NotFoundError: there is no such ticket. ConflictError: it is being moved again and again.
    """
    query = select(TicketRow).where(TicketRow.number == number)
    query = query.execution_options(populate_existing=True)
    for _ in range(5):
        row = await session.scalar(query)
        if row is None:
            raise no_ticket(number)
        place = row.conversation_id
        if held is not None and held.id == place:
            conversation = held
        else:
            conversation = await conversations.load(session, place, lock=True)
        row = (await session.scalars(query.with_for_update())).one()
        if row.conversation_id == place:
            return row, conversation
    raise ConflictError(f"Ticket {number} is being moved. Try again.")


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
