"""What stands on the database holds on SQLite and on PostgreSQL: each test of these rooms that
asks for `address` or `database` runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.db.engine import Database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty database of this test alone."""
    made: str = request.getfixturevalue(f"{request.param}_address")
    return made


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    """This process's way to the database."""
    made = Database(address)
    yield made
    await made.close()
