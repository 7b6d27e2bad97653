"""Messages of a ticket that could not be delivered: finding them, sending one again, dropping one.

A message that was given up stays in the outbox as it is. Sending it again puts the same words in
anew, to the conversation in which the ticket is now, at most once for each failure. Who wrote it
is told until one of the two is done.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import handing, numbers
from actions.undelivered import DROPPED, RESENT
from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import OutboxRow, TicketEventRow, TicketRow
from core.errors import ConflictError, NotFoundError
from core.logs import get_logger
from core.messages import OutboundMessage
from core.queues.outbox import Outbox
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)


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
            # The lock on the conversation keeps the order of what is said in it; that on the ticket
            # keeps two colleagues from settling the same failure.
            ticket, conversation = await handing.locked(session, numbers.normalise(number))
            failed = await self._failed(session, ticket, outbox_id)
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
            ticket, _ = await handing.locked(session, numbers.normalise(number))
            await self._failed(session, ticket, outbox_id)
            self._record(session, ticket, DROPPED, staff_id, outbox_id)
        await self._wakeup.wake(DESK)

    async def _failed(self, session: AsyncSession, ticket: TicketRow, outbox_id: int) -> OutboxRow:
        row = await session.get(OutboxRow, outbox_id)
        if row is None or row.ticket_id != ticket.id:
            raise NotFoundError(f"There is no such message on ticket {ticket.number}.")
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
        return row

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
