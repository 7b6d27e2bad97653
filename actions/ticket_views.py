"""Reading tickets: the queue with its filters and search, and one ticket with all that was said.

Nothing is written here; `actions.tickets` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from actions import numbers
from actions.undelivered import undelivered as is_undelivered
from actions.undelivered import written_by
from core import conversations
from core.clock import Clock, utc_now
from core.conversations import Utterance
from core.db.engine import Database
from core.db.tables import (
    ConversationRow,
    OutboxRow,
    StaffRow,
    TicketEventRow,
    TicketPlaceRow,
    TicketRow,
)
from core.errors import NotFoundError
from core.text.clean import fold, fold_all

KINDS = ("complaint", "human", "rumour", "suggestion", "urgent", "unhandled")
OPEN, ANSWERED, CLOSED = "open", "answered", "closed"

#: Characters of folded words that a search looks at; the newest are kept.
_MAX_SEARCHED = 100_000

#: Words of a search that are looked at.
_MOST_WORDS = 8

_Holder = aliased(StaffRow)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as lists show it. `overdue` is about the first answer. `answering` is the name of
    whoever is writing a reply just now (for the desk's eyes only), until `answering_until`."""

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
    assignee_id: int | None = None
    answering: str | None = None
    answering_id: int | None = None
    answering_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """Something that happened to a ticket; `staff` is for the desk's eyes only. `outbox_id` is
    the message that a reply became (of the last part, where it became several)."""

    at: datetime
    kind: str
    staff: str | None
    text: str
    outbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its history and the whole conversation: that of the place where it is now,
    and that of the places it was in before, by time.

    `details` is what the intake asked for: `what`, `where`, `when`, `reference`, those that were
    told. `last_reply` is the outbox id of the newest reply of staff, 0 without one: what
    `Tickets.reply` takes as `seen`.
    """

    ticket: Ticket
    events: list[TicketEvent]
    conversation: list[Utterance] = field(default_factory=list)
    details: Mapping[str, str] = field(default_factory=dict)
    last_reply: int = 0


class TicketViews:
    """Reads tickets, in transactions of its own where no session is given."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def list(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        urgent: bool | None = None,
        department: str | None = None,
        assignee_id: int | None = None,
        unassigned: bool = False,
        channel: str | None = None,
        search: str = "",
        overdue: bool = False,
        undelivered: bool = False,
        undelivered_by: int | None = None,
        include_closed: bool = False,
        limit: int = 200,
        offset: int = 0,
    ) -> list[Ticket]:
        """The queue: urgent first, then oldest first, and nothing else decides (promise 5).

        `search` is a number, or words that must all have been said on the ticket. `undelivered`
        are those with a message that was given up; `undelivered_by` a staff id: one that they
        wrote. Closed tickets are left out unless `state` or `include_closed` asks for them.
        """
        now = self._clock()
        query = _query().order_by(TicketRow.urgent.desc(), TicketRow.opened_at, TicketRow.id)
        wanted = (
            (state is not None, TicketRow.state == state),
            (state is None and not include_closed, TicketRow.state != CLOSED),
            (kind is not None, TicketRow.kind == kind),
            (urgent is not None, TicketRow.urgent.is_(bool(urgent))),
            (department is not None, TicketRow.department == department),
            (assignee_id is not None, TicketRow.assignee_id == assignee_id),
            (unassigned, TicketRow.assignee_id.is_(None)),
            (channel is not None, ConversationRow.channel == channel),
            (overdue, _is_overdue(now)),
            (undelivered, _is_undelivered(None)),
            (undelivered_by is not None, _is_undelivered(undelivered_by)),
        )
        query = query.where(*(condition for asked, condition in wanted if asked))
        query = query.where(*_found_by(search))
        async with self._db.read() as session:
            rows = (await session.execute(query.limit(limit).offset(offset))).all()
        return [_ticket(row, now) for row in rows]

    async def counts(self) -> dict[str, int]:
        """How many tickets are in each state."""
        async with self._db.read() as session:
            rows = await session.execute(
                select(TicketRow.state, func.count()).group_by(TicketRow.state)
            )
            return {row[0]: row[1] for row in rows}

    async def departments(self) -> Sequence[str]:
        """The departments that have tickets, by name."""
        async with self._db.read() as session:
            query = select(TicketRow.department).where(TicketRow.department.is_not(None))
            rows = await session.scalars(query.distinct().order_by(TicketRow.department))
            return [name for name in rows if name is not None]

    async def show(self, number: str) -> TicketView:
        """One ticket, its history and the whole conversation.

        Raises:
            NotFoundError: there is no such ticket.
        """
        async with self._db.read() as session:
            query = _query().where(TicketRow.number == numbers.normalise(number))
            found = (await session.execute(query)).one_or_none()
            if found is None:
                raise no_ticket(number)
            row: TicketRow = found.TicketRow
            events = await session.execute(
                select(TicketEventRow, StaffRow.name)
                .outerjoin(StaffRow, StaffRow.id == TicketEventRow.staff_id)
                .where(TicketEventRow.ticket_id == row.id)
                .order_by(TicketEventRow.id)
            )
            history = [
                TicketEvent(event.at, event.kind, name, event.text, event.outbox_id)
                for event, name in events
            ]
            said = await _said(session, row)
        replies = [event.outbox_id or 0 for event in history if event.kind == "reply"]
        return TicketView(
            _ticket(found, self._clock()),
            history,
            said,
            {key: str(value) for key, value in (row.details or {}).items() if value},
            max(replies, default=0),
        )

    async def of_conversation(
        self, session: AsyncSession, conversation_id: int
    ) -> Sequence[TicketRow]:
        """The writer's own tickets, newest first."""
        rows = await session.scalars(
            select(TicketRow)
            .where(TicketRow.conversation_id == conversation_id)
            .order_by(TicketRow.id.desc())
        )
        return rows.all()


