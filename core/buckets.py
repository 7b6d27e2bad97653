"""Token buckets: how much somebody may do at once, and how much is regained in a second.

Other than under a pace (`core/rates.py`), whoever has used up a bucket waits for one token, not for
the end of a window. Buckets slow those who write to us; paces keep us to a platform's rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

#: Buckets that are remembered before those that are full again are forgotten.
_MANY = 4_096

#: Far less than a token takes; sums of seconds are not exact.
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Bucket:
    """`size` tokens when it is full, and `per_second` of them regained in a second."""

    key: str
    size: int
    per_second: float

    @property
    def fills_in(self) -> float:
        """Seconds in which an empty one is full."""
        return self.size / self.per_second


class Buckets(Protocol):
    """Levels of buckets, for all processes that share it."""

    async def take(self, bucket: Bucket) -> float:
        """Take a token and return 0.0; or, when there is none, take nothing and return the seconds
        until there is one."""
        ...


class LocalBuckets:
    """Within one process. `clock` gives seconds and need not be the time of day."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._tidy_at = _MANY

    async def take(self, bucket: Bucket) -> float:
        """See `Buckets.take`."""
        now = self._clock()
        full_at = max(self._full_at.get(bucket.key, now), now)
        # Of a clock that was set back, nobody shall wait longer than an empty bucket makes them.
        full_at = min(full_at, now + bucket.fills_in) + 1 / bucket.per_second
        wait = full_at - now - bucket.fills_in
        if wait > _NOTHING:
            return wait
        self._full_at[bucket.key] = full_at
        if len(self._full_at) > self._tidy_at:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop those that are full again: they say no more than new ones. Not each time when there
        are none."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        self._tidy_at = max(_MANY, 2 * len(self._full_at))
