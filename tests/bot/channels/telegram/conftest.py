"""Systems on a Bot API server of this machine, by the real client library."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.minds import action, clarify, entry, scripted_mind
from tests.support.minds import answer as answers_with
from tests.support.telegram_line import Line, TickingClock
from tests.support.telegram_server import TelegramServer, telegram_server

MakeLine = Callable[..., Awaitable[Line]]

#: What the scripted mind understands.
TABLE = {
    "كيف أجدد جوازي؟": answers_with("faq-a"),
    "سؤال غامض": clarify("faq-a", "faq-b"),
    "شكرا": action("thanks"),
}


@pytest.fixture
def clock() -> TickingClock:
    """One clock for the system and for the server's limits."""
    return TickingClock()


@pytest.fixture
async def server(clock: TickingClock) -> AsyncIterator[TelegramServer]:
    async with telegram_server(clock.seconds) as made:
        yield made
        assert made.violations == [], "no limit was overstepped, no parameter invented"


@pytest.fixture
async def make_line(
    server: TelegramServer, clock: TickingClock, tmp_path: Path, migrated_file: Path
) -> AsyncIterator[MakeLine]:
    """Makes systems, all on one database."""
    made: list[Line] = []
    (tmp_path / "data").mkdir()
    shutil.copy(migrated_file, tmp_path / "data" / "natiq.db")

    async def make(**settings: Any) -> Line:
        mind = scripted_mind([entry("faq-a"), entry("faq-b")], TABLE)
        made.append(Line(server, tmp_path / "data", mind, clock, **settings))
        return await made[-1].start()

    yield make
    for one in made:
        await one.stop()


@pytest.fixture
async def line(make_line: MakeLine) -> Line:
    """A system that polls and knows its own name."""
    made = await make_line()
    await made.poller.prepare()
    return made
