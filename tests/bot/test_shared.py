"""Two processes of one installation, with and without Redis between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.root import Root, build_app
from core.buckets import Bucket
from core.errors import ConfigError
from core.messages import Pace
from core.settings import Settings
from core.wakeup import DESK, INBOX

Make = Callable[..., Root]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes processes, all on one database."""
    async with AsyncExitStack() as stack:

        def process(**settings: Any) -> Root:
            values = {"data_dir": tmp_path, "secret_key": "k" * 40, **settings}
            root = build_app(Settings(_env_file=None, **values), roles=())
            stack.push_async_callback(root.stop)
            return root

        yield process


async def test_without_redis_each_process_is_by_itself(make: Make) -> None:
    one, two = make(), make()
    await one.wakeup.wake(INBOX)
    assert await two.wakeup.wait(INBOX, 0.05) is False
    assert await one.wakeup.wait(INBOX, 0.05) is True


@pytest.mark.redis
async def test_with_redis_one_process_wakes_another(make: Make, redis_url: str) -> None:
    one, two = make(redis_url=redis_url), make(redis_url=redis_url)
    await one.wakeup.wake(INBOX)
    assert await two.wakeup.wait(INBOX, 30) is True


@pytest.mark.redis
async def test_with_redis_the_pace_is_one_for_all(make: Make, redis_url: str) -> None:
    one, two = make(redis_url=redis_url), make(redis_url=redis_url)
    assert one.shared is not None and two.shared is not None
    pace = Pace("telegram", 1, 60.0)
    assert await one.shared.rates.reserve([pace]) == 0
    assert await two.shared.rates.reserve([pace]) > 0


@pytest.mark.redis
async def test_with_redis_a_flood_is_one_for_all(make: Make, redis_url: str) -> None:
    one, two = make(redis_url=redis_url), make(redis_url=redis_url)
    assert one.shared is not None and two.shared is not None
    bucket = Bucket("web:session", 1, 0.01)
    assert await one.shared.buckets.take(bucket) == 0
    assert await two.shared.buckets.take(bucket) > 0


@pytest.mark.redis
async def test_with_redis_a_desk_hears_of_another_processs_news(make: Make, redis_url: str) -> None:
    one, two = make(redis_url=redis_url), make(redis_url=redis_url)
    heard = asyncio.create_task(two.wakeup.wait(DESK, 30))
    while not heard.done():  # until the subscription stands, news goes to nobody
        await one.wakeup.wake(DESK)
        await asyncio.wait([heard], timeout=0.05)
    assert await heard is True


def test_a_malformed_address_is_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="NATIQ_REDIS_URL"):
        make(redis_url="http://localhost")
