"""Servers that a test may kill, freeze and flush, and connections to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from core.redis_connection import RedisConnection
from tests.support.redis_server import (
    PATIENCE,
    Cluster,
    RedisServer,
    Watched,
    namespace,
    redis_or_skip,
    temporary_cluster,
    temporary_sentinels,
    temporary_server,
)

#: Makes a connection to an address, closed after the test. All of a test share their names.
Connect = Callable[..., RedisConnection]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of this test alone, empty after a restart."""
    with redis_or_skip(temporary_server()) as started:
        yield started


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of three nodes; to be left as it was found."""
    with redis_or_skip(temporary_cluster()) as started:
        yield started


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A master and its replica, watched by sentinels, of this test alone."""
    with redis_or_skip(temporary_sentinels()) as started:
        yield started


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connections."""
    name = namespace()
    async with AsyncExitStack() as stack:

        def make(url: str, timeout: float = PATIENCE, silence: float = 5.0) -> RedisConnection:
            made = RedisConnection(url, namespace=name, timeout=timeout, silence=silence)
            stack.push_async_callback(made.close)
            return made

        yield make
