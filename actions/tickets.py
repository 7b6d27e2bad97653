"""Tickets: opening, listing, replying, assigning, closing. All writes to them happen here.

A reply is sent verbatim through the outbox, without the name of whoever wrote it (promise 6).
The first reply, or taking the ticket, gives the conversation to a human; closing the ticket gives
it back to the bot.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import answering, codes, handing, numbers
from actions.answering import Answering, BeingAnsweredError
from actions.deadlines import WorkingHours, due_at
from actions.ticket_views import (
    ANSWERED,
    CLOSED,
    KINDS,
    OPEN,
    Ticket,
    TicketEvent,
    TicketView,
    TicketViews,
    make_found,
    no_ticket,
)
from core import metrics
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import ConversationRow, StaffRow, TicketEventRow, TicketRow
from core.errors import ConflictError, InputError
from core.logs import get_logger, new_correlation_id
from core.messages import Language, Origin, OutboundMessage, text_hash
from core.queues.outbox import Outbox
from core.text.clean import fold_all
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

__all__ = [
    "ANSWERED",
    "CLOSED",
    "KINDS",
    "MAX_REPLY",
    "OPEN",
    "Ticket",
    "TicketEvent",
    "TicketView",
    "Tickets",
]

log = get_logger(__name__)

#: WhatsApp and Telegram take 4,096 characters in one text.
MAX_REPLY = 4_000

#: Kinds of events whose words are found by a search.
_SPOKEN = ("opened", "told more", "reply", "note")


class Tickets(TicketViews):
    """The one way to tickets."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        catalogue: Catalogue,
        wakeup: Wakeup,
        hours: WorkingHours,
        vault: Vault,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(db, clock)
        self._outbox = outbox
        self._catalogue = catalogue
        self._wakeup = wakeup
        self._hours = hours
        self._vault = vault

    # -- from a citizen's turn: in the caller's transaction ------------------------------------

    async def open(
        self,
        session: AsyncSession,
        conversation: ConversationRow,
        *,
        kind: str,
        statement: str,
        urgent: bool = False,
        department: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> TicketRow:
        """Open a ticket. `details` are what the intake asked for: `what`, `where`, `when`,
        `reference`. The caller tells the citizen its number, code and deadline, commits, and then
        wakes `DESK`."""
        now = self._clock()
        row = TicketRow(
            number=await self._free_number(session),
            conversation_id=conversation.id,
            kind=kind,
            state=OPEN,
            urgent=urgent,
            department=department,
            opened_at=now,
            due_at=due_at("human" if kind == "urgent" else kind, urgent, now, self._hours),
            details={key: value for key, value in (details or {}).items() if value} or None,
            search_text=fold_all(" ".join((details or {}).values())),
        )
        session.add(row)
        await session.flush()
        self._record(session, row, "opened", None, statement)
        metrics.TICKETS.labels(kind).inc()
        log.info("ticket opened", ticket=row.id, kind=kind, conversation=conversation.id)
        return row

    async def issue_code(self, session: AsyncSession, row: TicketRow) -> str:
        """Draw the ticket's secret code and return it, once: only its keyed hash is kept. A code
        given out before is worth nothing from then on."""
        code = codes.draw()
        row.code_hash = codes.hash_of(self._vault, row.number, code)
        await session.flush()
        return code

    async def append(
        self,
        session: AsyncSession,
        conversation: ConversationRow,
        *,
        urgent: bool = False,
        text: str = "",
    ) -> TicketRow | None:
        """A citizen wrote `text` while a human has the conversation: the ticket waits for an
        answer again. Returns the ticket, or None when it is gone."""
        if conversation.ticket_id is None:
            return None
        row = await session.get(TicketRow, conversation.ticket_id)
        if row is None or row.state == CLOSED:
            return None
        row.state = OPEN
        conversation.touched_at = self._clock()
        make_found(row, text)
        if urgent and not row.urgent:
            row.urgent = True
            row.due_at = min(row.due_at, due_at("human", True, self._clock(), self._hours))
            self._record(session, row, "urgent", None, "")
        return row

    async def add_statement(self, session: AsyncSession, row: TicketRow, text: str) -> None:
        """The citizen told more about an open ticket."""
        row.state = OPEN
        self._record(session, row, "told more", None, text)

    # -- from staff: transactions of their own -------------------------------------------------

    async def reply(
        self, number: str, text: str, staff_id: int | None, *, seen: int | None = None
    ) -> int:
        """Send a reply, verbatim; the conversation is a human's from now on. Returns the outbox
        row's id.

        `seen` is the outbox id of the newest reply that the writer has read (0: none). What was
        replied since is looked at in this very transaction: the same words are not sent twice
        (the id of the former is returned), and other words by somebody else stop this reply.

        Raises:
            NotFoundError: no such ticket. InputError: empty or too long. ConflictError: closed.
            AnsweredMeanwhileError: somebody else replied. BeingAnsweredError: somebody else holds
                the lock. In each case nothing was sent.
        """
        text = text.replace("\r\n", "\n").replace("\x00", "").strip()
        if not text:
            raise InputError("The reply is empty; nothing was sent.")
        if len(text) > MAX_REPLY:
            raise InputError(
                f"The reply has {len(text)} characters; {MAX_REPLY} is the most that the channels "
                "take. Shorten it or send it in two replies. Nothing was sent."
            )
        async with self._db.write() as session:
            row, conversation = await handing.locked(session, numbers.normalise(number))
            if seen is not None:
                former = await answering.same_reply(session, row, text, staff_id, seen)
                if former is not None:
                    return former
            _refuse_closed(row)
            now = self._clock()
            writing = await answering.now_by(session, row, staff_id, now)
            if writing.holder is not None and not writing.mine:
                raise BeingAnsweredError(row.number, writing.holder)
            row.answering_id = row.answering_until = None
            await handing.to_human(session, row, conversation, now)
            message = OutboundMessage(
                text, Origin("staff", row.number, text_hash(text)), _language(conversation)
            )
            outbox_id = await self._outbox.put(
                session,
                conversation.id,
                message,
                correlation=new_correlation_id(),
                ticket_id=row.id,
            )
            row.state = ANSWERED
            row.first_reply_at = row.first_reply_at or now
            if row.assignee_id is None:
                row.assignee_id = staff_id
            self._record(session, row, "reply", staff_id, text, outbox_id)
            conversation_id = conversation.id
        await self._wake(conversation_id)
        return outbox_id

    async def begin_answer(
        self, number: str, staff_id: int, *, take_over: bool = False
    ) -> Answering:
        """Say that this member of staff is writing a reply, for the next 60 seconds; calling again
        renews it. Somebody else's lock stands, unless it is taken over; then theirs is gone.
        Returns who holds it now.

        Raises:
            NotFoundError: no such ticket. ConflictError: it is closed.
        """
        number, now = numbers.normalise(number), self._clock()
        async with self._db.write() as session:
            taken = await answering.begin(session, number, staff_id, now, take_over=take_over)
            row = await session.scalar(select(TicketRow).where(TicketRow.number == number))
            if row is None:
                raise no_ticket(number)
            _refuse_closed(row)
            writing = await answering.now_by(session, row, staff_id, now)
        if taken:
            await self._wakeup.wake(DESK)
        return writing

    async def end_answer(self, number: str, staff_id: int) -> None:
        """This member of staff writes no longer. Somebody else's lock stands."""
        async with self._db.write() as session:
            ended = await answering.end(session, numbers.normalise(number), staff_id)
        if ended:
            await self._wakeup.wake(DESK)

    async def assign(self, number: str, assignee_id: int | None, staff_id: int | None) -> None:
        """Give the ticket to a member of staff (None: to nobody). Who takes a ticket takes the
        conversation.

        Raises:
            NotFoundError: no such ticket. ConflictError: it is closed.
        """
        async with self._db.write() as session:
            row, conversation = await self._open_ticket(session, number)
            row.assignee_id = assignee_id
            if assignee_id is not None:
                await handing.to_human(session, row, conversation, self._clock())
            assignee = await session.get(StaffRow, assignee_id) if assignee_id else None
            kind = "released" if assignee is None else "assigned"
            self._record(session, row, kind, staff_id, assignee.name if assignee else "")
            conversation_id = conversation.id
        await self._wake(conversation_id)

    async def note(self, number: str, text: str, staff_id: int | None) -> None:
        """An internal note; the citizen never sees it.

        Raises:
            NotFoundError: no such ticket. InputError: empty.
        """
        if not text.strip():
            raise InputError("The note is empty.")
        async with self._db.write() as session:
            row, _ = await handing.locked(session, numbers.normalise(number))
            self._record(session, row, "note", staff_id, text.strip())
        await self._wakeup.wake(DESK)

    async def close(self, number: str, staff_id: int | None) -> None:
        """Close the ticket, tell the citizen, and give the conversation back to the bot.

        Raises:
            NotFoundError: no such ticket. ConflictError: closed already, or never answered.
        """
        async with self._db.write() as session:
            row, conversation = await self._open_ticket(session, number)
            if row.first_reply_at is None:
                raise ConflictError(
                    f"Ticket {row.number} has no reply yet. Nobody is left without an answer: "
                    "reply first, then close."
                )
            row.state = CLOSED
            row.closed_at = self._clock()
            row.answering_id = row.answering_until = None
            if conversation.ticket_id == row.id:
                await handing.to_bot(session, conversation, self._clock())
            await self._tell(session, row, conversation, "ticket_closed")
            self._record(session, row, "closed", staff_id, "")
            conversation_id = conversation.id
        await self._wake(conversation_id)

    async def reopen(self, number: str, staff_id: int | None) -> None:
        """Open a closed ticket again and tell the citizen. If somebody has the ticket, they have
        the conversation again.

        Raises:
            NotFoundError: no such ticket. ConflictError: it is not closed.
        """
        async with self._db.write() as session:
            row, conversation = await handing.locked(session, numbers.normalise(number))
            if row.state != CLOSED:
                raise ConflictError(f"Ticket {row.number} is not closed.")
            row.state = OPEN
            row.closed_at = None
            if row.assignee_id is not None:
                await handing.to_human(session, row, conversation, self._clock())
            await self._tell(session, row, conversation, "ticket_reopened")
            self._record(session, row, "reopened", staff_id, "")
            conversation_id = conversation.id
        await self._wake(conversation_id)

    # -- inside --------------------------------------------------------------------------------

    async def _open_ticket(
        self, session: AsyncSession, number: str
    ) -> tuple[TicketRow, ConversationRow]:
        row, conversation = await handing.locked(session, numbers.normalise(number))
        _refuse_closed(row)
        return row, conversation

    async def _tell(
        self, session: AsyncSession, row: TicketRow, conversation: ConversationRow, line: str
    ) -> None:
        await self._outbox.put(
            session,
            conversation.id,
            self._catalogue.line(line, _language(conversation), number=row.number),
            correlation=new_correlation_id(),
            ticket_id=row.id,
        )

    async def _free_number(self, session: AsyncSession) -> str:
        for _ in range(200):
            number = numbers.draw()
            taken = await session.scalar(select(TicketRow.id).where(TicketRow.number == number))
            if taken is None:
                return number
        raise ConflictError("The ticket numbers are used up.")

    def _record(
        self,
        session: AsyncSession,
        row: TicketRow,
        kind: str,
        staff_id: int | None,
        text: str,
        outbox_id: int | None = None,
    ) -> None:
        if kind in _SPOKEN:
            make_found(row, text)
        session.add(
            TicketEventRow(
                ticket_id=row.id,
                at=self._clock(),
                kind=kind,
                staff_id=staff_id,
                text=text,
                outbox_id=outbox_id,
            )
        )

    async def _wake(self, conversation_id: int) -> None:
        for topic in (OUTBOX, DESK, conversation_topic(conversation_id)):
            await self._wakeup.wake(topic)


def _refuse_closed(row: TicketRow) -> None:
    if row.state == CLOSED:
        raise ConflictError(f"Ticket {row.number} is closed.")


def _language(conversation: ConversationRow) -> Language:
    return "en" if conversation.language == "en" else "ar"
