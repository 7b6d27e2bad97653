"""Keeping to a platform's pace: how many messages in how many seconds, over all and to one
address. A window slides: what counts is the messages of the last `seconds`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from core.messages import Pace

#: Paces that are remembered before those that have fallen idle are forgotten.
_MANY = 10_000


class RateLimits(Protocol):
    """Counts messages under paces, for all senders that share it. Two paces with one key (20 in a
    minute, 1 in a second) are counted apart."""

    async def wait_for(self, pace: Pace) -> float:
        """Seconds until one more message fits; 0.0 when it fits now. Counts nothing."""
        ...

    async def reserve(self, paces: Sequence[Pace]) -> float:
        """Count one message under all of the paces and return 0.0; or, when it does not fit under
        one of them, count nothing and return the seconds until it may."""
        ...


class LocalRateLimits:
    """Within one process. `clock` gives seconds and need not be the time of day; the default does
    not jump when that is set."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._past: dict[Pace, deque[float]] = {}
        self._tidy_at = _MANY

    async def wait_for(self, pace: Pace) -> float:
        """See `RateLimits.wait_for`."""
        return self._wait(pace, self._clock())

    async def reserve(self, paces: Sequence[Pace]) -> float:
        """See `RateLimits.reserve`."""
        now = self._clock()
        wait = max((self._wait(pace, now) for pace in paces), default=0.0)
        if wait > 0:
            return wait
        for pace in set(paces):
            self._past.setdefault(pace, deque(maxlen=pace.count)).append(now)
        if len(self._past) > self._tidy_at:
            self._forget(now)
        return 0.0

    def _wait(self, pace: Pace, now: float) -> float:
        past = self._past.get(pace)
        if past is None or len(past) < pace.count:
            return 0.0
        # A clock that was set back must not make anybody wait longer than the window is.
        return min(max(0.0, past[0] + pace.seconds - now), pace.seconds)

    def _forget(self, now: float) -> None:
        """Drop what is idle; not at every message when nothing is."""
        self._past = {
            pace: past for pace, past in self._past.items() if past[-1] + pace.seconds > now
        }
        self._tidy_at = max(_MANY, 2 * len(self._past))
