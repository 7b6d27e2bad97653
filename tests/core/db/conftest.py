"""The database's contract holds on SQLite and on PostgreSQL: each test runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.db.engine import Database
from tests.support.postgres import fresh_database

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def address(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty database of this test alone."""
    made: str = request.getfixturevalue(f"{request.param}_address")
    return made


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    """A migrated, empty database."""
    made = Database(address)
    yield made
    await made.close()


@pytest.fixture
def new_postgres(postgres_server: str) -> Iterator[str]:
    """The address of a PostgreSQL database without any table."""
    with fresh_database(postgres_server) as made:
        yield made


@pytest.fixture(params=BOTH)
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without any table; the SQLite file does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'er' / 'natiq.db'}"
    made: str = request.getfixturevalue("new_postgres")
    return made
