"""What every `Cache` does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.cache import LARGEST, Cache, LocalCache
from core.redis_cache import RedisCache
from tests.support.forms import FORMS, processes
from tests.support.waiting import eventually

HOUR = 3600.0


@pytest.fixture(params=FORMS)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with processes(request, LocalCache(), RedisCache) as made:
        yield made()


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n", "جواز".encode(), b"x" * LARGEST])
async def test_what_was_put_is_got(cache: Cache, value: bytes) -> None:
    assert await cache.get("key") is None
    await cache.put("key", value, HOUR)
    assert await cache.get("key") == value
    assert await cache.get("another") is None


async def test_the_last_value_counts(cache: Cache) -> None:
    await cache.put("key", b"first", HOUR)
    await cache.put("key", b"second", HOUR)
    assert await cache.get("key") == b"second"


async def test_a_value_is_forgotten_in_time(cache: Cache) -> None:
    await cache.put("key", b"value", 0.02)

    async def gone() -> bool:
        return await cache.get("key") is None

    await eventually(gone)


@pytest.mark.parametrize(("value", "seconds"), [(b"x" * (LARGEST + 1), HOUR), (b"new", 0.0)])
async def test_what_is_not_kept_takes_the_old_value_along(
    cache: Cache, value: bytes, seconds: float
) -> None:
    await cache.put("key", b"old", HOUR)
    await cache.put("key", value, seconds)
    assert await cache.get("key") is None
