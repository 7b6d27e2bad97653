"""Wake-ups of the work queues over processes: Redis streams, each with one consumer group.

One hint wakes one of those who wait, in whatever process. Every waiter reads for itself, so a hint
is taken only by somebody who has nothing else to do; what nobody takes stays for the next who
comes. Hints hold nothing but the fact that there is work. Redis may lose any of them: whoever waits
looks by itself when the time is over, and without Redis a wait is a sleep of that length.
"""

from __future__ import annotations

import asyncio

from core import metrics
from core.redis_connection import REST, RedisConnection, RedisDown, RedisRefused

#: Hints that a stream keeps, about: Redis removes them by nodes of a hundred. More unread ones mean
#: that nobody is idle, and then they are of no use.
KEPT = 64

#: Everybody reads as one consumer: nothing stays pending, so names of processes would only pile up.
_GROUP = "idle"
_CONSUMER = "any"


class RedisWakeup:
    """See `core.wakeup.Wakeup`. For the work queues; broadcasts are `RedisEventBus`'s affair."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection
        self._met: set[str] = set()

    async def wake(self, topic: str) -> None:
        """See `Wakeup.wake`: wakes one who waits, or the next who comes."""
        try:
            await self._redis.command("XADD", self._key(topic), "MAXLEN", "~", KEPT, "*", "w", "")
        except RedisDown:
            metrics.REDIS_MISSES.labels("wake").inc()

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `Wakeup.wait`. While Redis is down it lasts its whole time and returns False; when
        Redis is back within it, True, since hints may have been lost."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        failed = False
        while True:
            left = max(0.0, ends - loop.time())
            try:
                return await self._read(self._key(topic), 0.0 if failed else left) or failed
            except RedisDown:
                metrics.REDIS_MISSES.labels("wait").inc()
            failed = True
            left = ends - loop.time()
            if left > 0:
                await asyncio.sleep(min(left, REST))
            if left <= REST:
                return False

    async def _read(self, key: str, seconds: float) -> bool:
        had_group = key in self._met
        # BLOCK 0 would mean for ever.
        block = ("BLOCK", max(1, round(seconds * 1000))) if seconds > 0 else ()
        # What is read counts as handled (NOACK): if its reader dies, that costs a poll interval.
        words = ("COUNT", 1, *block, "NOACK", "STREAMS", key, ">")
        try:
            got = await self._redis.patient_command(
                "XREADGROUP", "GROUP", _GROUP, _CONSUMER, *words, seconds=seconds
            )
        except RedisRefused as error:
            if error.code not in ("NOGROUP", "UNBLOCKED"):
                raise
            await self._make_group(key)
            if had_group:
                return True  # Redis was flushed or exchanged, and hints with it: better look
            self._met.add(key)
            return await self._read(key, seconds)
        self._met.add(key)
        return bool(got)

    async def _make_group(self, key: str) -> None:
        try:
            # From 0: hints that were given before anybody waited count as well.
            await self._redis.command("XGROUP", "CREATE", key, _GROUP, "0", "MKSTREAM")
        except RedisRefused as error:
            if error.code != "BUSYGROUP":
                raise

    def _key(self, topic: str) -> str:
        return self._redis.name("wake", topic)
