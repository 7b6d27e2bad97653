"""Work that one process alone may do: on PostgreSQL by a lock that dies with its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.db.alone import Alone
from core.db.engine import Database
from tests.support.waiting import eventually

LOOK = 0.05


class Work:
    """Runs until it is told to end; knows how many do at once."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.most = 0
        self.begun: list[str] = []

    async def by(self, name: str) -> None:
        self.begun.append(name)
        self.running.append(name)
        self.most = max(self.most, len(self.running))
        try:
            await asyncio.Event().wait()
        finally:
            self.running.remove(name)


@pytest.fixture
async def pair(postgres_address: str) -> AsyncIterator[tuple[Database, Database]]:
    first, second = Database(postgres_address), Database(postgres_address)
    yield first, second
    await first.close()
    await second.close()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.postgres
async def test_one_works_and_the_other_takes_over(pair: tuple[Database, Database]) -> None:
    work = Work()
    first = asyncio.create_task(Alone(pair[0], "poll", LOOK).run(lambda: work.by("first")))
    await eventually(lambda: work.running == ["first"])
    second = asyncio.create_task(Alone(pair[1], "poll", LOOK).run(lambda: work.by("second")))
    await asyncio.sleep(LOOK * 5)  # several looks of the second
    assert work.running == ["first"]
    await stop(first)
    await eventually(lambda: work.running == ["second"])
    assert work.most == 1
    await stop(second)


@pytest.mark.postgres
async def test_names_are_apart(pair: tuple[Database, Database]) -> None:
    work = Work()
    tasks = [
        asyncio.create_task(Alone(pair[0], "poll", LOOK).run(lambda: work.by("first"))),
        asyncio.create_task(Alone(pair[1], "other", LOOK).run(lambda: work.by("second"))),
    ]
    await eventually(lambda: sorted(work.running) == ["first", "second"])
    for task in tasks:
        await stop(task)


@pytest.mark.postgres
async def test_a_broken_connection_ends_the_turn_and_it_is_taken_again(
    pair: tuple[Database, Database],
) -> None:
    work = Work()
    task = asyncio.create_task(Alone(pair[0], "poll", LOOK).run(lambda: work.by("first")))
    await eventually(lambda: work.running == ["first"])
    async with pair[1].write() as session:  # as a restart of the server does
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    await eventually(lambda: len(work.begun) == 2)
    assert work.most == 1
    await stop(task)


@pytest.mark.postgres
async def test_work_that_ends_ends_the_turn(pair: tuple[Database, Database]) -> None:
    async def done() -> None:
        return None

    async def breaks() -> None:
        raise ValueError("of its own")

    await Alone(pair[0], "poll", LOOK).run(done)
    await Alone(pair[1], "poll", LOOK).run(done)
    with pytest.raises(ValueError, match="of its own"):
        await Alone(pair[0], "poll", LOOK).run(breaks)


async def test_the_embedded_database_has_one_process(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'natiq.db'}")
    seen: list[str] = []

    async def work() -> None:
        seen.append("worked")

    await Alone(db, "poll", LOOK).run(work)
    assert seen == ["worked"]
    await db.close()
