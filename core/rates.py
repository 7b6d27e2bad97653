"""Keeping to a platform's pace: how many messages in how many seconds, over all and to one
address. A window slides: what counts is the messages of the last `seconds`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from core.messages import Pace

#: Keys that are remembered before those that have fallen idle are forgotten.
_MANY = 10_000


class RateLimits(Protocol):
    """Counts messages under keys, for all senders that share it."""

    async def wait_for(self, pace: Pace) -> float:
        """Seconds until one more message fits; 0.0 when it fits now. Counts nothing."""
        ...

    async def reserve(self, paces: Sequence[Pace]) -> float:
        """Count one message under all of the paces and return 0.0; or, when it does not fit under
        one of them, count nothing and return the seconds until it may."""
        ...


class LocalRateLimits:
    """Within one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._past: dict[str, deque[float]] = {}
        self._longest: dict[str, float] = {}

    async def wait_for(self, pace: Pace) -> float:
        """See `RateLimits.wait_for`."""
        return self._wait(pace, self._clock())

    async def reserve(self, paces: Sequence[Pace]) -> float:
        """See `RateLimits.reserve`."""
        now = self._clock()
        wait = max((self._wait(pace, now) for pace in paces), default=0.0)
        if wait > 0:
            return wait
        for pace in paces:
            self._past.setdefault(pace.key, deque(maxlen=pace.count)).append(now)
            self._longest[pace.key] = pace.seconds
        if len(self._past) > _MANY:
            self._forget(now)
        return 0.0

    def _wait(self, pace: Pace, now: float) -> float:
        past = self._past.get(pace.key)
        if past is None or len(past) < pace.count:
            return 0.0
        return max(0.0, past[-pace.count] + pace.seconds - now)

    def _forget(self, now: float) -> None:
        idle = [key for key, past in self._past.items() if past[-1] + self._longest[key] <= now]
        for key in idle:
            del self._past[key]
            del self._longest[key]
