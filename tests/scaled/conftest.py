"""One installation of many processes for all tests of this room: starting it takes a while."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.support.installation import Installation, installation
from tests.support.postgres import PostgresUnavailable
from tests.support.redis_server import RedisUnavailable

#: Processes of each role.
ROLES = {"web": 1, "worker": 4, "sender": 2, "telegram": 2}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """The installation; whoever ends a process of it starts another."""
    wanted = os.environ.get("NATIQ_TEST_SCALED")
    if not wanted:
        pytest.skip("needs PostgreSQL, Redis and some minutes: run `make test-scaled`")
    async with contextlib.AsyncExitStack() as stack:
        try:
            made = await stack.enter_async_context(
                installation(tmp_path_factory.mktemp("scaled"), ROLES)
            )
        except (PostgresUnavailable, RedisUnavailable) as error:
            if wanted == "required":
                pytest.fail(f"required: {error}")
            pytest.skip(f"needs {error}")
        yield made


@pytest.fixture
def say(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line of figures into the test's output, whatever is captured."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def write(line: str) -> None:
        if reporter is None:
            return
        with capfd.disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    return write
