"""What the desk reads from the database beyond what `actions.tickets` shows: change numbers that
tell a page whether it is still up to date, since when people wait, and what was not delivered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from actions.tickets import CLOSED, Ticket
from actions.undelivered import count_undelivered, undelivered
from core.clock import Clock
from core.db.engine import Database
from core.db.tables import (
    AttachmentRow,
    ConversationRow,
    InboxRow,
    OutboxRow,
    TicketEventRow,
    TicketPlaceRow,
    TicketRow,
)


@dataclass(frozen=True, slots=True)
class Side:
    """What a list of tickets shows besides the tickets themselves, by conversation or number."""

    last_inbound: dict[int, datetime]
    undelivered: frozenset[str]


class Look:
    """Reads; changes nothing."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def queue_version(self, staff_id: int) -> str:
        """Changes whenever anything that the queue shows this member of staff changes, and once a
        minute, because the queue says how long people have waited."""
        now = self._clock()
        async with self._db.read() as session:
            last = await session.scalar(select(func.max(TicketEventRow.id)))
            states = await session.execute(
                select(TicketRow.state, func.count())
                .group_by(TicketRow.state)
                .order_by(TicketRow.state)
            )
            failed = await session.scalars(
                select(OutboxRow.id).where(undelivered()).order_by(OutboxRow.id)
            )
            answering = await session.execute(
                select(TicketRow.id, TicketRow.answering_id)
                .where(TicketRow.state != CLOSED, TicketRow.answering_until > now)
                .order_by(TicketRow.id)
            )
            parts = [[tuple(row) for row in states], list(failed), [tuple(r) for r in answering]]
            parts.append([await count_undelivered(session, staff_id)])
        return _digest("queue", last, parts, int(now.timestamp() // 60))

    async def ticket_version(self, number: str, staff_id: int) -> str:
        """Changes whenever anything that the page of this ticket shows this member of staff
        changes."""
        now = self._clock()
        async with self._db.read() as session:
            row = await session.scalar(select(TicketRow).where(TicketRow.number == number))
            if row is None:
                return _digest("gone")
            last_event = await session.scalar(
                select(func.max(TicketEventRow.id)).where(TicketEventRow.ticket_id == row.id)
            )
            former = await session.scalars(
                select(TicketPlaceRow.conversation_id).where(TicketPlaceRow.ticket_id == row.id)
            )
            places = sorted({row.conversation_id, *former})
            inbound = await session.execute(
                select(InboxRow.state, func.count(), func.max(InboxRow.id))
                .where(InboxRow.conversation_id.in_(places))
                .group_by(InboxRow.state)
                .order_by(InboxRow.state)
            )
            outbound = await session.execute(
                select(
                    OutboxRow.state,
                    func.count(),
                    func.max(OutboxRow.id),
                    func.sum(OutboxRow.attempts),
                )
                .where(OutboxRow.conversation_id.in_(places))
                .group_by(OutboxRow.state)
                .order_by(OutboxRow.state)
            )
            files = await session.execute(
                select(AttachmentRow.id, AttachmentRow.state)
                .where(
                    or_(
                        AttachmentRow.ticket_id == row.id, AttachmentRow.conversation_id.in_(places)
                    )
                )
                .order_by(AttachmentRow.id)
            )
            said = [[tuple(entry) for entry in entries] for entries in (inbound, outbound, files)]
            mine = await count_undelivered(session, staff_id)
        overdue = row.first_reply_at is None and now > row.due_at
        held = row.answering_until is not None and row.answering_until > now
        answering = row.answering_id if held else None
        holder = (row.state, row.urgent, row.assignee_id, overdue, answering)
        return _digest("ticket", last_event, places, holder, said, mine)

    async def undelivered_of(self, staff_id: int) -> int:
        """How many messages that this member of staff wrote did not reach the citizen, and wait
        to be sent again or noted."""
        async with self._db.read() as session:
            return await count_undelivered(session, staff_id)

    async def undelivered_on(self, number: str) -> frozenset[int]:
        """Outbox rows of this ticket that did not reach the citizen, and wait to be sent again or
        noted."""
        async with self._db.read() as session:
            rows = await session.scalars(
                select(OutboxRow.id)
                .join(TicketRow, TicketRow.id == OutboxRow.ticket_id)
                .where(TicketRow.number == number, undelivered())
            )
            return frozenset(rows)

    async def beside(self, tickets: Iterable[Ticket]) -> Side:
        """When the people behind these tickets wrote last, and which of the tickets have a
        message that could not be delivered."""
        conversations = {ticket.conversation_id for ticket in tickets}
        async with self._db.read() as session:
            inbound = await session.execute(
                select(ConversationRow.id, ConversationRow.last_inbound_at).where(
                    ConversationRow.id.in_(conversations),
                    ConversationRow.last_inbound_at.is_not(None),
                )
            )
            last_inbound = {row[0]: row[1] for row in inbound if row[1] is not None}
            failed = await session.scalars(
                select(TicketRow.number)
                .join(OutboxRow, OutboxRow.ticket_id == TicketRow.id)
                .where(undelivered())
                .distinct()
            )
            return Side(last_inbound, frozenset(failed))


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:20]
