"""A conversation in a human's hands in which nobody has written for a stated time goes back to the
bot, with a word to the citizen. The ticket stays as it is: whoever answers it or takes it has the
conversation again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions.ticket_views import ANSWERED, CLOSED
from core import conversations
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import ConversationRow, InboxRow, OutboxRow, TicketEventRow, TicketRow
from core.logs import get_logger, new_correlation_id
from core.messages import Language
from core.queues.outbox import Outbox
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

#: Conversations that are dealt with in one step; the rest wait for the next.
_MOST = 200

#: A window that closes within this time counts as closed: the word must still get through it.
_MARGIN = timedelta(minutes=5)


class Silence:
    """Ends silent human conversations.

    `length` is the stated time; `windows` says how long after the person's last word a channel
    takes a free text, for the channels that have such a limit.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        catalogue: Catalogue,
        wakeup: Wakeup,
        length: timedelta,
        windows: Mapping[str, timedelta],
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._catalogue = catalogue
        self._wakeup = wakeup
        self._length = length
        self._windows = windows
        self._clock = clock

    async def step(self) -> int:
        """Give back to the bot what has fallen silent; returns how many conversations it was.
        Safe to run in several processes: each conversation is given back once."""
        async with self._db.read() as session:
            silent = select(ConversationRow.id).where(self._is_silent(self._clock()))
            found = (await session.scalars(silent.order_by(ConversationRow.id).limit(_MOST))).all()
        count = 0
        for conversation_id in found:
            if await self._end(conversation_id):
                count += 1
                await self._wakeup.wake(conversation_topic(conversation_id))
        if count:
            for topic in (OUTBOX, DESK):
                await self._wakeup.wake(topic)
        return count

    def _is_silent(self, now: datetime) -> ColumnElement[bool]:
        limit = now - self._length
        spoken = func.coalesce(ConversationRow.touched_at, ConversationRow.created_at)
        heard = ConversationRow.last_inbound_at
        unhandled = exists().where(
            InboxRow.conversation_id == ConversationRow.id, InboxRow.state == "new"
        )
        return (
            (ConversationRow.mode == conversations.HUMAN)
            & (spoken <= limit)
            & or_(heard.is_(None), heard <= limit)
            & ~unhandled
        )

    async def _end(self, conversation_id: int) -> bool:
        now = self._clock()
        async with self._db.write() as session:
            conversation = await session.scalar(
                select(ConversationRow)
                .where(ConversationRow.id == conversation_id, self._is_silent(now))
                .with_for_update()
            )
            if conversation is None:  # somebody wrote, or another process was first
                return False
            ticket_id = conversation.ticket_id
            conversation.mode = conversations.BOT
            conversation.ticket_id = conversation.touched_at = None
            conversation.state = {}
            ticket = await session.get(TicketRow, ticket_id) if ticket_id is not None else None
            if ticket is not None and ticket.state != CLOSED:
                await self._tell(session, conversation, ticket, now)
        log.info("silent conversation goes back to the bot", conversation=conversation_id)
        return True

    async def _tell(
        self, session: AsyncSession, conversation: ConversationRow, ticket: TicketRow, now: datetime
    ) -> None:
        answered = ticket.state == ANSWERED
        language: Language = "en" if conversation.language == "en" else "ar"
        outbox_id = await self._outbox.put(
            session,
            conversation.id,
            self._catalogue.line(
                "human_silent_answered" if answered else "human_silent_waiting",
                language,
                number=ticket.number,
                span=self._length,
            ),
            correlation=new_correlation_id(),
            ticket_id=ticket.id,
        )
        session.add(TicketEventRow(ticket_id=ticket.id, at=now, kind="silence", text=""))
        if self._window_is_closed(conversation, now):
            # It is not worth a template: it waits until the person writes, without a notice.
            await session.execute(
                update(OutboxRow)
                .where(OutboxRow.id == outbox_id)
                .values(state="held", failure="window")
                .execution_options(synchronize_session=False)
            )

    def _window_is_closed(self, conversation: ConversationRow, now: datetime) -> bool:
        window = self._windows.get(conversation.channel)
        if window is None:
            return False
        start = conversation.window_start
        return start is None or now >= start + window - _MARGIN
