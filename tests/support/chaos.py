"""Senders in a world where requests fail at random, and the books that are kept of it.

What happens to a request is a function of the seed, the text and the number of the attempt alone,
so a run does not depend on how fast the machine is, and can be repeated. The time is the tests'
own: it moves when nothing can be done at present.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select

from bot.sender import Notice, Sender
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import ConversationRow, OutboxRow
from core.errors import ChannelError
from core.messages import (
    Channel,
    Delivery,
    Envelope,
    InboundMessage,
    Origin,
    OutboundMessage,
    Unlimited,
    text_hash,
)
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.rates import LocalRateLimits
from core.wakeup import LocalWakeup
from tests.support.clock import MovableClock

#: Every so many steps of a sender, its process dies in the middle of one.
DEATHS = 60


@dataclass
class Fates:
    """What becomes of each request: `odds` gives the share of each fate, the rest succeed. From
    the attempt `calm` on all succeed."""

    seed: int
    odds: Mapping[str, float]
    calm: int = 6
    attempts: Counter[str] = field(default_factory=Counter)
    drawn: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def next(self, text: str) -> str:
        """The fate of the next request with this text; `ok` when nothing goes wrong."""
        self.attempts[text] += 1
        attempt = self.attempts[text]
        fate = "ok"
        if attempt < self.calm:
            at = random.Random(f"{self.seed}:{text}:{attempt}").random()
            for name, share in self.odds.items():
                if at < share:
                    fate = name
                    break
                at -= share
        self.drawn[text].append(fate)
        return fate


class FaultyChannel(Unlimited):
    """A channel in memory whose requests meet the fates of this module's names."""

    name = "test"

    def __init__(self, fates: Fates) -> None:
        self._fates = fates
        self.arrived: list[tuple[str, str]] = []

    async def send(self, envelope: Envelope) -> Delivery:
        fate = self._fates.next(envelope.message.text)
        await asyncio.sleep(0)
        if fate in ("ok", "lost", "hang", "broken"):
            self.arrived.append((envelope.address, envelope.message.text))
        await asyncio.sleep(0)
        if fate == "ok":
            return Delivery(f"{envelope.outbox_id}")
        if fate in ("hang", "hang before"):
            await asyncio.Event().wait()
        if fate in ("lost", "lost before"):
            raise ChannelError("reset", uncertain=True)
        if fate == "broken":
            raise KeyError("an answer that nobody foresaw")
        if fate == "refused":
            raise ChannelError("refused", permanent=True)
        if fate == "closed":
            raise ChannelError("closed", window_closed=True)
        raise ChannelError("busy", retry_after=20.0 if fate == "slow down" else None)


