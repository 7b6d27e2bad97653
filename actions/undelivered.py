"""Which messages of tickets did not reach the citizen, and whose they were: conditions for queries
over the outbox. `actions.redelivery` settles them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.db.tables import OutboxRow, TicketEventRow

#: Kinds of ticket events that settle a failed delivery; their `outbox_id` is the failed row.
RESENT, DROPPED = "resent", "dropped"

#: Written as a literal, so that both databases see that the index of failed rows fits.
_FAILED: ColumnElement[str] = literal_column("'failed'")


def undelivered() -> ColumnElement[bool]:
    """Whether an outbox row is a ticket's message that was given up, and nobody settled it yet.
    For queries over `OutboxRow`."""
    settled = (
        select(TicketEventRow.id)
        .where(
            TicketEventRow.ticket_id == OutboxRow.ticket_id,
            TicketEventRow.outbox_id == OutboxRow.id,
            TicketEventRow.kind.in_((RESENT, DROPPED)),
        )
        .correlate(OutboxRow)
    )
    return (OutboxRow.state == _FAILED) & OutboxRow.ticket_id.is_not(None) & ~settled.exists()


def written_by(staff_id: int) -> ColumnElement[bool]:
    """Whether an outbox row is (a part of) a reply that this member of staff wrote. The parts of
    one reply, and what was sent again, share its correlation."""
    last_part = aliased(OutboxRow)
    reply = (
        select(TicketEventRow.id)
        .join(last_part, last_part.id == TicketEventRow.outbox_id)
        .where(
            TicketEventRow.ticket_id == OutboxRow.ticket_id,
            TicketEventRow.kind == "reply",
            TicketEventRow.staff_id == staff_id,
            last_part.correlation == OutboxRow.correlation,
        )
        .correlate(OutboxRow)
    )
    return (OutboxRow.origin_kind == "staff") & reply.exists()


async def count_undelivered(session: AsyncSession, staff_id: int) -> int:
    """How many messages that this member of staff wrote did not reach the citizen, and wait to be
    sent again or noted."""
    query = select(func.count()).select_from(OutboxRow)
    return await session.scalar(query.where(undelivered(), written_by(staff_id))) or 0
