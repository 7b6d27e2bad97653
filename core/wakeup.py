"""Wake-ups: a hint that a queue has work, so that loops need not poll fast.

Losing one costs a poll interval, nothing more: the rows are in SQL.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
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


class LocalWakeup:
    """Within one process and one event loop. A queue's hint wakes one, who has waited longest: each
    who is woken looks into the database, and all but one would find nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self._missed: set[str] = set()

    async def wake(self, topic: str) -> None:
        """See `Wakeup.wake`."""
        waiting = [event for event in self._waiting.get(topic, ()) if not event.is_set()]
        if not waiting:
            if not topic.startswith("conversation:"):
                self._missed.add(topic)
            return
        for event in waiting[:1] if topic in QUEUES else waiting:
            event.set()

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `Wakeup.wait`."""
        if topic in self._missed:
            self._missed.discard(topic)
            return True
        event = asyncio.Event()
        self._waiting[topic][event] = None
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        except asyncio.CancelledError:
            if event.is_set() and topic in QUEUES:
                await self.wake(topic)  # whoever leaves hands the hint on
            raise
        finally:
            del self._waiting[topic][event]
            if not self._waiting[topic]:
                del self._waiting[topic]
        return True
