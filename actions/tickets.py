"""Tickets: opening, listing, replying, assigning, closing. All writes to them happen here.

A reply is sent verbatim through the outbox, without the name of whoever wrote it (promise 6).
The first reply, or taking the ticket, gives the conversation to a human; closing the ticket gives
it back to the bot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import numbers
from actions.deadlines import WorkingHours, due_at
from core import conversations, metrics
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.conversations import Utterance
from core.db.engine import Database
from core.db.tables import ConversationRow, StaffRow, TicketEventRow, TicketRow
from core.errors import ConflictError, InputError, NotFoundError
from core.logs import get_logger, new_correlation_id
from core.messages import Language, Origin, OutboundMessage, text_hash
from core.queues.outbox import Outbox
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

KINDS = ("complaint", "human", "rumour", "suggestion", "urgent", "unhandled")
OPEN, ANSWERED, CLOSED = "open", "answered", "closed"

#: WhatsApp and Telegram take 4,096 characters in one text.
MAX_REPLY = 4_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as lists show it. `overdue` is about the first answer."""

    number: str
    kind: str
    state: str
    urgent: bool
    department: str | None
    assignee: str | None
    channel: str
    language: str
    conversation_id: int
    opened_at: datetime
    due_at: datetime
    first_reply_at: datetime | None
    closed_at: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """Something that happened to a ticket; `staff` is for the desk's eyes only."""

    at: datetime
    kind: str
    staff: str | None
    text: str


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its history and the whole conversation."""

    ticket: Ticket
    events: list[TicketEvent]
    conversation: list[Utterance] = field(default_factory=list)


class Tickets:
    """The one way to tickets."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        catalogue: Catalogue,
        wakeup: Wakeup,
        hours: WorkingHours,
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._catalogue = catalogue
        self._wakeup = wakeup
        self._hours = hours
        self._clock = clock

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
    ) -> TicketRow:
        """Open a ticket. The caller tells the citizen its number and deadline, commits, and then
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
        )
        session.add(row)
        await session.flush()
        self._record(session, row, "opened", None, statement)
        metrics.TICKETS.labels(kind).inc()
        log.info("ticket opened", ticket=row.id, kind=kind, conversation=conversation.id)
        return row

    async def append(
        self, session: AsyncSession, conversation: ConversationRow, *, urgent: bool = False
    ) -> TicketRow | None:
        """A citizen wrote while a human has the conversation: the ticket waits for an answer
        again. Returns the ticket, or None when it is gone."""
        if conversation.ticket_id is None:
            return None
        row = await session.get(TicketRow, conversation.ticket_id)
        if row is None or row.state == CLOSED:
            return None
        row.state = OPEN
        if urgent and not row.urgent:
            row.urgent = True
            row.due_at = min(row.due_at, due_at("human", True, self._clock(), self._hours))
            self._record(session, row, "urgent", None, "")
        return row

    async def add_statement(self, session: AsyncSession, row: TicketRow, text: str) -> None:
        """The citizen told more about an open ticket."""
        row.state = OPEN
        self._record(session, row, "told more", None, text)

    async def of_conversation(self, session: AsyncSession, conversation_id: int) -> list[TicketRow]:
        """The writer's own tickets, newest first."""
        rows = await session.scalars(
            select(TicketRow)
            .where(TicketRow.conversation_id == conversation_id)
            .order_by(TicketRow.id.desc())
        )
        return list(rows)

    # -- from staff: transactions of their own -------------------------------------------------

    async def list(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        include_closed: bool = False,
        limit: int = 200,
    ) -> list[Ticket]:
        """The queue: urgent first, then oldest first, and nothing else decides (promise 5)."""
        query = _ticket_query().order_by(TicketRow.urgent.desc(), TicketRow.opened_at, TicketRow.id)
        if state is not None:
            query = query.where(TicketRow.state == state)
        elif not include_closed:
            query = query.where(TicketRow.state != CLOSED)
        if kind is not None:
            query = query.where(TicketRow.kind == kind)
        async with self._db.read() as session:
            rows = (await session.execute(query.limit(limit))).all()
        now = self._clock()
        return [_ticket(row, now) for row in rows]

    async def counts(self) -> dict[str, int]:
        """How many tickets are in each state."""
        async with self._db.read() as session:
            rows = await session.execute(
                select(TicketRow.state, func.count()).group_by(TicketRow.state)
            )
            return {row[0]: row[1] for row in rows}

    async def show(self, number: str) -> TicketView:
        """One ticket, its history and the whole conversation.

        Raises:
            NotFoundError: there is no such ticket.
        """
        async with self._db.read() as session:
            query = _ticket_query().where(TicketRow.number == numbers.normalise(number))
            found = (await session.execute(query)).one_or_none()
            if found is None:
                raise _no_ticket(number)
            events = await session.execute(
                select(TicketEventRow, StaffRow.name)
                .outerjoin(StaffRow, StaffRow.id == TicketEventRow.staff_id)
                .where(TicketEventRow.ticket_id == found.TicketRow.id)
                .order_by(TicketEventRow.id)
            )
            history = [
                TicketEvent(event.at, event.kind, name, event.text) for event, name in events
            ]
            said = await conversations.transcript(session, found.TicketRow.conversation_id)
        return TicketView(_ticket(found, self._clock()), history, said)

    async def reply(self, number: str, text: str, staff_id: int | None) -> int:
        """Send a reply, verbatim; the conversation is a human's from now on. Returns the outbox
        row's id.

        Raises:
            NotFoundError: no such ticket. InputError: empty or too long. ConflictError: closed.
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
            row, conversation = await self._open_ticket(session, number)
            await self._hand_to_human(session, row, conversation)
            language: Language = "en" if conversation.language == "en" else "ar"
            message = OutboundMessage(text, Origin("staff", row.number, text_hash(text)), language)
            outbox_id = await self._outbox.put(
                session,
                conversation.id,
                message,
                correlation=new_correlation_id(),
                ticket_id=row.id,
            )
            row.state = ANSWERED
            row.first_reply_at = row.first_reply_at or self._clock()
            if row.assignee_id is None:
                row.assignee_id = staff_id
            self._record(session, row, "reply", staff_id, text, outbox_id)
            conversation_id = conversation.id
        await self._wake(conversation_id)
        return outbox_id

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
                await self._hand_to_human(session, row, conversation)
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
            row, _ = await self._ticket_and_conversation(session, number)
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
            if conversation.ticket_id == row.id:
                await self._back_to_bot(session, conversation)
            language: Language = "en" if conversation.language == "en" else "ar"
            await self._outbox.put(
                session,
                conversation.id,
                self._catalogue.line("ticket_closed", language, number=row.number),
                correlation=new_correlation_id(),
                ticket_id=row.id,
            )
            self._record(session, row, "closed", staff_id, "")
            conversation_id = conversation.id
        await self._wake(conversation_id)

    # -- inside --------------------------------------------------------------------------------

    async def _open_ticket(
        self, session: AsyncSession, number: str
    ) -> tuple[TicketRow, ConversationRow]:
        row, conversation = await self._ticket_and_conversation(session, number)
        if row.state == CLOSED:
            raise ConflictError(f"Ticket {row.number} is closed.")
        return row, conversation

    async def _ticket_and_conversation(
        self, session: AsyncSession, number: str
    ) -> tuple[TicketRow, ConversationRow]:
        row = await session.scalar(
            select(TicketRow).where(TicketRow.number == numbers.normalise(number)).with_for_update()
        )
        if row is None:
            raise _no_ticket(number)
        return row, await conversations.load(session, row.conversation_id, lock=True)

    async def _hand_to_human(
        self, session: AsyncSession, row: TicketRow, conversation: ConversationRow
    ) -> None:
        """The conversation follows the ticket that a human took last. What the citizen was being
        asked by the bot is dropped, so that it cannot go on under the human."""
        if conversation.mode == conversations.HUMAN and conversation.ticket_id == row.id:
            return
        conversation.mode = conversations.HUMAN
        conversation.ticket_id = row.id
        conversation.state = {}
        await session.flush()

    async def _back_to_bot(self, session: AsyncSession, conversation: ConversationRow) -> None:
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
        conversation.state = {}

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


def _ticket_query() -> Select[TicketRow, str, str, str]:
    return (
        select(
            TicketRow,
            StaffRow.name.label("assignee"),
            ConversationRow.channel.label("channel"),
            ConversationRow.language.label("language"),
        )
        .join(ConversationRow, ConversationRow.id == TicketRow.conversation_id)
        .outerjoin(StaffRow, StaffRow.id == TicketRow.assignee_id)
    )


def _ticket(found, now: datetime) -> Ticket:  # type: ignore[no-untyped-def]
    row: TicketRow = found.TicketRow
    return Ticket(
        number=row.number,
        kind=row.kind,
        state=row.state,
        urgent=row.urgent,
        department=row.department,
        assignee=found.assignee,
        channel=found.channel,
        language=found.language,
        conversation_id=row.conversation_id,
        opened_at=row.opened_at,
        due_at=row.due_at,
        first_reply_at=row.first_reply_at,
        closed_at=row.closed_at,
        overdue=row.first_reply_at is None and row.state != CLOSED and now > row.due_at,
    )


def _no_ticket(number: str) -> NotFoundError:
    hint = "" if numbers.is_valid(numbers.normalise(number)) else " A digit may be mistyped."
    return NotFoundError(f"There is no ticket {number[:20]}.{hint}")
