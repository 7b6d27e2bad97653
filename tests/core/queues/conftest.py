"""The queues of two processes over one database (on both kinds: see `tests/core/conftest.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.contacts import Contacts
from core.db.engine import Database
from tests.support.clock import MovableClock
from tests.support.queues import Queues


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
