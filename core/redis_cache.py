"""A cache that processes share, in Redis. Any trouble is a miss."""

from __future__ import annotations

from core import metrics
from core.cache import LARGEST
from core.redis_connection import RedisConnection, RedisDown


class RedisCache:
    """See `core.cache.Cache`. How much it keeps is bounded by the time that values are put for, and
    by Redis' own `maxmemory`."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        try:
            value = await self._redis.command("GET", self._redis.name("cache", key))
        except RedisDown:
            metrics.REDIS_MISSES.labels("cache").inc()
            return None
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """See `Cache.put`."""
        name = self._redis.name("cache", key)
        try:
            if seconds <= 0 or len(value) > LARGEST:
                await self._redis.command("UNLINK", name)
            else:
                await self._redis.command("SET", name, value, "PX", max(1, round(seconds * 1000)))
        except RedisDown:
            metrics.REDIS_MISSES.labels("cache").inc()
