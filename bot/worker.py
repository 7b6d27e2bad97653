"""The worker: takes inbox rows, one per conversation at a time, and has them handled.

What is slow (understanding) happens outside the transaction and off the event loop; then one
transaction holds the actions, the answers and the row's end, under the lease's fencing token.
A message that cannot be handled becomes a ticket, never a silent dead row.
"""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import update

from actions import codes
from actions.attachments import Attachments
from actions.tickets import Tickets
from bot.commands import slash_of
from bot.dispatcher import Dispatcher
from bot.stepping import take_steps
from bot.thinking import Thinking
from bot.understanding import Decision
from core import conversations, metrics
from core.catalogue import Catalogue
from core.db.engine import Database
from core.db.tables import InboxRow
from core.errors import StaleLeaseError
from core.logs import bind_correlation, get_logger
from core.messages import Language
from core.queues.inbox import Claimed, Inbox
from core.queues.outbox import Outbox
from core.retry import HANDLING
from core.text.clean import has_words
from core.wakeup import ATTACHMENTS, DESK, INBOX, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

#: How often to look for work that no wake-up announced, in seconds.
POLL = 1.0

#: How long the message in hand may still take when the worker is told to stop, in seconds.
FINISH = 5.0


class Worker:
    """Handles messages until it is cancelled."""

    def __init__(
        self,
        db: Database,
        inbox: Inbox,
        outbox: Outbox,
        tickets: Tickets,
        attachments: Attachments,
        catalogue: Catalogue,
        thinking: Thinking,
        dispatcher: Dispatcher,
        wakeup: Wakeup,
    ) -> None:
        self._db = db
        self._inbox = inbox
        self._outbox = outbox
        self._tickets = tickets
        self._attachments = attachments
        self._catalogue = catalogue
        self._thinking = thinking
        self._dispatcher = dispatcher
        self._wakeup = wakeup

    async def run(self) -> None:
        """Work for ever; errors of the database are waited out. When cancelled it first finishes
        the message in hand, for a moment, so that an orderly stop leaves no lease behind."""
        await take_steps(self.step, self._rest, name="worker", pause=POLL, finish=FINISH)

    def close(self) -> None:
        """To be called when the loops have ended: lets go of the threads that decide."""
        self._thinking.close()

    async def step(self) -> bool:
        """Handle one message; False when none is due."""
        claimed = await self._inbox.claim()
        if claimed is None:
            return False
        with bind_correlation(claimed.row.correlation, inbox=claimed.row.id):
            await self._handle(claimed)
        for topic in (OUTBOX, DESK, ATTACHMENTS, conversation_topic(claimed.row.conversation_id)):
            await self._wakeup.wake(topic)
        return True

    async def _rest(self) -> None:
        await self._wakeup.wait(INBOX, POLL)

    async def _handle(self, claimed: Claimed) -> None:
        row = claimed.row
        started = time.perf_counter()
        try:
            if row.attempts > HANDLING.attempts:
                # It killed whoever handled it before it could be counted as failed.
                await self._hand_to_staff(claimed)
                return
            if row.attempts == 1:
                metrics.STAGES.labels("inbox_wait").observe(claimed.waited)
            with metrics.STAGES.labels("understand").time():
                decision = await self._understand(claimed)
            with metrics.STAGES.labels("handle").time():
                async with self._db.write() as session:
                    await self._inbox.finish(session, claimed)
                    await self._dispatcher.handle(session, row, decision)
        except StaleLeaseError:
            log.warning("lease was taken over, work thrown away", attempt=row.attempts)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("message could not be handled", attempt=row.attempts)
            await self._again_or_staff(claimed)
        else:
            seconds = time.perf_counter() - started
            metrics.HANDLING.observe(seconds)
            outcome = _outcome(row, decision)
            metrics.MESSAGES.labels(outcome).inc()
            log.info(
                "message handled",
                conversation=row.conversation_id,
                intent=decision.intent if decision is not None else outcome,
                outcome=outcome,
                elapsed=round(seconds, 4),
            )

    async def _understand(self, claimed: Claimed) -> Decision | None:
        row = claimed.row
        if row.choice is not None or slash_of(row.text) is not None:
            return None
        if row.media is not None and not has_words(row.text):
            return None
        async with self._db.read() as session:
            conversation = await conversations.load(session, row.conversation_id)
            default: Language = "en" if (row.language or conversation.language) == "en" else "ar"
        return await self._thinking.decide(row.text, default)

    async def _again_or_staff(self, claimed: Claimed) -> None:
        delay = HANDLING.delay(claimed.row.attempts)
        try:
            if delay is None:
                await self._hand_to_staff(claimed)
            else:
                await self._inbox.postpone(claimed, delay)
        except StaleLeaseError:
            log.warning("lease was taken over, work thrown away", attempt=claimed.row.attempts)

    async def _hand_to_staff(self, claimed: Claimed) -> None:
        """A poison message: staff get it with what is known, the citizen gets a number."""
        row = claimed.row
        async with self._db.write() as session:
            await self._inbox.finish(session, claimed, state="poison")
            conversation = await conversations.load(session, row.conversation_id, lock=True)
            statement = codes.blank_beside_number(row.text)
            await session.execute(
                update(InboxRow).where(InboxRow.id == row.id).values(text=statement)
            )
            ticket = await self._tickets.open(
                session, conversation, kind="unhandled", statement=statement
            )
            language: Language = "en" if conversation.language == "en" else "ar"
            await self._outbox.put(
                session,
                conversation.id,
                self._catalogue.line(
                    "ticket_opened_unhandled",
                    language,
                    number=ticket.number,
                    code=await self._tickets.issue_code(session, ticket),
                    date=ticket.due_at,
                ),
                correlation=row.correlation,
                inbox_id=row.id,
                ticket_id=ticket.id,
            )
        await self._keep_file(row, ticket.id)
        metrics.MESSAGES.labels("poison").inc()
        log.error("message handed to staff unread", ticket=ticket.id, attempts=row.attempts)

    async def _keep_file(self, row: InboxRow, ticket_id: int) -> None:
        """The file of a poison message, by itself: if it is the poison, the ticket stands."""
        try:
            async with self._db.write() as session:
                await self._attachments.want(session, row, ticket_id)
        except Exception:
            log.exception("file could not be noted", ticket=ticket_id)


def _outcome(row: InboxRow, decision: Decision | None) -> str:
    if decision is not None:
        return decision.outcome
    return "choice" if row.media is None else "media"
