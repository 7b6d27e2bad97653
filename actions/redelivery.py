"""Messages of a ticket that could not be delivered: finding them, sending one again, dropping one.

A message that was given up stays in the outbox as it is. Sending it again puts the same words in
anew, to the conversation in which the ticket is now, at most once for each failure. Who wrote it
is told until one of the two is done.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from actions import numbers
from core import conversations
from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import OutboxRow, TicketEventRow, TicketRow
from core.errors import ConflictError, NotFoundError
from core.logs import get_logger
from core.messages import OutboundMessage
from core.queues.outbox import Outbox
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

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


class Redelivery:
    """Settles failed deliveries."""

    def __init__(
        self, db: Database, outbox: Outbox, wakeup: Wakeup, clock: Clock = utc_now
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._wakeup = wakeup
        self._clock = clock

    async def send_again(self, number: str, outbox_id: int, staff_id: int | None) -> int:
        """Put the words of a failed message into the outbox again; returns the new row's id.

        Raises:
            NotFoundError: no such ticket, or no such message on it.
            ConflictError: the message did not fail, or its failure is settled already.
        """
        async with self._db.write() as session:
            # Whoever else writes to this conversation waits, so that the order holds. It is locked
            # before the ticket, as a citizen's turn locks them.
            of_ticket = TicketRow.number == numbers.normalise(number)
            place = await session.scalar(select(TicketRow.conversation_id).where(of_ticket))
            if place is not None:
                await conversations.load(session, place, lock=True)
            ticket, failed = await self._failed(session, number, outbox_id)
            conversation = await conversations.load(session, ticket.conversation_id, lock=True)
            message = OutboundMessage.from_payload(failed.payload)
            new_id = await self._outbox.put(
                session,
                conversation.id,
                message,
                correlation=failed.correlation,
                ticket_id=ticket.id,
            )
            self._record(session, ticket, RESENT, staff_id, outbox_id)
            conversation_id = conversation.id
            log.info("message sent again", ticket=ticket.id, outbox=new_id)
        for topic in (OUTBOX, DESK, conversation_topic(conversation_id)):
            await self._wakeup.wake(topic)
        return new_id

    async def drop(self, number: str, outbox_id: int, staff_id: int | None) -> None:
        """Take note of a failed message without sending it again: it is listed no longer.

        Raises:
            NotFoundError, ConflictError: as `send_again`.
        """
        async with self._db.write() as session:
            ticket, _ = await self._failed(session, number, outbox_id)
            self._record(session, ticket, DROPPED, staff_id, outbox_id)
        await self._wakeup.wake(DESK)

    async def _failed(
        self, session: AsyncSession, number: str, outbox_id: int
    ) -> tuple[TicketRow, OutboxRow]:
        # The lock on the ticket keeps two colleagues from settling the same failure.
        ticket = await session.scalar(
            select(TicketRow).where(TicketRow.number == numbers.normalise(number)).with_for_update()
        )
        row = await session.get(OutboxRow, outbox_id)
        if ticket is None or row is None or row.ticket_id != ticket.id:
            raise NotFoundError(f"There is no such message on ticket {number[:20]}.")
        if row.state != "failed":
            raise ConflictError("The message did not fail.")
        settled = await session.scalar(
            select(TicketEventRow.id)
            .where(
                TicketEventRow.ticket_id == ticket.id,
                TicketEventRow.outbox_id == outbox_id,
                TicketEventRow.kind.in_((RESENT, DROPPED)),
            )
            .limit(1)
        )
        if settled is not None:
            raise ConflictError("The failed message was settled already.")
        return ticket, row

    def _record(
        self,
        session: AsyncSession,
        ticket: TicketRow,
        kind: str,
        staff_id: int | None,
        outbox_id: int,
    ) -> None:
        session.add(
            TicketEventRow(
                ticket_id=ticket.id,
                at=self._clock(),
                kind=kind,
                staff_id=staff_id,
                text="",
                outbox_id=outbox_id,
            )
        )
