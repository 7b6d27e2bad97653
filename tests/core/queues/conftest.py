"""The queues' contract holds on SQLite and on PostgreSQL: each test runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.contacts import Contacts
from core.db.engine import Database
from tests.support.clock import MovableClock
from tests.support.queues import Queues


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


@pytest.fixture
async def queues(database: Database, contacts: Contacts, clock: MovableClock) -> Queues:
    """The queues of this process."""
    return Queues(database, contacts, clock)


@pytest.fixture
async def other(
    address: str, queues: Queues, contacts: Contacts, clock: MovableClock
) -> AsyncIterator[Queues]:
    """The queues as a second process sees them: other connections, the same database."""
    made = Database(address)
    yield Queues(made, contacts, clock, ids=queues.ids)
    await made.close()
