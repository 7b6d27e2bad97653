"""Token buckets that processes share: one Lua script, by Redis' clock.

Of each bucket the time is kept at which it will be full, under a keyed hash, because its key may
name a person. While Redis is down each process has buckets of its own: nobody is held up by that,
and so many processes let through so many times as much.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core import metrics
from core.buckets import Bucket, LocalBuckets
from core.crypto import Vault
from core.redis_connection import RedisConnection, RedisDown, Script

#: KEYS: the bucket. ARGV: the time that a token takes, and that a full bucket takes. All times are
#: in microseconds. Returns how long to wait.
_SCRIPT = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local token, all = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
full_at = math.min(full_at, now + all) + token
local wait = full_at - now - all
if wait > 0 then
  return string.format('%.0f', wait)
end
local lives = math.ceil((full_at - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', lives))
return '0'
""")


class RedisBuckets:
    """See `core.buckets.Buckets`. Never fails: without Redis it goes on alone."""

    def __init__(
        self,
        connection: RedisConnection,
        vault: Vault,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = connection
        self._vault = vault
        self._alone = LocalBuckets(clock)

    async def take(self, bucket: Bucket) -> float:
        """See `Buckets.take`."""
        token = round(1e6 / bucket.per_second)
        key = self._redis.name("bucket", self._vault.lookup(bucket.key, "buckets")[:32])
        try:
            wait = await self._redis.run(_SCRIPT, [key], [token, token * bucket.size])
        except RedisDown:
            metrics.REDIS_MISSES.labels("buckets").inc()
            return await self._alone.take(bucket)
        return int(wait) / 1e6
