"""A platform's pace kept by all processes together: one Lua script per question, by Redis' clock.

Of each key the times of the last messages are kept, as many as its pace counts; the script looks at
all paces and counts under all of them, or under none. Keys stand in Redis as keyed hashes, because
they may hold a chat id, and in one slot of a cluster, because a script works in one slot.

**Without Redis** each process keeps a part of every pace by itself: the count divided by
`processes`, so that so many processes together keep the pace. A pace of fewer messages than
processes becomes one message in a longer time; then it is kept on average, not in every window.

**When it goes or comes back**, nobody knows what the others have sent. So nothing is sent for the
length of the pace's window (at most `SETTLING` seconds): by a process that lost Redis since its
last answer, and by all when Redis was flushed, or when a process comes back that has sent by
itself. Of windows longer than that up to twice the pace may be sent, once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from core import metrics
from core.crypto import Vault
from core.logs import get_logger
from core.messages import Pace
from core.rates import LocalRateLimits
from core.redis_connection import RedisConnection, RedisDown, Script, Word

log = get_logger(__name__)

#: Among how many processes a pace is divided while Redis is down, unless told otherwise.
PROCESSES = 4

#: Longest pause when it is unknown what was sent, in seconds. The windows of the platforms are
#: shorter, but for Telegram's groups (60 s): there it would hold up staff more than it helps.
SETTLING = 10.0

#: KEYS: what is known of these counts, then one list of times for each pace, newest first.
#: ARGV: "take" or "look"; the id of the counts as the process knows it ("" when it knows none); the
#: longest pause; then of each pace its count and window. Times are in microseconds.
#: Returns how long to wait, and the id of the counts.
_SCRIPT = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stamp = string.format('%.0f', now)
local id = redis.call('HGET', KEYS[1], 'id')
if not id then
  id = stamp
  redis.call('HSET', KEYS[1], 'id', id)
end
if ARGV[2] ~= '' and ARGV[2] ~= id then
  redis.call('HSET', KEYS[1], 'unknown', stamp)
end
local unknown = tonumber(redis.call('HGET', KEYS[1], 'unknown') or '0')
local longest = tonumber(ARGV[3])
local wait = 0
for i = 2, #KEYS do
  local count, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local past = redis.call('LINDEX', KEYS[i], count - 1)
  if past then
    wait = math.max(wait, math.min(past + window - now, window))
  end
  local pause = math.min(window, longest)
  wait = math.max(wait, math.min(unknown + pause - now, pause))
end
if wait == 0 and ARGV[1] == 'take' then
  for i = 2, #KEYS do
    redis.call('LPUSH', KEYS[i], stamp)
    redis.call('LTRIM', KEYS[i], 0, ARGV[2 * i] - 1)
    redis.call('PEXPIRE', KEYS[i], math.ceil(ARGV[2 * i + 1] / 1000))
  end
end
return {string.format('%.0f', wait), id}
""")

#: What a process says it knows when it has sent without Redis: no counts have this id.
_OWN = "own"


class RedisRateLimits:
    """See `core.rates.RateLimits`. Never fails: without Redis it goes on alone."""

    def __init__(
        self,
        connection: RedisConnection,
        vault: Vault,
        *,
        processes: int = PROCESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`processes` is how many processes may send at the same time, at most."""
        if processes < 1:
            raise ValueError("processes must be at least 1")
        self._redis = connection
        self._vault = vault
        self._processes = processes
        self._clock = clock
        self._alone = LocalRateLimits(clock)
        self._is_alone = False
        self._last_answer: float | None = None
        self._known = ""

    async def wait_for(self, pace: Pace) -> float:
        """See `RateLimits.wait_for`."""
        return await self._ask("look", [pace])

    async def reserve(self, paces: Sequence[Pace]) -> float:
        """See `RateLimits.reserve`."""
        return await self._ask("take", paces) if paces else 0.0

    async def _ask(self, how: str, paces: Sequence[Pace]) -> float:
        numbers = [(pace.count, _micros(pace.seconds)) for pace in paces]
        words: list[Word] = [how, self._known, _micros(SETTLING)]
        words += [word for pair in numbers for word in pair]
        try:
            wait, known = await self._redis.run(_SCRIPT, self._keys(paces), words)
        except RedisDown:
            return await self._ask_alone(how, paces)
        self._last_answer = self._clock()
        self._known = known.decode("ascii")
        if self._is_alone:
            self._is_alone = False
            log.info("rate limits are shared again")
        return int(wait) / 1e6

    async def _ask_alone(self, how: str, paces: Sequence[Pace]) -> float:
        metrics.REDIS_MISSES.labels("rates").inc()
        if not self._is_alone:
            self._is_alone = True
            log.warning("rate limits are divided while redis is down", of=self._processes)
        pause = max((self._pause(pace) for pace in paces), default=0.0)
        if pause > 0:
            return pause
        parts = [divided(pace, self._processes) for pace in paces]
        if how == "look":
            return await self._alone.wait_for(parts[0])
        wait = await self._alone.reserve(parts)
        if wait == 0:
            self._known = _OWN
        return wait

    def _pause(self, pace: Pace) -> float:
        """The rest of the time in which the others may have used up the pace with Redis' leave."""
        if self._last_answer is None:
            return 0.0
        return self._last_answer + min(pace.seconds, SETTLING) - self._clock()

    def _keys(self, paces: Sequence[Pace]) -> list[str]:
        hashed = [self._vault.lookup(pace.key, "rates")[:32] for pace in paces]
        return [self._redis.name("{rates}", name) for name in ("counts", *hashed)]


def divided(pace: Pace, processes: int) -> Pace:
    """One process' part of a pace that so many processes keep together."""
    if pace.count >= processes:
        return Pace(pace.key, pace.count // processes, pace.seconds)
    return Pace(pace.key, 1, pace.seconds * processes / pace.count)


def _micros(seconds: float) -> int:
    return math.ceil(seconds * 1e6)
