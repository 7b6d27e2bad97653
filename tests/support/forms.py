"""What exists in a local form and in one by Redis, for suites that hold for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import pytest

from core.redis_connection import RedisConnection
from tests.support.redis_server import PATIENCE, namespace

T = TypeVar("T")

#: For `params` of a fixture.
FORMS = ("local", pytest.param("redis", marks=pytest.mark.redis))


@asynccontextmanager
async def processes(
    request: pytest.FixtureRequest, local: T, by_redis: Callable[[RedisConnection], T]
) -> AsyncIterator[Callable[[], T]]:
    """Gives it as one more process has it: by Redis over a connection of its own; locally there is
    only one process."""
    if request.param == "local":
        yield lambda: local
        return
    url, name = request.getfixturevalue("redis_url"), namespace()
    async with AsyncExitStack() as stack:

        def one_more() -> T:
            connection = RedisConnection(url, namespace=name, timeout=PATIENCE)
            stack.push_async_callback(connection.close)
            return by_redis(connection)

        yield one_more
