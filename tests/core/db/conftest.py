"""Databases without any table, of both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import fresh_database

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


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
