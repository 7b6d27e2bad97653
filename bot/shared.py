"""What the processes of one installation share: hints that there is work, news for those who
watch, the pace of sending, the slowing of floods, and what was decided. By Redis where
`NATIQ_REDIS_URL` is set; else each process has its own, and others find work at their next look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.buckets import Buckets, LocalBuckets
from core.bus import JoinedWakeup
from core.cache import Cache, LocalCache
from core.crypto import Vault
from core.rates import LocalRateLimits, RateLimits
from core.redis_buckets import RedisBuckets
from core.redis_bus import RedisEventBus
from core.redis_cache import RedisCache
from core.redis_connection import RedisConnection
from core.redis_rates import RedisRateLimits
from core.redis_wakeup import RedisWakeup
from core.settings import Settings
from core.wakeup import LocalWakeup, Wakeup


@dataclass(frozen=True, slots=True)
class Shared:
    """`close` ends the connections."""

    wakeup: Wakeup
    rates: RateLimits
    buckets: Buckets
    cache: Cache
    close: Callable[[], Awaitable[None]]


def share(settings: Settings, vault: Vault) -> Shared:
    """Make it; nothing is connected to before it is used.

    Raises:
        ConfigError: the address of Redis is malformed.
    """
    if settings.redis_url is None:
        return Shared(LocalWakeup(), LocalRateLimits(), LocalBuckets(), LocalCache(), _nothing)
    connection = RedisConnection(settings.redis_url.get_secret_value())
    bus = RedisEventBus(connection)

    async def close() -> None:
        await bus.close()
        await connection.close()

    wakeup = JoinedWakeup(RedisWakeup(connection), bus)
    rates = RedisRateLimits(connection, vault)
    buckets = RedisBuckets(connection, vault)
    return Shared(wakeup, rates, buckets, RedisCache(connection), close)


async def _nothing() -> None:
    return None
