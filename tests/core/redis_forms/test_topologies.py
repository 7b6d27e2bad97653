"""A real cluster, and real sentinels through a failover."""

from __future__ import annotations

import asyncio
import time

import pytest

from core.crypto import Vault
from core.messages import Pace
from core.redis_bus import RedisEventBus
from core.redis_cache import RedisCache
from core.redis_connection import RedisConnection
from core.redis_rates import RedisRateLimits
from core.redis_wakeup import RedisWakeup
from core.wakeup import ATTACHMENTS, DESK, INBOX, OUTBOX
from tests.core.redis_forms.conftest import Connect
from tests.support.redis_server import Cluster, Watched
from tests.support.waiting import eventually

pytestmark = [pytest.mark.redis, pytest.mark.slow]

LONG = 60.0
SHORT = 0.2
HOUR = 3600.0


async def everything_works(one: RedisConnection, other: RedisConnection, vault: Vault) -> None:
    """Two processes meet in each of the four forms; their names must be new."""
    here, there = RedisWakeup(one), RedisWakeup(other)
    for topic in (INBOX, OUTBOX, ATTACHMENTS):
        while await there.wait(topic, 0):
            pass
        waiting = asyncio.create_task(there.wait(topic, LONG))
        await here.wake(topic)
        assert await asyncio.wait_for(waiting, LONG)
        assert not await there.wait(topic, 0)

    caches = RedisCache(one), RedisCache(other)
    for number in range(30):  # in all slots
        await caches[0].put(f"key-{number}", b"value", HOUR)
    assert [await caches[1].get(f"key-{n}") for n in range(30)] == [b"value"] * 30

    pace = Pace(f"telegram {time.monotonic()}", 10, HOUR)
    limits = RedisRateLimits(one, vault), RedisRateLimits(other, vault)
    chats = [Pace(f"{pace.key} {number}", 1, HOUR) for number in range(20)]
    waits = await asyncio.gather(*(limits[i % 2].reserve([pace, c]) for i, c in enumerate(chats)))
    assert waits.count(0.0) == 10

    buses = RedisEventBus(one), RedisEventBus(other)
    try:
        for sender, receiver in (buses, buses[::-1]):

            async def heard(
                sender: RedisEventBus = sender, receiver: RedisEventBus = receiver
            ) -> bool:
                watching = asyncio.create_task(receiver.wait(DESK, SHORT))
                await asyncio.sleep(0)
                await sender.publish(DESK)
                return await watching

            await eventually(heard)
    finally:
        for bus in buses:
            await bus.close()
    assert not one.is_down and not other.is_down


async def test_everything_works_on_a_cluster(
    connect: Connect, cluster: Cluster, vault: Vault
) -> None:
    await everything_works(connect(cluster.url), connect(cluster.url), vault)


async def test_a_cluster_that_lost_a_node_is_an_outage_for_its_slots_until_it_is_back(
    connect: Connect, cluster: Cluster
) -> None:
    cache = RedisCache(connect(cluster.url))
    keys = [f"key-{number}" for number in range(30)]
    for key in keys:
        await cache.put(key, b"value", HOUR)
    lost = cluster.nodes[0]
    await asyncio.to_thread(lost.kill)
    assert None in [await cache.get(key) for key in keys]
    await asyncio.to_thread(lost.start)

    async def all_kept() -> bool:
        for key in keys:
            await cache.put(key, b"value", HOUR)
        return None not in [await cache.get(key) for key in keys]

    await eventually(all_kept)


async def test_everything_works_by_sentinel_and_after_a_failover(
    connect: Connect, watched: Watched, vault: Vault
) -> None:
    one, other = connect(watched.url), connect(watched.url)
    await everything_works(one, other, vault)
    former = watched.master
    await asyncio.to_thread(former.kill)
    await eventually(lambda: watched.master is not former)
    cache = RedisCache(one)

    async def kept() -> bool:
        await cache.put("after", b"value", HOUR)
        return await cache.get("after") == b"value"

    await eventually(kept)
    await everything_works(one, other, vault)
