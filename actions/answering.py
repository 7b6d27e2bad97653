"""Who is writing a reply to a ticket just now, so that two people never answer at once.

A lock that runs out by itself: whoever writes renews it, and whoever goes away loses it. It is
taken by one conditional UPDATE, so it holds over processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import CursorResult, Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import StaffRow, TicketEventRow, TicketRow
from core.errors import ConflictError

#: How long the lock holds after it was taken or renewed.
LOCK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who is writing: `holder` is a name for the desk's eyes only, `until` the lock's end; both
    None when nobody is."""

    holder: str | None
    mine: bool
    until: datetime | None


class BeingAnsweredError(ConflictError):
    """Somebody else is writing a reply; nothing was sent. `who` is for the desk's eyes only."""

    def __init__(self, number: str, who: str) -> None:
        super().__init__(f"Ticket {number} is being answered by {who}. Nothing was sent.")
        self.who = who


class AnsweredMeanwhileError(ConflictError):
    """Somebody else has replied since the writer looked; nothing was sent."""

    def __init__(self, number: str) -> None:
        super().__init__(
            f"Somebody else has answered ticket {number} meanwhile. Read that reply first. "
            "Nothing was sent."
        )


async def begin(
    session: AsyncSession, number: str, staff_id: int, now: datetime, *, take_over: bool
) -> bool | None:
    """Take or renew the lock on an unclosed ticket, in the caller's transaction. True when it was
    newly taken, False when it was renewed, None when it is not to be had."""
    ours = update(TicketRow).where(TicketRow.number == number, TicketRow.state != "closed")
    until = {"answering_until": now + LOCK}
    held = TicketRow.answering_until > now
    if await _changes(session, ours.where(TicketRow.answering_id == staff_id, held).values(until)):
        return False
    if not take_over:
        ours = ours.where(or_(TicketRow.answering_until.is_(None), ~held))
    taken = await _changes(session, ours.values({"answering_id": staff_id, **until}))
    return True if taken else None


async def end(session: AsyncSession, number: str, staff_id: int) -> bool:
    """Give the lock back, in the caller's transaction; False when it was not theirs."""
    mine = update(TicketRow).where(TicketRow.number == number, TicketRow.answering_id == staff_id)
    return await _changes(session, mine.values(answering_id=None, answering_until=None))


async def now_by(
    session: AsyncSession, row: TicketRow, staff_id: int | None, now: datetime
) -> Answering:
    """Who is writing, as `staff_id` sees it."""
    if row.answering_id is None or row.answering_until is None or row.answering_until <= now:
        return Answering(None, False, None)
    name = await session.scalar(select(StaffRow.name).where(StaffRow.id == row.answering_id))
    return Answering(name, row.answering_id == staff_id, row.answering_until)


async def same_reply(
    session: AsyncSession, row: TicketRow, text: str, staff_id: int | None, seen: int
) -> int | None:
    """The outbox id of a reply with the same words that was written after the reply with the
    outbox id `seen`, if there is one.

    Raises:
        AnsweredMeanwhileError: there is none, but somebody else's with other words.
    """
    query = select(TicketEventRow).where(
        TicketEventRow.ticket_id == row.id,
        TicketEventRow.kind == "reply",
        TicketEventRow.outbox_id > seen,
    )
    newer = list(await session.scalars(query.order_by(TicketEventRow.id)))
    same = [event.outbox_id for event in newer if event.text == text]
    if same:
        return same[-1]
    if any(event.staff_id != staff_id for event in newer):
        raise AnsweredMeanwhileError(row.number)
    return None


async def _changes(session: AsyncSession, statement: Update) -> bool:
    statement = statement.execution_options(synchronize_session=False)
    result = cast(CursorResult[object], await session.execute(statement))
    return result.rowcount > 0
