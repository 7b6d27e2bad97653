"""Transactions: what is read is of one moment, what is written is kept or falls whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

from core.db import engine
from core.db.engine import Database, retry_on_contention
from core.db.tables import Contact, ConversationRow, LoginAttemptRow
from core.errors import ConfigError
from tests.support.redis_server import free_port

NOW = datetime(2026, 8, 3, 7, 0, tzinfo=UTC)


@pytest.fixture
async def sqlite(sqlite_address: str) -> AsyncIterator[Database]:
    made = Database(sqlite_address)
    yield made
    await made.close()


async def _count(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(LoginAttemptRow)) or 0


async def test_a_block_that_ends_well_is_kept_and_one_that_breaks_is_not(
    database: Database,
) -> None:
    async with database.write() as session:
        session.add(LoginAttemptRow(key="kept", at=NOW))
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            session.add(LoginAttemptRow(key="lost", at=NOW))
            await session.flush()
            raise RuntimeError
    async with database.read() as session:
        assert list(await session.scalars(select(LoginAttemptRow.key))) == ["kept"]


async def test_reading_commits_nothing(database: Database) -> None:
    async with database.read() as session:
        session.add(LoginAttemptRow(key="k", at=NOW))
        await session.flush()
    assert await _count(database) == 0


async def test_a_reader_sees_one_moment(database: Database) -> None:
    query = select(func.count()).select_from(LoginAttemptRow)
    async with database.read() as session:
        assert await session.scalar(query) == 0
        async with database.write() as writer:
            writer.add(LoginAttemptRow(key="k", at=NOW))
        assert await session.scalar(query) == 0, "a reader is not disturbed, and disturbs nobody"
    assert await _count(database) == 1


async def test_writers_of_one_process_get_their_turn_in_order(sqlite: Database) -> None:
    """The line holds however long each takes: nobody who came later is served before."""
    served: list[int] = []
    first_writes, first_may_end = asyncio.Event(), asyncio.Event()

    async def write(number: int) -> None:
        async with sqlite.write() as session:
            session.add(LoginAttemptRow(key=str(number), at=NOW))
            await session.flush()
            served.append(number)
            if number == 0:
                first_writes.set()
                await first_may_end.wait()

    first = asyncio.create_task(write(0))
    await first_writes.wait()
    others = [asyncio.create_task(write(number)) for number in range(1, 8)]
    await asyncio.sleep(0)  # all of them stand in the line
    others[3].cancel()
    first_may_end.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    assert served == [0, 1, 2, 3, 5, 6, 7], "whoever gives up holds up nobody"


async def test_a_write_within_a_write_is_refused(sqlite: Database) -> None:
    async with sqlite.write():
        with pytest.raises(RuntimeError, match="within another"):
            async with sqlite.write():
                pass
    async with sqlite.write() as session:
        session.add(LoginAttemptRow(key="after", at=NOW))
    assert await _count(sqlite) == 1


async def test_writers_wait_for_each_other(address: str, database: Database) -> None:
    other = Database(address)

    async def add(side: Database, number: int) -> None:
        async def attempt() -> None:
            async with side.write() as session:
                count = await session.scalar(select(func.count()).select_from(LoginAttemptRow))
                session.add(LoginAttemptRow(key=f"{number}:{count}", at=NOW))

        await retry_on_contention(attempt)

    await asyncio.gather(*(add((database, other)[n % 2], n) for n in range(24)))
    await other.close()
    assert await _count(database) == 24


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    local = datetime(2026, 8, 3, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=3)))
    async with database.write() as session:
        session.add(LoginAttemptRow(key="k", at=local))
    async with database.read() as session:
        read = await session.scalar(select(LoginAttemptRow.at))
        earlier = await session.scalar(
            select(func.count())
            .select_from(LoginAttemptRow)
            .where(LoginAttemptRow.at <= local - timedelta(microseconds=1))
        )
    assert read == local
    assert read is not None and read.utcoffset() == timedelta(0)
    assert earlier == 0


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        async with database.write() as session:
            session.add(LoginAttemptRow(key="k", at=NOW.replace(tzinfo=None)))


async def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(ConversationRow(contact_id=999, channel="web", state={}, created_at=NOW))


async def test_json_comes_back_as_it_went_in(database: Database) -> None:
    state = {"نص": "قيمة", "list": [1, 2.5, None, True], "deep": {"a": {}}}
    async with database.write() as session:
        contact = Contact(channel="web", lookup="x", sealed_address=b"\x00\xff", created_at=NOW)
        session.add(contact)
        await session.flush()
        session.add(
            ConversationRow(contact_id=contact.id, channel="web", state=state, created_at=NOW)
        )
    async with database.read() as session:
        assert await session.scalar(select(ConversationRow.state)) == state
        assert await session.scalar(select(Contact.sealed_address)) == b"\x00\xff"


async def test_an_error_of_the_database_does_not_quote_what_people_wrote(
    database: Database,
) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as session:
            await session.execute(
                text("INSERT INTO nowhere (words) VALUES (:words)"), {"words": "+966500000001"}
            )
    assert "966500000001" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "natiq.db", "postgresql+psycopg//u:hidden@h/db", "://"])
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="NATIQ_DATABASE_URL") as caught:
        Database(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://u:hidden@h/db", "nothing://u:hidden@h/db", "sqlite:///x"])
def test_a_database_that_is_not_supported_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="NATIQ_DATABASE_URL") as caught:
        Database(url)
    assert "hidden" not in str(caught.value)


async def test_sqlite_survives_a_power_cut(sqlite_address: str) -> None:
    database = Database(sqlite_address)
    async with database.read() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await session.scalar(text("PRAGMA foreign_keys")) == 1
    await database.close()


class Failing:
    """Fails a number of times with an error, then answers."""

    def __init__(self, times: int, error: DBAPIError) -> None:
        self.left = times
        self.calls = 0
        self.error = error

    async def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


def _error(words: str, *, link_broke: bool = False) -> DBAPIError:
    return OperationalError("SELECT 1", {}, Exception(words), connection_invalidated=link_broke)


@pytest.mark.parametrize(
    "error",
    [
        _error("database is locked"),
        _error("deadlock detected"),
        _error("could not serialize access due to concurrent update"),
        _error("server closed the connection unexpectedly", link_broke=True),
    ],
)
async def test_a_collision_is_tried_again(
    error: DBAPIError, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("core.db.engine.asyncio.sleep", no_sleep)
    attempt = Failing(3, error)
    assert await retry_on_contention(attempt) == "done"
    assert attempt.calls == 4
    assert waits == sorted(waits) and len(set(waits)) == 3, "it waits longer each time"
    for_ever = Failing(99, error)
    with pytest.raises(DBAPIError):
        await retry_on_contention(for_ever)
    assert for_ever.calls == 5


async def test_a_database_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_sleep(_seconds: float) -> None:
        return None

    monkeypatch.setattr("core.db.engine.asyncio.sleep", no_sleep)
    database = Database(f"postgresql+psycopg://natiq@127.0.0.1:{free_port()}/natiq")
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        await _count(database)

    with pytest.raises(OperationalError):
        await retry_on_contention(attempt, 3)
    assert calls == 3
    await database.close()


async def test_another_error_is_not_tried_again() -> None:
    attempt = Failing(1, _error("no such table: inbox"))
    with pytest.raises(DBAPIError):
        await retry_on_contention(attempt)
    assert attempt.calls == 1


@pytest.mark.postgres
async def test_a_frozen_transaction_does_not_keep_its_locks_for_ever(postgres_address: str) -> None:
    database = Database(postgres_address)
    async with database.read() as session:
        setting = await session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert setting == f"{engine.IDLE_SECONDS}s"
    await database.close()


@pytest.mark.postgres
async def test_a_process_takes_no_more_connections_than_its_pool(postgres_address: str) -> None:
    database = Database(postgres_address)
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    counts = []

    async def look() -> None:
        async with database.read() as session:
            counts.append(await session.scalar(count))

    await asyncio.gather(*(look() for _ in range(50)))
    assert max(counts) <= engine.POOL_KEPT + engine.POOL_MORE
    await database.close()
