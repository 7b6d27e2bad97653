"""Wake-ups: a hint that a queue has work, so that loops need not poll fast.

Losing one costs a poll interval, nothing more: the rows are in SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

#: Topics in use. `conversation:<id>` wakes whoever watches that conversation.
INBOX = "inbox"
OUTBOX = "outbox"
DESK = "desk"
ATTACHMENTS = "attachments"

#: Topics of work: one who is idle is enough. All others are events, for everybody.
QUEUES = frozenset({INBOX, OUTBOX, ATTACHMENTS})


def conversation_topic(conversation_id: int) -> str:
    """The topic that is woken when something in this conversation changes."""
    return f"conversation:{conversation_id}"


class Wakeup(Protocol):
    """Wakes those who wait for a topic."""

    async def wake(self, topic: str) -> None:
        """Wake whoever waits for the topic: of those who wait for a queue one at least, of the
        others everybody. If nobody waits for a queue, the next who comes is woken at once; a
        conversation nobody watches is not remembered."""
        ...

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for the topic at most `seconds`; True when woken."""
        ...


class Waiting:
    """Who waits for which topic within one process and one event loop, those first who have waited
    longest. Its length is how many topics are waited for."""

    def __init__(self) -> None:
        self._events: dict[str, dict[asyncio.Event, None]] = {}

    def __len__(self) -> int:
        return len(self._events)

    def wake(self, topic: str, *, one: bool = False) -> bool:
        """Wake all who wait for the topic, or `one` of them; False when nobody is left to wake."""
        asleep = [event for event in self._events.get(topic, ()) if not event.is_set()]
        for event in asleep[:1] if one else asleep:
            event.set()
        return bool(asleep)

    def wake_all(self) -> None:
        """Wake everybody, whatever they wait for."""
        for topic in self._events:
            self.wake(topic)

    @contextmanager
    def place(self, topic: str) -> Iterator[asyncio.Event]:
        """A place among those who wait: the event is set when it is woken."""
        event = asyncio.Event()
        self._events.setdefault(topic, {})[event] = None
        try:
            yield event
        finally:
            del self._events[topic][event]
            if not self._events[topic]:
                del self._events[topic]


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until it is set, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


class LocalWakeup:
    """Within one process and one event loop. A queue's hint wakes one, who has waited longest: each
    who is woken looks into the database, and all but one would find nothing."""

    def __init__(self) -> None:
        self._waiting = Waiting()
        self._missed: set[str] = set()

    async def wake(self, topic: str) -> None:
        """See `Wakeup.wake`."""
        woken = self._waiting.wake(topic, one=topic in QUEUES)
        if not woken and not topic.startswith("conversation:"):
            self._missed.add(topic)

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `Wakeup.wait`."""
        if topic in self._missed:
            self._missed.discard(topic)
            return True
        with self._waiting.place(topic) as event:
            try:
                return await is_set_within(event, seconds)
            except asyncio.CancelledError:
                if event.is_set() and topic in QUEUES:
                    await self.wake(topic)  # whoever leaves hands the hint on
                raise
