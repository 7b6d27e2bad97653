"""The two modes for tests of the whole: embedded, and scaled on PostgreSQL and Redis.

Scaled tests run when `NATIQ_TEST_SCALED` is set; `required` makes a missing server fail.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from tests.support.postgres import PostgresUnavailable, fresh_database, temporary_server
from tests.support.redis_server import RedisUnavailable
from tests.support.redis_server import temporary_server as temporary_redis

#: For `params` of a fixture.
MODES = ("embedded", pytest.param("scaled", marks=pytest.mark.scaled))


@dataclass(frozen=True)
class Engines:
    """What the roles share: the address of a database without tables, and that of a Redis."""

    database_url: str
    redis_url: str


#: Begins what the roles share, for one installation; None when it is embedded and needs nothing.
MakeEngines = Callable[[], AbstractContextManager[Engines | None]]


@contextlib.contextmanager
def postgres_for_roles() -> Iterator[str]:
    """A PostgreSQL server, for a fixture; skips where none was asked for."""
    wanted = os.environ.get("NATIQ_TEST_SCALED")
    if not wanted:
        pytest.skip("needs PostgreSQL and Redis: run `make test-scaled`")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(temporary_redis())
            address = stack.enter_context(temporary_server())
        except (PostgresUnavailable, RedisUnavailable) as error:
            if wanted == "required":
                pytest.fail(f"required: {error}")
            pytest.skip(f"needs PostgreSQL and Redis: {error}")
        yield address


@contextlib.contextmanager
def engines(postgres: str) -> Iterator[Engines]:
    """A fresh database of the server at that address, and a Redis of its own."""
    with fresh_database(postgres) as database, temporary_redis() as redis:
        yield Engines(database, redis.url)
