"""What the desk reads from the database beyond what `actions.tickets` shows: change numbers that
tell a page whether it is still up to date, since when people wait, and what was not delivered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from actions.tickets import CLOSED, Ticket
from core.clock import Clock
from core.db.engine import Database
from core.db.tables import ConversationRow, InboxRow, OutboxRow, TicketEventRow, TicketRow

#: The conversation is named too because the outbox is indexed by it, not by ticket.
_OF_TICKET = and_(
    OutboxRow.conversation_id == TicketRow.conversation_id, OutboxRow.ticket_id == TicketRow.id
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

    async def queue_version(self) -> str:
        """Changes whenever anything that the queue shows changes, and once a minute, because the
        queue says how long people have waited."""
        now = self._clock()
        async with self._db.read() as session:
            last = await session.scalar(select(func.max(TicketEventRow.id)))
            states = await session.execute(
                select(TicketRow.state, func.count())
                .group_by(TicketRow.state)
                .order_by(TicketRow.state)
            )
            failed = await session.scalar(
                select(func.count())
                .select_from(TicketRow)
                .join(OutboxRow, _OF_TICKET)
                .where(OutboxRow.state == "failed", TicketRow.state != CLOSED)
            )
            counts = [tuple(row) for row in states]
        return _digest("queue", last, counts, failed, int(now.timestamp() // 60))

    async def ticket_version(self, ticket: Ticket) -> str:
        """Changes whenever anything that the page of this ticket shows changes."""
        now = self._clock()
        conversation = ticket.conversation_id
        async with self._db.read() as session:
            row = await session.scalar(select(TicketRow).where(TicketRow.number == ticket.number))
            if row is None:
                return _digest("gone")
            last_event = await session.scalar(
                select(func.max(TicketEventRow.id)).where(TicketEventRow.ticket_id == row.id)
            )
            inbound = await session.scalar(
                select(func.max(InboxRow.id)).where(InboxRow.conversation_id == conversation)
            )
            outbound = await session.execute(
                select(
                    OutboxRow.state,
                    func.count(),
                    func.max(OutboxRow.id),
                    func.sum(OutboxRow.attempts),
                )
                .where(OutboxRow.conversation_id == conversation)
                .group_by(OutboxRow.state)
                .order_by(OutboxRow.state)
            )
            sent = [tuple(entry) for entry in outbound]
        overdue = row.first_reply_at is None and now > row.due_at
        return _digest(
            "ticket", last_event, row.state, row.urgent, row.assignee_id, overdue, inbound, sent
        )

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
                .join(OutboxRow, _OF_TICKET)
                .where(OutboxRow.state == "failed", TicketRow.state != CLOSED)
                .distinct()
            )
            return Side(last_inbound, frozenset(failed))


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:20]
