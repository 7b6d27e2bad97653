"""Whole systems for the bot's tests: with the really built model, or with scripted decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from bot.mind import Mind
from faq.entries import FaqEntry
from tests.support.minds import Plan, entry, real_mind, scripted_mind
from tests.support.talk import Talk

Script = Callable[..., Awaitable[Talk]]


@pytest.fixture(scope="session")
def mind() -> Mind:
    """The served model over the sample FAQ (seconds, once)."""
    return real_mind()


@pytest.fixture
async def talk(tmp_path: Path, mind: Mind) -> AsyncIterator[Talk]:
    """A system with the real model."""
    made = await Talk(tmp_path, mind).start()
    yield made
    await made.stop()


@pytest.fixture
async def script(tmp_path: Path) -> AsyncIterator[Script]:
    """Makes systems whose understanding is a table of texts."""
    made: list[Talk] = []

    async def make(
        table: Mapping[str, Plan], entries: Sequence[FaqEntry] | None = None, **settings: object
    ) -> Talk:
        known = entries if entries is not None else [entry(f"faq-{name}") for name in "abc"]
        made.append(Talk(tmp_path / str(len(made)), scripted_mind(known, table), **settings))
        return await made[-1].start()

    yield make
    for one in made:
        await one.stop()
