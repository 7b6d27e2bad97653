"""A ticket goes on in another conversation of the same person.

What staff said and the person may not have seen is said again where they are now, verbatim; what
was not sent yet is taken back where they are no longer. Everything runs in the caller's
transaction, with both conversations' rows and the ticket's locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from actions import handing
from core import conversations
from core.db.tables import (
    ConversationRow,
    OutboxRow,
    TicketEventRow,
    TicketPlaceRow,
    TicketRow,
)
from core.messages import Language, Origin, OutboundMessage, text_hash
from core.queues.outbox import Outbox

#: Replies that were sent, but of which nobody knows whether they were seen, are said again as far
#: back as this many. What was never sent has no such limit.
MOST_AGAIN = 20

_UNSENT = ("pending", "sending", "held", "failed")


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be said again: its first row's id, by which it is ordered, and the correlation of
    the reply, which a repetition shares."""

    first_id: int
    correlation: str
    message: OutboundMessage
    unsent: bool
    maybe_doubled: bool


async def move(
    session: AsyncSession,
    row: TicketRow,
    former: ConversationRow,
    here: ConversationRow,
    now: datetime,
) -> list[Again]:
    """Make `here` the ticket's place. Returns what is to be said again there, in order; the caller
    puts it into the outbox by `repeat`."""
    language: Language = "en" if here.language == "en" else "ar"
    again = await _to_say_again(session, row, former, language)
    await _take_back(session, row.id, former)
    row.conversation_id = here.id
    await _remember_place(session, row.id, former.id, here.id, now)
    session.add(TicketEventRow(ticket_id=row.id, at=now, kind="moved", text=""))
    await session.flush()
    if former.ticket_id == row.id:
        await handing.to_bot(session, former, now)
    return again


async def repeat(
    session: AsyncSession, outbox: Outbox, row: TicketRow, again: Sequence[Again]
) -> None:
    """Say these again where the ticket is now."""
    for one in again:
        newest = await session.scalar(select(OutboxRow.id).order_by(OutboxRow.id.desc()).limit(1))
        await outbox.put(
            session,
            row.conversation_id,
            one.message,
            correlation=one.correlation,
            ticket_id=row.id,
        )
        if one.maybe_doubled:
            await session.execute(
                update(OutboxRow)
                .where(
                    OutboxRow.conversation_id == row.conversation_id,
                    OutboxRow.correlation == one.correlation,
                    OutboxRow.id > (newest or 0),
                )
                .values(maybe_doubled=True)
                .execution_options(synchronize_session=False)
            )


async def _to_say_again(
    session: AsyncSession, row: TicketRow, former: ConversationRow, language: Language
) -> list[Again]:
    rows = list(
        await session.scalars(
            select(OutboxRow)
            .where(OutboxRow.conversation_id == former.id, OutboxRow.ticket_id == row.id)
            .order_by(OutboxRow.id)
        )
    )
    replies: dict[str, list[OutboxRow]] = {}
    found: list[Again] = []
    for one in rows:
        if one.origin_kind == "staff":
            replies.setdefault(one.correlation, []).append(one)
        elif one.state in _UNSENT and one.origin_ref not in handing.SILENCE_LINES:
            found.append(
                Again(
                    one.id,
                    one.correlation,
                    OutboundMessage.from_payload(one.payload),
                    True,
                    one.maybe_doubled or one.state == "sending",
                )
            )
    for correlation, text in await _texts_of_replies(session, row.id):
        parts = replies.get(correlation)
        # The newest row tells: the parts go out in order, and a repetition comes after them.
        if not parts or _was_seen(parts[-1]):
            continue
        origin = Origin("staff", row.number, text_hash(text))
        found.append(
            Again(
                parts[0].id,
                correlation,
                OutboundMessage(text, origin, language),
                parts[-1].state in _UNSENT,
                parts[-1].state in ("pending", "sending", "held")
                and any(part.maybe_doubled or part.state == "sending" for part in parts),
            )
        )
    found.sort(key=lambda one: one.first_id)
    sent = [one for one in found if not one.unsent]
    too_old = {one.first_id for one in sent[:-MOST_AGAIN]}
    return [one for one in found if one.first_id not in too_old]


async def _texts_of_replies(session: AsyncSession, ticket_id: int) -> list[tuple[str, str]]:
    """Correlation and whole text of each reply of staff, in order."""
    rows = await session.execute(
        select(OutboxRow.correlation, TicketEventRow.text)
        .join(OutboxRow, OutboxRow.id == TicketEventRow.outbox_id)
        .where(TicketEventRow.ticket_id == ticket_id, TicketEventRow.kind == "reply")
        .order_by(TicketEventRow.id)
    )
    return [(correlation, text) for correlation, text in rows]


def _was_seen(row: OutboxRow) -> bool:
    """The web page says what it has shown; elsewhere only "read" means that somebody saw it."""
    return row.state == "read" or (row.state == "delivered" and row.channel == "web")


async def _take_back(session: AsyncSession, ticket_id: int, former: ConversationRow) -> None:
    """Nothing more of the ticket goes to the place that was left. What a sender has in hand just
    now may have gone out; its lease is taken from it, so that it does not try again."""
    theirs = (OutboxRow.conversation_id == former.id, OutboxRow.ticket_id == ticket_id)
    in_hand = select(OutboxRow.id).where(*theirs, OutboxRow.state == "sending")
    if await session.scalar(in_hand.limit(1)) is not None:
        former.send_token += 1
        former.send_until = None
    await session.execute(
        update(OutboxRow)
        .where(*theirs, OutboxRow.state.in_(_UNSENT))
        .values(state=conversations.WITHDRAWN)
        .execution_options(synchronize_session=False)
    )


async def _remember_place(
    session: AsyncSession, ticket_id: int, former_id: int, here_id: int, now: datetime
) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    await session.execute(
        insert(TicketPlaceRow)
        .values(ticket_id=ticket_id, conversation_id=former_id, left_at=now)
        .on_conflict_do_update(
            index_elements=["ticket_id", "conversation_id"], set_={"left_at": now}
        )
    )
    await session.execute(
        delete(TicketPlaceRow).where(
            TicketPlaceRow.ticket_id == ticket_id, TicketPlaceRow.conversation_id == here_id
        )
    )
