"""An urgent message: the emergency text at once, and a ticket at the head of the queue."""

from __future__ import annotations

from actions.base import ActionResult, Turn
from actions.tickets import CLOSED, Tickets
from core.catalogue import Catalogue


class Emergency:
    """Asks nothing first: the ticket is opened without a confirmation."""

    def __init__(self, catalogue: Catalogue, tickets: Tickets) -> None:
        self._catalogue = catalogue
        self._tickets = tickets

    async def run(self, turn: Turn) -> ActionResult:
        """See `Action.run`. A second urgent message goes to the ticket that is open already."""
        text = self._catalogue.line("emergency", turn.language)
        rows = await self._tickets.of_conversation(turn.session, turn.conversation.id)
        known = next((row for row in rows if row.urgent and row.state != CLOSED), None)
        if known is not None:
            await self._tickets.add_statement(turn.session, known, turn.text)
            noted = self._catalogue.line("urgent_noted", turn.language, number=known.number)
            return ActionResult((text, noted), ticket_id=known.id)
        row = await self._tickets.open(
            turn.session,
            turn.conversation,
            kind="urgent",
            statement=turn.text,
            urgent=True,
            department=turn.department,
        )
        told = self._catalogue.line(
            "ticket_opened_urgent",
            turn.language,
            number=row.number,
            code=await self._tickets.issue_code(turn.session, row),
            date=row.due_at,
        )
        return ActionResult((text, told), ticket_id=row.id)
