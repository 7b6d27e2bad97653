"""Following a ticket from elsewhere: its number with its secret code brings it, and the talk with
staff, to the conversation in which they are written.

Who guesses learns nothing: a wrong code and a number that does not exist are answered alike, and
guesses are counted, for the conversation and for the ticket. The code is blanked in the message
that held it.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions import codes, handing, moving, numbers
from actions.base import ActionResult, Turn
from actions.status import Status
from actions.ticket_views import CLOSED
from core import conversations, metrics
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.crypto import Vault
from core.db.tables import InboxRow, LoginAttemptRow, TicketRow
from core.logs import get_logger
from core.messages import OutboundMessage
from core.queues.outbox import Outbox

log = get_logger(__name__)

#: Guesses are counted over this time.
WINDOW = timedelta(hours=1)

#: Guesses within the window in one conversation, and at one ticket from anywhere. The second is
#: wider: else anybody who saw a number could shut its owner out. At this pace the codes of one
#: ticket, a hundred million, last for centuries.
PER_CONVERSATION, PER_TICKET = 5, 20

#: A failed message with more words than this, digits apart, is about something else and happens to
#: hold such digits.
_MOST_WORDS = 12

#: Where the conversation's state remembers that number and code were asked for: the number told so
#: far, or an empty text.
_ASKED = "resume"

Guess = Literal["moved", "wrong", "wait"]


class Resume:
    """Understands number and code, and moves the ticket."""

    def __init__(
        self,
        catalogue: Catalogue,
        outbox: Outbox,
        status: Status,
        vault: Vault,
        clock: Clock = utc_now,
    ) -> None:
        self._catalogue = catalogue
        self._outbox = outbox
        self._status = status
        self._vault = vault
        self._clock = clock

    async def run(self, turn: Turn, row: InboxRow, state: dict[str, Any]) -> ActionResult | None:
        """Deal with a message that is about following a ticket; None when it is not. What it
        remembers is in `state`; an open form stays open."""
        tapped = row.choice == "resume" or row.text.lstrip().lower().startswith("/resume")
        told_before: str | None = state.pop(_ASKED, None)
        if row.choice is not None and not tapped:
            return None
        if tapped:
            told_before = None  # a fresh start
        named = codes.named_in(row.text)
        valid = [number for number in named.numbers if numbers.is_valid(number)]
        asked = tapped or told_before is not None
        number = next(iter(valid or (named.numbers if asked else ())), told_before)
        code = next(iter(named.codes), None)
        if number and code:
            return await self._guess(turn, row, state, number, code, asked=asked)
        if not tapped and not (asked and (named.numbers or named.codes)):
            return None
        if code:
            await self._blank(turn.session, row)
        state[_ASKED] = number or ""
        if number:
            line = self._catalogue.line("resume_ask_code", turn.language, number=number)
        else:
            line = self._catalogue.line("resume_ask", turn.language)
        return ActionResult((line,), state.get("form"))

    async def _guess(
        self,
        turn: Turn,
        row: InboxRow,
        state: dict[str, Any],
        number: str,
        code: str,
        *,
        asked: bool,
    ) -> ActionResult | None:
        conversation, form = turn.conversation, state.get("form")
        guess = await self._try(turn, row, number, code)
        metrics.RESUMES.labels(guess).inc()
        if guess != "moved":
            log.warning("ticket not resumed", conversation=conversation.id, outcome=guess)
            by_the_way = (
                conversation.mode == conversations.HUMAN
                or form is not None
                or codes.words_besides(row.text) > _MOST_WORDS
            )
            if by_the_way and not asked:
                return None
        await self._blank(turn.session, row)
        if guess == "moved":
            return ActionResult((), form)
        line = await self._refusal(turn, guess, number)
        return ActionResult((line,), form)

    async def _try(self, turn: Turn, row: InboxRow, number: str, code: str) -> Guess:
        """Count the guess, then look at it; the right one takes its count back."""
        session, here, now = turn.session, turn.conversation, self._clock()
        limits = self._limits(here.id, number)
        await session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.at <= now - WINDOW))
        for key, limit in limits.items():
            if await _free_at(session, key, limit) is not None:
                return "wait"
        counted = [LoginAttemptRow(key=key, at=now) for key in limits]
        session.add_all(counted)
        await session.flush()
        ticket = await session.scalar(select(TicketRow).where(TicketRow.number == number))
        # The hash is made in any case, so that the time tells nothing either.
        given = codes.hash_of(self._vault, number, code)
        known = ticket.code_hash if ticket is not None else None
        if ticket is None or known is None or not hmac.compare_digest(known, given):
            return "wrong"
        own = self._conversation_key(here.id)
        ids = [attempt.id for attempt in counted]
        await session.execute(
            delete(LoginAttemptRow)
            .where((LoginAttemptRow.key == own) | LoginAttemptRow.id.in_(ids))
            .execution_options(synchronize_session=False)
        )
        await self._bring(turn, row, number)
        return "moved"

    async def _bring(self, turn: Turn, row: InboxRow, number: str) -> None:
        session, here, now = turn.session, turn.conversation, self._clock()
        ticket, former = await handing.locked(session, number, here)
        again: list[moving.Again] = []
        if former.id != here.id:
            again = await moving.move(session, ticket, former, here, now)
        if ticket.assignee_id is not None and ticket.state != CLOSED:
            await handing.to_human(session, ticket, here, now)
        for message in (
            self._catalogue.line("resumed", turn.language, number=number),
            self._status.tell(ticket, turn.language),
        ):
            await self._outbox.put(
                session,
                here.id,
                message,
                correlation=row.correlation,
                inbox_id=row.id,
                ticket_id=ticket.id,
            )
        await moving.repeat(session, self._outbox, ticket, again)
        log.info("ticket resumed", ticket=ticket.id, conversation=here.id, count=len(again))

    async def _refusal(self, turn: Turn, guess: Guess, number: str) -> OutboundMessage:
        if guess == "wrong":
            return self._catalogue.line("resume_wrong", turn.language)
        limits = self._limits(turn.conversation.id, number)
        free = [await _free_at(turn.session, key, limit) for key, limit in limits.items()]
        until = max(moment for moment in free if moment is not None)
        return self._catalogue.line("resume_wait", turn.language, date=until)

    def _limits(self, conversation_id: int, number: str) -> dict[str, int]:
        ticket = self._vault.lookup(number, "ticket/resume/number")
        return {self._conversation_key(conversation_id): PER_CONVERSATION, ticket: PER_TICKET}

    def _conversation_key(self, conversation_id: int) -> str:
        return self._vault.lookup(str(conversation_id), "ticket/resume/conversation")

    async def _blank(self, session: AsyncSession, row: InboxRow) -> None:
        """The code must not stay in the message that held it."""
        await session.execute(
            update(InboxRow)
            .where(InboxRow.id == row.id)
            .values(text=codes.blank(row.text))
            .execution_options(synchronize_session=False)
        )


async def _free_at(session: AsyncSession, key: str, limit: int) -> datetime | None:
    """When another guess is taken under this key; None when it is taken now."""
    of_key = LoginAttemptRow.key == key
    count = await session.scalar(select(func.count()).select_from(LoginAttemptRow).where(of_key))
    if (count or 0) < limit:
        return None
    freeing = await session.scalar(
        select(LoginAttemptRow.at)
        .where(of_key)
        .order_by(LoginAttemptRow.at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    return None if freeing is None else freeing + WINDOW
