"""When to try again: a policy returns a decision, the queues carry it out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter: `first` seconds doubled at each attempt, at most `longest`;
    given up after `attempts`."""

    attempts: int
    first: float
    longest: float

    def delay(self, attempt: int, asked: float | None = None) -> timedelta | None:
        """How long to wait after the given attempt (counted from 1) failed, or None to give up.

        `asked` is what the platform asked us to wait, in seconds; it is a lower bound.
        """
        if attempt >= self.attempts:
            return None
        wait = min(self.first * 2.0 ** min(attempt - 1, 60), self.longest)
        wait *= 1 + random.random() / 4
        return timedelta(seconds=max(wait, asked or 0.0))


#: A message that cannot be handled is tried for some ten seconds, then becomes a
#: ticket: a person in need should not wait for a bug to be mended.
HANDLING = RetryPolicy(attempts=4, first=1.0, longest=10.0)

#: Platforms recover within minutes to hours; a day of trying before a person is told.
SENDING = RetryPolicy(attempts=30, first=1.0, longest=3600.0)

#: A citizen's file: tried for some twenty minutes, so that a failure is told while the person may
#: still have it at hand.
FETCHING = RetryPolicy(attempts=10, first=2.0, longest=900.0)