async def _said(session: AsyncSession, row: TicketRow) -> list[Utterance]:
    places = await session.execute(
        select(TicketPlaceRow.conversation_id, TicketPlaceRow.left_at)
        .where(TicketPlaceRow.ticket_id == row.id)
        .order_by(TicketPlaceRow.id)
    )
    left: dict[int, datetime | None] = {place: left_at for place, left_at in places}  # noqa: C416
    return await conversations.transcript_of(
        session, {**left, row.conversation_id: None}, for_staff=True
    )


def _query() -> Select[TicketRow, str, str, str, str]:
    return (
        select(
            TicketRow,
            StaffRow.name.label("assignee"),
            ConversationRow.channel.label("channel"),
            ConversationRow.language.label("language"),
            _Holder.name.label("answering"),
        )
        .join(ConversationRow, ConversationRow.id == TicketRow.conversation_id)
        .outerjoin(StaffRow, StaffRow.id == TicketRow.assignee_id)
        .outerjoin(_Holder, _Holder.id == TicketRow.answering_id)
    )


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    return (
        TicketRow.first_reply_at.is_(None) & (TicketRow.state != CLOSED) & (TicketRow.due_at < now)
    )


def _is_undelivered(staff_id: int | None) -> ColumnElement[bool]:
    """Whether a message of the ticket was given up and nobody settled it yet; with a staff id, one
    that they wrote."""
    failed = select(OutboxRow.id).where(OutboxRow.ticket_id == TicketRow.id, is_undelivered())
    if staff_id is not None:
        failed = failed.where(written_by(staff_id))
    return failed.correlate(TicketRow).exists()


def _has(word: str) -> ColumnElement[bool]:
    said = TicketRow.search_text.contains(word, autoescape=True)
    # Fewer digits stand in every other number.
    named = TicketRow.number.contains(word) if word.isdigit() and len(word) >= 3 else false()
    return or_(said, named)


def _found_by(search: str) -> Sequence[ColumnElement[bool]]:
    """Every word must occur. A number is found however it is written."""
    words = fold(search).split()[:_MOST_WORDS]
    if not words:
        return ()
    every = and_(*(_has(word) for word in words))
    return (or_(TicketRow.number == numbers.normalise(search[:40]), every),)


def make_found(row: TicketRow, text: str) -> None:
    """Let a search find the ticket by these words too."""
    folded = fold_all(text)
    if folded:
        row.search_text = f"{row.search_text} {folded}".strip()[-_MAX_SEARCHED:]


def _ticket(found, now: datetime) -> Ticket:  # type: ignore[no-untyped-def]
    row: TicketRow = found.TicketRow
    held = row.answering_until is not None and row.answering_until > now
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
        assignee_id=row.assignee_id,
        answering=found.answering if held else None,
        answering_id=row.answering_id if held else None,
        answering_until=row.answering_until if held else None,
    )


def no_ticket(number: str) -> NotFoundError:
    """The error that says that there is no such ticket."""
    hint = "" if numbers.is_valid(numbers.normalise(number)) else " A digit may be mistyped."
    return NotFoundError(f"There is no ticket {number[:20]}.{hint}")
