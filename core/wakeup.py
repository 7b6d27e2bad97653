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
    """Within one process and one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._missed: set[str] = set()

    async def wake(self, topic: str) -> None:
        waiting = self._waiting.get(topic)
        if not waiting:
            if not topic.startswith("conversation:"):
                self._missed.add(topic)
            return
        for event in waiting:
            event.set()

    async def wait(self, topic: str, seconds: float) -> bool:
        if topic in self._missed:
            self._missed.discard(topic)
            return True
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
