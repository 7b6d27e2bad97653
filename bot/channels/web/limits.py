"""How fast one web session may write, and how many streams it may hold open.

A flood is slowed, never refused for good: whoever writes faster than the bucket fills is told
after how many seconds the next message is taken. The counts live in the process that serves the
session; several web processes each keep their own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from core.logs import get_logger

log = get_logger(__name__)

#: Messages that a session may send at once, and how many it regains in a second.
BURST = 20
PER_SECOND = 1.0

#: Event streams that a session may hold open at once.
MAX_STREAMS = 5

#: Buckets are swept when there are this many, so that the table cannot grow without end.
_SWEEP_AT = 4_096

SLOWED = Counter(
    "natiq_chat_slowed_total", "Web chat messages that were asked to come later, in a flood"
)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    refused: int = 0


class MessageRate:
    """A token bucket for each session."""

    def __init__(
        self,
        burst: int = BURST,
        per_second: float = PER_SECOND,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def take(self, session: str) -> int:
        """0 when the message may come in, else the whole seconds after which it may."""
        now = self._now()
        if len(self._buckets) >= _SWEEP_AT:
            self._sweep(now)
        bucket = self._buckets.setdefault(session, _Bucket(float(self._burst), now))
        bucket.tokens = self._level(bucket, now)
        bucket.at = now
        if bucket.tokens >= self._burst:
            bucket.refused = 0
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        bucket.refused += 1
        wait = max(1, math.ceil((1 - bucket.tokens) / self._per_second))
        SLOWED.inc()
        if math.log10(bucket.refused).is_integer():  # the 1st, 10th, 100th: a flood of no lines
            log.warning("flood slowed", channel="web", seconds=wait, count=bucket.refused)
        return wait

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(float(self._burst), bucket.tokens + (now - bucket.at) * self._per_second)

    def _sweep(self, now: float) -> None:
        """Forget the buckets that are full again: they say no more than a new one."""
        for session in [s for s, b in self._buckets.items() if self._level(b, now) >= self._burst]:
            del self._buckets[session]


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
