"""Buckets by a clock that the test moves, and without Redis."""

from __future__ import annotations

import pytest

from core import buckets as module
from core.buckets import Bucket, LocalBuckets
from core.crypto import Vault
from core.redis_buckets import RedisBuckets
from core.redis_connection import RedisConnection
from tests.support.redis_server import free_port


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticking() -> Clock:
    return Clock()


async def test_it_fills_at_its_rate_and_no_further(ticking: Clock) -> None:
    buckets, bucket = LocalBuckets(ticking), Bucket("a", 3, 0.5)
    assert [await buckets.take(bucket) for _ in range(5)] == [0, 0, 0, 2, 2]
    ticking.now = 1.0
    assert await buckets.take(bucket) == 1
    ticking.now = 2.0
    assert [await buckets.take(bucket) for _ in range(2)] == [0, 2]
    ticking.now = 1_000.0
    assert [await buckets.take(bucket) for _ in range(4)] == [0, 0, 0, 2]


async def test_a_clock_set_back_makes_nobody_wait_longer_than_for_one(ticking: Clock) -> None:
    buckets, bucket = LocalBuckets(ticking), Bucket("a", 3, 0.5)
    ticking.now = 10_000.0
    await buckets.take(bucket)
    ticking.now = 0.0
    assert await buckets.take(bucket) == 2


async def test_full_ones_are_forgotten(ticking: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 10)
    buckets = LocalBuckets(ticking)
    for number in range(10):
        await buckets.take(Bucket(str(number), 3, 0.5))
    assert len(buckets._full_at) == 10
    ticking.now = 100.0
    await buckets.take(Bucket("new", 3, 0.5))
    assert list(buckets._full_at) == ["new"]


async def test_without_redis_a_process_has_its_own_and_holds_up_nobody(
    vault: Vault, ticking: Clock
) -> None:
    connection = RedisConnection(f"redis://127.0.0.1:{free_port()}/0")
    buckets, bucket = RedisBuckets(connection, vault, ticking), Bucket("a", 3, 0.5)
    assert [await buckets.take(bucket) for _ in range(4)] == [0, 0, 0, 2]
    await connection.close()
