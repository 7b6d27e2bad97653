"""What every `RateLimits` does. Times that must pass are looked for, never slept for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from core.crypto import Vault
from core.messages import Pace
from core.rates import LocalRateLimits, RateLimits
from core.redis_rates import RedisRateLimits
from tests.support.forms import FORMS, processes
from tests.support.waiting import eventually

#: A window that does not end while a test runs, in seconds.
HOUR = 3600.0

Process = Callable[[], RateLimits]


@pytest.fixture(params=FORMS)
async def process(request: pytest.FixtureRequest, vault: Vault) -> AsyncIterator[Process]:
    """Gives the limits as one more process has them; locally there is only one."""
    async with processes(
        request, LocalRateLimits(), lambda one: RedisRateLimits(one, vault)
    ) as made:
        yield made


async def test_so_many_fit_and_no_more(process: Process) -> None:
    limits, pace = process(), Pace("telegram", 3, HOUR)
    for _ in range(3):
        assert await limits.wait_for(pace) == 0.0
        assert await limits.reserve([pace]) == 0.0
    assert 0 < await limits.wait_for(pace) <= HOUR
    assert HOUR - 60 < await limits.reserve([pace]) <= HOUR


async def test_asking_counts_nothing(process: Process) -> None:
    limits, pace = process(), Pace("telegram", 1, HOUR)
    for _ in range(5):
        assert await limits.wait_for(pace) == 0.0
    assert await limits.reserve([pace]) == 0.0


async def test_keys_are_counted_apart(process: Process) -> None:
    limits = process()
    assert await limits.reserve([Pace("chat:1", 1, HOUR)]) == 0.0
    assert await limits.reserve([Pace("chat:2", 1, HOUR)]) == 0.0
    assert await limits.reserve([Pace("chat:1", 1, HOUR)]) > 0


async def test_all_paces_are_counted_or_none(process: Process) -> None:
    limits = process()
    overall, chat, other = (
        Pace(key, count, HOUR) for key, count in [("all", 2), ("1", 1), ("2", 1)]
    )
    assert await limits.reserve([chat, overall]) == 0.0
    for _ in range(5):
        assert await limits.reserve([chat, overall]) > 0
    assert await limits.reserve([other, overall]) == 0.0, "the refused ones were counted"
    assert await limits.wait_for(overall) > 0


async def test_the_longest_wait_is_told(process: Process) -> None:
    limits = process()
    brief, long = Pace("brief", 1, 30.0), Pace("long", 1, HOUR)
    assert await limits.reserve([brief, long]) == 0.0
    assert await limits.reserve([brief, long]) > 30.0
    assert 0 < await limits.reserve([brief]) <= 30.0


async def test_without_a_pace_everything_fits(process: Process) -> None:
    assert await process().reserve([]) == 0.0


async def test_it_fits_again_when_the_window_has_slid_on(process: Process) -> None:
    limits, pace = process(), Pace("telegram", 2, 0.3)

    async def fits() -> bool:
        return await limits.reserve([pace]) == 0.0

    started = time.monotonic()
    for _ in range(5):
        await eventually(fits)
    # Five with two in any 0.3 s: the third and the fifth had to wait for a window each.
    assert time.monotonic() - started >= 2 * 0.3 - 0.01


async def test_processes_share_what_is_counted(process: Process) -> None:
    pace = Pace("telegram", 20, HOUR)
    everybody = [process() for _ in range(4)]
    waits = await asyncio.gather(
        *(limits.reserve([pace]) for _ in range(15) for limits in everybody)
    )
    assert waits.count(0.0) == 20
    assert all(0 < wait <= HOUR for wait in waits if wait)
    for limits in everybody:
        assert await limits.wait_for(pace) > 0
