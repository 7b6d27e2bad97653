"""Tells a citizen what became of their own tickets, and of nobody else's."""

from __future__ import annotations

from actions import numbers
from actions.base import ActionResult, Turn
from actions.tickets import ANSWERED, CLOSED, Tickets
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.db.tables import TicketRow
from core.messages import Choice, Language, OutboundMessage

#: Tickets told at once; the newest and those still open come first.
_MOST = 3


class Status:
    """Answers "what happened to my complaint?"."""

    def __init__(self, catalogue: Catalogue, tickets: Tickets, clock: Clock = utc_now) -> None:
        self._catalogue = catalogue
        self._tickets = tickets
        self._clock = clock

    async def run(self, turn: Turn) -> ActionResult:
        """See `Action.run`."""
        rows = await self._tickets.of_conversation(turn.session, turn.conversation.id)
        named = turn.ticket_number
        resume = Choice("resume", self._catalogue.label("resume", turn.language))
        if named is not None and numbers.is_valid(named):
            rows = [row for row in rows if row.number == named]
            if not rows:
                line = self._catalogue.line(
                    "status_not_yours", turn.language, number=named, choices=(resume,)
                )
                return ActionResult((line,))
        if not rows:
            offer = Choice("complaint", self._catalogue.label("complaint", turn.language))
            line = self._catalogue.line("status_none", turn.language, choices=(offer, resume))
            return ActionResult((line,))
        unsettled = [row for row in rows if row.state != CLOSED]
        told = unsettled[:_MOST] or rows[:1]
        return ActionResult(tuple(self.tell(row, turn.language) for row in told))

    def tell(self, row: TicketRow, language: Language) -> OutboundMessage:
        """The line that says how a ticket stands."""
        line = self._catalogue.line
        if row.state == CLOSED and row.closed_at is not None:
            return line("status_closed", language, number=row.number, date=row.closed_at)
        if row.state == ANSWERED:
            return line("status_answered", language, number=row.number)
        if row.first_reply_at is not None:
            return line("status_waiting", language, number=row.number)
        key = "status_late" if self._clock() > row.due_at else "status_open"
        return line(key, language, number=row.number, date=row.due_at)
