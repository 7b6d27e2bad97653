"""What all `Buckets` do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from core.buckets import Bucket, Buckets, LocalBuckets
from core.crypto import Vault
from core.redis_buckets import RedisBuckets
from tests.support.forms import FORMS, processes
from tests.support.waiting import eventually

#: Tokens in a second of a bucket that regains none while a test runs.
SLOW = 1 / 3600.0

Process = Callable[[], Buckets]


@pytest.fixture(params=FORMS)
async def process(request: pytest.FixtureRequest, vault: Vault) -> AsyncIterator[Process]:
    """Gives the buckets as one more process has them; locally there is only one."""
    async with processes(request, LocalBuckets(), lambda one: RedisBuckets(one, vault)) as made:
        yield made


async def test_a_full_bucket_gives_its_size_and_then_the_wait_for_one(process: Process) -> None:
    buckets, bucket = process(), Bucket("person", 3, SLOW)
    assert [await buckets.take(bucket) for _ in range(3)] == [0.0] * 3
    for _ in range(5):
        assert 3600 - 60 < await buckets.take(bucket) <= 3600, "whoever is refused takes nothing"


async def test_keys_have_buckets_of_their_own(process: Process) -> None:
    buckets = process()
    assert await buckets.take(Bucket("one", 1, SLOW)) == 0.0
    assert await buckets.take(Bucket("one", 1, SLOW)) > 0
    assert await buckets.take(Bucket("other", 1, SLOW)) == 0.0


async def test_tokens_come_back_one_by_one(process: Process) -> None:
    buckets, bucket = process(), Bucket("person", 2, 5.0)

    async def taken() -> bool:
        return await buckets.take(bucket) == 0.0

    started = time.monotonic()
    for _ in range(5):
        await eventually(taken)
    # Two at once; each of the other three took a fifth of a second to come back.
    assert time.monotonic() - started >= 3 * 0.2 - 0.01


async def test_processes_share_the_levels(process: Process) -> None:
    bucket = Bucket("person", 20, SLOW)
    everybody = [process() for _ in range(3)]
    waits = await asyncio.gather(*(one.take(bucket) for _ in range(15) for one in everybody))
    assert waits.count(0.0) == 20
    assert all(0 < wait <= 3600 for wait in waits if wait)
