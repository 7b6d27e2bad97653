"""Events: "something changed" to everybody who watches, in whatever process.

Topics are `DESK` and `conversation:<id>` (`core/wakeup.py`). An event holds its topic alone, and
one that nobody waits for is forgotten: whoever watches begins to wait before it looks, and looks
by itself now and then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Protocol

from core.wakeup import QUEUES, Wakeup


class EventBus(Protocol):
    """Tells everybody who watches a topic."""

    async def publish(self, topic: str) -> None:
        """Wake everybody who waits for the topic."""
        ...

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for the topic at most `seconds`; True when it was published, or may have been."""
        ...


class LocalEventBus:
    """Within one process and one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    async def publish(self, topic: str) -> None:
        """See `EventBus.publish`."""
        for event in self._waiting.get(topic, ()):
            event.set()

    def publish_all(self) -> None:
        """Wake everybody, whatever they wait for."""
        for waiting in self._waiting.values():
            for event in waiting:
                event.set()

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `EventBus.wait`."""
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]
        return True


class JoinedWakeup:
    """A `Wakeup` for all topics: those of the queues go to one, the others to an event bus."""

    def __init__(self, queues: Wakeup, bus: EventBus) -> None:
        self._queues = queues
        self._bus = bus

    async def wake(self, topic: str) -> None:
        """See `Wakeup.wake`."""
        if topic in QUEUES:
            await self._queues.wake(topic)
        else:
            await self._bus.publish(topic)

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `Wakeup.wait`."""
        if topic in QUEUES:
            return await self._queues.wait(topic, seconds)
        return await self._bus.wait(topic, seconds)
