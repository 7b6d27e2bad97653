"""A world in which queues are used by processes that die at any moment, and its bookkeeping.

`World` does one random step after another on real queues: citizens write (and platforms repeat),
workers and senders claim, finish, postpone, hang, die, and come back late; time passes. It keeps
its own account of what must then be true, and `settle` lets everything end and compares.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from core.errors import StaleLeaseError
from core.messages import InboundMessage
from core.queues.inbox import LEASE as WORK_LEASE
from core.queues.inbox import Accepted
from core.queues.inbox import Claimed as Work
from core.queues.outbox import LEASE as SEND_LEASE
from core.queues.outbox import Claimed as Send
from tests.support.queues import CHANNELS, Queues, reply

CITIZENS = 2
LONGEST = max(WORK_LEASE, SEND_LEASE) / timedelta(seconds=1) + 1

STEPS = (
    *("write", "write", "write", "write", "repeat", "take", "take", "finish", "finish"),
    *("hang", "hang", "resume", "resume", "fall", "defer", "pick", "pick", "deliver", "deliver"),
    *("confirm", "confirm", "stall", "late", "refuse", "lose", "pass", "pass", "long"),
)


@dataclass
class World:
    """Two processes on one database, and what a perfect observer saw."""

    sides: tuple[Queues, Queues]
    rng: random.Random
    accepted: dict[str, Accepted] = field(default_factory=dict)
    written: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    handled: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    arrived: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    working: list[Work] = field(default_factory=list)
    sending: list[Send] = field(default_factory=list)
    out: set[int] = field(default_factory=set)  # ids whose request left and is not settled yet
    may_double: set[int] = field(default_factory=set)

    @property
    def side(self) -> Queues:
        return self.rng.choice(self.sides)

    async def step(self, name: str) -> None:
        """Do one step; one for which there is nothing to do is left out."""
        await getattr(self, f"do_{name}")()

    # Citizens and their platforms.

    async def do_write(self) -> None:
        await self._give(f"m{len(self.accepted)}", f"citizen {self.rng.randrange(CITIZENS)}")

    async def do_repeat(self) -> None:
        if not self.accepted:
            return
        external_id = self.rng.choice(sorted(self.accepted))
        before = self.accepted[external_id]
        message = InboundMessage("web", external_id, "citizen 0", external_id)
        again = await self.side.inbox.accept(message)
        assert again.duplicate
        assert again.inbox_id == before.inbox_id

    async def _give(self, external_id: str, who: str) -> None:
        message = InboundMessage("web", external_id, who, external_id)
        made = await self.side.inbox.accept(message)
        assert not made.duplicate
        self.accepted[external_id] = made
        self.written[made.conversation_id].append(external_id)

    # Workers.

    async def do_take(self) -> None:
        claimed = await self.side.inbox.claim()
        if claimed is not None:
            self.working.append(claimed)

    async def do_finish(self) -> None:
        if not self.working:
            return
        await self._finish(self.working.pop(self.rng.randrange(len(self.working))))

    async def _finish(self, work: Work) -> None:
        side, conversation = self.side, work.row.conversation_id
        try:
            async with side.db.write() as session:
                await side.outbox.put(
                    session, conversation, reply(f"re {work.row.text}"), correlation="c"
                )
                await side.inbox.finish(session, work)
        except StaleLeaseError:
            return
        self.handled[conversation].append(work.row.text)

    async def do_fall(self) -> None:
        """A worker dies in the middle of its transaction."""
        if not self.working:
            return
        work = self.working.pop(self.rng.randrange(len(self.working)))
        side = self.side
        try:
            async with side.db.write() as session:
                await side.outbox.put(
                    session, work.row.conversation_id, reply("never"), correlation="c"
                )
                await side.inbox.finish(session, work)
                raise ZeroDivisionError
        except (ZeroDivisionError, StaleLeaseError):
            return

    async def do_defer(self) -> None:
        if not self.working:
            return
        work = self.working.pop(self.rng.randrange(len(self.working)))
        try:
            await self.side.inbox.postpone(work, timedelta(seconds=self.rng.randrange(20)))
        except StaleLeaseError:
            return

    async def do_hang(self) -> None:
        """Workers are suspended for longer than their leases, and others take over."""
        if self.working:
            await self.do_long()
            for _ in range(CITIZENS):
                await self.do_take()

    async def do_resume(self) -> None:
        """The one that has been at it for longest ends, as if nothing had happened."""
        if self.working:
            await self._finish(self.working.pop(0))

    # Senders.

    async def do_pick(self) -> None:
        claimed = await self.side.outbox.claim(CHANNELS)
        if claimed is None:
            return
        if claimed.envelope.outbox_id in self.out:
            # Whoever had it is not heard of any more: it was in flight at a crash.
            self.may_double.add(claimed.envelope.outbox_id)
        self.sending.append(claimed)

    async def do_deliver(self) -> None:
        """The request goes out, if the sender's lease still holds; and then, perhaps, no more."""
        send = self._any_send(pop=False)
        if send is None or not await self._holds(send):
            return
        envelope = send.envelope
        if envelope.outbox_id in self.out and envelope.outbox_id not in self.may_double:
            return  # this sender has sent it already
        self.out.add(envelope.outbox_id)
        self.arrived[envelope.conversation_id].append((envelope.outbox_id, envelope.message.text))

    async def do_confirm(self) -> None:
        await self._confirm(self._any_send())

    async def _confirm(self, send: Send | None) -> None:
        if send is None or send.envelope.outbox_id not in self.out:
            return  # nothing was sent: the sender died before
        try:
            await self.side.outbox.sent(send, None)
        except StaleLeaseError:
            return
        self.out.discard(send.envelope.outbox_id)

    async def do_refuse(self) -> None:
        """The platform says no, or says nothing after the request went out."""
        send = self._any_send()
        if send is None:
            return
        uncertain = send.envelope.outbox_id in self.out
        delay = timedelta(seconds=self.rng.randrange(20))
        try:
            await self.side.outbox.postpone(send, delay, "busy", uncertain=uncertain)
        except StaleLeaseError:
            return
        if uncertain:
            self.may_double.add(send.envelope.outbox_id)

    async def do_stall(self) -> None:
        """Senders are suspended for longer than their leases, and others take over."""
        if self.sending:
            await self.do_long()
            for _ in range(CITIZENS):
                await self.do_pick()

    async def do_late(self) -> None:
        """The one that has been at it for longest says that it sent."""
        if self.sending:
            await self._confirm(self.sending.pop(0))

    async def do_lose(self) -> None:
        self._any_send()

    def _any_send(self, *, pop: bool = True) -> Send | None:
        if not self.sending:
            return None
        place = self.rng.randrange(len(self.sending))
        return self.sending.pop(place) if pop else self.sending[place]

    async def _holds(self, send: Send) -> bool:
        """Whether a request may go out: senders time out long before their lease ends."""
        newest = [s for s in self.sending if s.envelope.outbox_id == send.envelope.outbox_id]
        rows = {row.id: row for row in await self.sides[0].outbox_rows()}
        row = rows[send.envelope.outbox_id]
        return newest[-1] is send and row.state == "sending" and row.attempts == send.attempt

    # Time.

    async def do_pass(self) -> None:
        self.sides[0].clock.forward(seconds=self.rng.randrange(1, 8))

    async def do_long(self) -> None:
        self.sides[0].clock.forward(seconds=LONGEST)

    # The end.

    async def settle(self) -> None:
        """Whoever is still at work dies; then one honest worker and sender do what is left."""
        self.working.clear()
        self.sending.clear()
        quiet = 0
        while quiet < 2:
            await self.do_long()
            before = len(self.accepted), sum(map(len, self.handled.values())), self._sent()
            while (work := await self.side.inbox.claim()) is not None:
                await self._finish(work)
            while (send := await self.side.outbox.claim(CHANNELS)) is not None:
                envelope = send.envelope
                if envelope.outbox_id in self.out:
                    self.may_double.add(envelope.outbox_id)
                self.arrived[envelope.conversation_id].append(
                    (envelope.outbox_id, envelope.message.text)
                )
                await self.side.outbox.sent(send, None)
                self.out.discard(envelope.outbox_id)
            after = len(self.accepted), sum(map(len, self.handled.values())), self._sent()
            quiet = quiet + 1 if before == after else 0

    def _sent(self) -> int:
        return sum(map(len, self.arrived.values()))

    async def check(self) -> None:
        """Compare the observer's account with what was promised, and with the rows."""
        assert await self.sides[0].inbox.waiting() == 0
        assert await self.sides[0].outbox.waiting() == 0
        # Nothing lost, each handled once, in the order in which it came.
        assert dict(self.handled) == dict(self.written)
        doubled = set()
        for conversation, arrivals in self.arrived.items():
            counts = Counter(number for number, _ in arrivals)
            doubled |= {number for number, times in counts.items() if times > 1}
            first_time = list(dict.fromkeys(text for _, text in arrivals))
            assert first_time == [f"re {text}" for text in self.written[conversation]]
            # What doubles does so before the next one goes out.
            numbers = [number for number, _ in arrivals]
            assert numbers == sorted(numbers)
        # Sent twice only what was in flight at a crash or a time-out, and all of that is listed.
        assert doubled <= self.may_double
        marked = {row.id for row in await self.sides[0].outbox_rows() if row.maybe_doubled}
        assert self.may_double <= marked
        rows = await self.sides[0].inbox_rows()
        assert {row.external_id for row in rows} == set(self.accepted)
        assert {row.state for row in rows} <= {"done"}
