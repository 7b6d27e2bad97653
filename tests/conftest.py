"""What the tests of all rooms share: a real database, keys, the reply catalogue, a clock."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # so that a bare `pytest` finds `tests.support` too
    sys.path.insert(0, str(ROOT))

from core.catalogue import Catalogue  # noqa: E402
from core.contacts import Contacts  # noqa: E402
from core.crypto import Vault  # noqa: E402
from core.db.engine import Database  # noqa: E402
from tests.support.clock import MovableClock  # noqa: E402
from tests.support.missing import say_what_is_missing  # noqa: E402
from tests.support.postgres import (  # noqa: E402
    PostgresUnavailable,
    fresh_database,
    server_for_tests,
)
from tests.support.redis_server import redis_or_skip  # noqa: E402
from tests.support.redis_server import server_for_tests as redis_for_tests  # noqa: E402

# Shared machines pause at will, so an example may take long without anything being wrong.
hypothesis_settings.register_profile("natiq", deadline=None, print_blob=True)
hypothesis_settings.load_profile("natiq")


@pytest.fixture
def clock() -> MovableClock:
    """The time, which the test alone moves."""
    return MovableClock()


@pytest.fixture(scope="session")
def vault() -> Vault:
    """The vault of a key that is for tests alone."""
    return Vault(b"a key for tests, and for nothing but tests")


@pytest.fixture(scope="session")
def contacts(vault: Vault) -> Contacts:
    """Contacts sealed by `vault`."""
    return Contacts(vault)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The bot's real reply catalogue."""
    return Catalogue.load(ROOT / "bot" / "replies", ZoneInfo("Asia/Riyadh"))


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, to be copied: it is faster than migrating for each test."""
    path = tmp_path_factory.mktemp("template") / "natiq.db"
    asyncio.run(_migrate(sqlite_url(path)))
    return path


@pytest.fixture
def sqlite_address(migrated_file: Path, tmp_path: Path) -> str:
    """The address of a migrated, empty SQLite file of this test alone."""
    return sqlite_url(Path(shutil.copy(migrated_file, tmp_path / "natiq.db")))


@pytest.fixture
async def database(sqlite_address: str) -> AsyncIterator[Database]:
    """A migrated, empty SQLite database of this test alone."""
    made = Database(sqlite_address)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server; skips without one, fails where one is required."""
    try:
        with server_for_tests() as address:
            yield address
    except PostgresUnavailable as error:
        if os.environ.get("NATIQ_TEST_POSTGRES") == "required":
            pytest.fail(f"PostgreSQL is required: {error}")
        pytest.skip(f"needs PostgreSQL: {error}")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """A migrated, empty PostgreSQL database, to be copied."""
    with fresh_database(postgres_server) as address:
        asyncio.run(_migrate(address))
        yield address


@pytest.fixture
def postgres_address(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The address of a migrated, empty PostgreSQL database of this test alone."""
    with fresh_database(postgres_server, postgres_template) as address:
        yield address


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Redis server; skips without one, fails where one is required."""
    with redis_or_skip(redis_for_tests()) as address:
        yield address


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what could not be run, loudly."""
    say_what_is_missing(terminalreporter)