class Watched:
    """A channel that remembers which texts went out without an answer that we understood."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.unanswered: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def send(self, envelope: Envelope) -> Delivery:
        try:
            return await self._channel.send(envelope)
        except ChannelError as error:
            if error.uncertain:
                self.unanswered.add(envelope.message.text)
            raise
        except BaseException:  # cancelled by a time-out or with its process, or broken
            self.unanswered.add(envelope.message.text)
            raise


@dataclass
class Process:
    """One process with its own way to the database, and one sender that is run several times."""

    db: Database
    outbox: Outbox
    inbox: Inbox
    sender: Sender
    channel: Watched


class Chaos:
    """Several processes on one SQLite file, all with the one channel, the pace between them.

    `channels` are made by the test for each process, because a client belongs to one.
    """

    def __init__(self, url: str, clock: MovableClock, vault: Vault, name: str) -> None:
        self.clock = clock
        self.contacts = Contacts(vault)
        self.name = name
        self.url = url
        self.rates = LocalRateLimits(lambda: clock.now.timestamp())
        self.processes: list[Process] = []
        self.expected: dict[str, list[str]] = defaultdict(list)
        self.conversations: dict[str, int] = {}
        self.in_flight: set[str] = set()
        self._steps = itertools.count(1)
        self._ids = itertools.count(1)

    def add(
        self, channel: Channel, db: Database, *, notice: Notice | None = None, timeout: float = 0.4
    ) -> None:
        """Start a process that sends by this channel."""
        watched = Watched(channel)
        wakeup = LocalWakeup()
        outbox = Outbox(db, self.contacts, self.clock)
        inbox = Inbox(db, self.contacts, wakeup, self.clock)
        sender = Sender(
            outbox,
            {self.name: cast(Channel, watched)},
            wakeup,
            rates=self.rates,
            notice=notice,
            clock=self.clock,
            timeout=timeout,
        )
        self.processes.append(Process(db, outbox, inbox, sender, watched))

    async def close(self) -> None:
        for process in self.processes:
            await process.db.close()

    async def writes(self, who: str, sent_at: datetime | None = None) -> None:
        """A person writes."""
        accepted = await self.processes[0].inbox.accept(
            InboundMessage(self.name, f"in-{next(self._ids)}", who, "…", sent_at=sent_at)
        )
        self.conversations[who] = accepted.conversation_id

    async def put(self, who: str, texts: Sequence[str]) -> None:
        """Messages to a person, in this order."""
        one = self.processes[0]
        async with one.db.write() as session:
            for text in texts:
                message = OutboundMessage(text, Origin("line", "any", text_hash(text)), "ar")
                await one.outbox.put(
                    session, self.conversations[who], message, correlation=f"c-{text}"
                )
                self.expected[who].append(text)

    async def run(self, loops: int = 2) -> None:
        """Send until nothing waits, whatever it takes."""
        first = self.processes[0]
        while await first.outbox.waiting():
            if await first.sender.step():
                await asyncio.gather(
                    *(self._drain(process) for process in self.processes for _ in range(loops))
                )
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Move the clock to when something can be done again."""
        heads: dict[int, datetime] = {}
        async with self.processes[0].db.read() as session:
            waiting = await session.execute(
                select(OutboxRow.conversation_id, OutboxRow.not_before, ConversationRow.send_until)
                .join(ConversationRow, ConversationRow.id == OutboxRow.conversation_id)
                .where(OutboxRow.state.in_(("pending", "sending")))
                .order_by(OutboxRow.id)
            )
            for conversation, not_before, leased in waiting:
                heads.setdefault(conversation, max(not_before, leased or not_before))
        if min(heads.values()) > self.clock.now:
            self.clock.now = min(heads.values())
        else:  # it is the pace that they wait for
            self.clock.forward(seconds=await self.processes[0].sender._pause())

    async def _drain(self, process: Process) -> None:
        going = True
        while going:
            if next(self._steps) % DEATHS:
                going = await process.sender.step()
            else:
                await self._kill(process)

    async def _kill(self, process: Process) -> None:
        """A step whose process dies wherever it has come to after a while."""
        step = asyncio.create_task(process.sender.step())
        for _ in range(random.Random(next(self._steps)).randrange(12)):
            await asyncio.sleep(0.001)
        step.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await step
        self.in_flight |= {
            row.payload["text"] for row in await self.rows() if row.state == "sending"
        }

    async def rows(self) -> list[OutboxRow]:
        async with self.processes[0].db.read() as session:
            return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.id)))

    async def check(self, arrived: Sequence[tuple[str, str]]) -> set[str]:
        """None missing, in order, doubled only what had no answer, and each of those listed;
        returns what doubled."""
        rows = await self.rows()
        listed = {row.payload["text"] for row in rows if row.maybe_doubled}
        unanswered = set().union(*(process.channel.unanswered for process in self.processes))
        assert unanswered <= listed
        assert listed <= unanswered | self.in_flight, "nothing is listed without a reason"
        by_person: dict[str, list[str]] = defaultdict(list)
        for who, text in arrived:
            by_person[who].append(text)
        doubled = set()
        for who, texts in self.expected.items():
            got = by_person.pop(who, [])
            doubled |= {text for text, count in Counter(got).items() if count > 1}
            # A message is repeated before the next, so leaving repetitions out gives the order.
            assert [text for text, _ in itertools.groupby(got)] == list(texts)
        assert not by_person, "nobody else got anything"
        assert doubled <= listed, "each one that doubled is listed"
        return doubled
