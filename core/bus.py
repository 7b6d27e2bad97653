"""Events: "something changed" to everybody who watches, in whatever process.

Topics are `DESK` and `conversation:<id>` (`core/wakeup.py`). An event holds its topic alone, and
one that nobody waits for is forgotten: whoever watches begins to wait before it looks, and looks
by itself now and then.
"""

from __future__ import annotations

from typing import Protocol

from core.wakeup import QUEUES, Waiting, Wakeup, is_set_within


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
        self._waiting = Waiting()

    async def publish(self, topic: str) -> None:
        """See `EventBus.publish`."""
        self._waiting.wake(topic)

    def publish_all(self) -> None:
        """Wake everybody, whatever they wait for."""
        self._waiting.wake_all()

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `EventBus.wait`."""
        with self._waiting.place(topic) as event:
            return await is_set_within(event, seconds)


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
