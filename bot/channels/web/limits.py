"""How fast one web session may write, and how many streams it may hold open.

A flood is slowed, never refused for good: whoever writes faster than the bucket fills is told
after how many seconds the next message is taken. Web processes share the buckets where they share
Redis; open streams each counts by itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from core.buckets import Bucket, Buckets
from core.logs import get_logger

log = get_logger(__name__)

#: Messages that a session may send at once, and how many it regains in a second.
BURST = 20
PER_SECOND = 1.0

#: Event streams that a session may hold open at once.
MAX_STREAMS = 5

#: Floods are swept when there are this many, so that the table cannot grow without end.
_SWEEP_AT = 4_096

SLOWED = Counter(
    "natiq_chat_slowed_total", "Web chat messages that were asked to come later, in a flood"
)


@dataclass(slots=True)
class _Flood:
    refused: int
    at: float


class MessageRate:
    """A token bucket for each session."""

    def __init__(self, buckets: Buckets, now: Callable[[], float] = time.monotonic) -> None:
        self._buckets = buckets
        self._now = now
        self._floods: dict[str, _Flood] = {}

    async def take(self, session: str) -> int:
        """0 when the message may come in, else the whole seconds after which it may."""
        wait = await self._buckets.take(Bucket(f"web:{session}", BURST, PER_SECOND))
        if wait == 0:
            return 0
        seconds = max(1, math.ceil(wait))
        SLOWED.inc()
        refused = self._count(session)
        if math.log10(refused).is_integer():  # the 1st, 10th, 100th: a flood of no lines
            log.warning("flood slowed", channel="web", seconds=seconds, count=refused)
        return seconds

    def _count(self, session: str) -> int:
        """How many messages of this flood were refused here. It is over when none was for as long
        as a bucket takes to fill."""
        now = self._now()
        over = now - BURST / PER_SECOND
        if len(self._floods) >= _SWEEP_AT:
            self._floods = {s: flood for s, flood in self._floods.items() if flood.at > over}
        flood = self._floods.get(session)
        if flood is None or flood.at <= over:
            flood = self._floods[session] = _Flood(0, now)
        flood.refused += 1
        flood.at = now
        return flood.refused


class StreamSlots:
    """Counts each session's open streams."""

    def __init__(self, most: int = MAX_STREAMS) -> None:
        self._most = most
        self._open: dict[str, int] = {}

    def take(self, session: str) -> bool:
        """True when one more may open; the caller gives it back with `release`."""
        count = self._open.get(session, 0)
        if count >= self._most:
            return False
        self._open[session] = count + 1
        return True

    def release(self, session: str) -> None:
        """A stream of the session has closed."""
        count = self._open.get(session, 0) - 1
        if count > 0:
            self._open[session] = count
        else:
            self._open.pop(session, None)
