"""Pace: never more than a platform takes, and no longer wait than that asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Pace
from core.rates import LocalRateLimits


class Seconds:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def rates(seconds: Seconds) -> LocalRateLimits:
    return LocalRateLimits(seconds)


async def test_as_many_as_fit_and_not_one_more(rates: LocalRateLimits, seconds: Seconds) -> None:
    pace = Pace("overall", 3, 1.0)
    for _ in range(3):
        assert await rates.wait_for(pace) == 0
        assert await rates.reserve([pace]) == 0
        seconds.now += 0.2
    assert await rates.wait_for(pace) == pytest.approx(0.4)
    assert await rates.reserve([pace]) == pytest.approx(0.4)
    seconds.now += 0.41
    assert await rates.reserve([pace]) == 0, "the first one is out of the window"
    assert await rates.reserve([pace]) == pytest.approx(0.19)


async def test_asking_and_being_refused_count_nothing(
    rates: LocalRateLimits, seconds: Seconds
) -> None:
    pace = Pace("one", 1, 1.0)
    for _ in range(5):
        await rates.wait_for(pace)
    assert await rates.reserve([pace]) == 0
    for _ in range(5):
        assert await rates.reserve([pace]) == pytest.approx(1.0)
    seconds.now += 1.0
    assert await rates.reserve([pace]) == 0


async def test_all_paces_must_fit_or_none_is_counted(
    rates: LocalRateLimits, seconds: Seconds
) -> None:
    overall, chat, other = Pace("all", 2, 1.0), Pace("chat", 1, 5.0), Pace("other", 1, 5.0)
    assert await rates.reserve([chat, overall]) == 0
    assert await rates.reserve([chat, overall]) == pytest.approx(5.0), "the longest wait"
    assert await rates.reserve([other, overall]) == 0, "the refused one took no turn"
    assert await rates.wait_for(overall) == pytest.approx(1.0)


async def test_two_paces_under_one_key_are_two(rates: LocalRateLimits, seconds: Seconds) -> None:
    """As in a Telegram group: one a second, and twenty a minute."""
    second, minute = Pace("group", 1, 1.0), Pace("group", 20, 60.0)
    for number in range(20):
        assert await rates.reserve([second, minute]) == 0
        assert await rates.wait_for(second) == pytest.approx(1.0)
        assert (await rates.wait_for(minute) > 0) is (number == 19)
        seconds.now += 1.0
    assert await rates.reserve([second, minute]) == pytest.approx(40.0)
    seconds.now += 40.0
    assert await rates.reserve([minute, second]) == 0


async def test_a_clock_that_is_set_back_stops_nothing(
    rates: LocalRateLimits, seconds: Seconds
) -> None:
    pace = Pace("one", 1, 2.0)
    await rates.reserve([pace])
    seconds.now -= 3_600
    assert await rates.wait_for(pace) == 2.0


async def test_nothing_to_keep_to(rates: LocalRateLimits) -> None:
    assert await rates.reserve([]) == 0


async def test_people_who_went_silent_are_forgotten(
    rates: LocalRateLimits, seconds: Seconds
) -> None:
    for number in range(25_000):
        await rates.reserve([Pace(f"chat-{number}", 1, 1.0)])
        seconds.now += 0.001
    assert len(rates._past) < 12_000
    assert await rates.reserve([Pace("chat-24999", 1, 1.0)]) > 0, "but nobody who is not silent"


@given(
    st.integers(1, 5),
    st.floats(0.5, 10),
    st.lists(st.floats(0, 3), min_size=1, max_size=80),
)
async def test_no_window_ever_holds_more_than_its_count(
    count: int, length: float, pauses: list[float]
) -> None:
    seconds = Seconds()
    rates, pace = LocalRateLimits(seconds), Pace("k", count, length)
    taken: list[float] = []
    for pause in pauses:
        seconds.now += pause
        wait = await rates.reserve([pace])
        if wait == 0:
            taken.append(seconds.now)
        else:
            assert len([one for one in taken if one + length > seconds.now]) == count, (
                "no idle wait"
            )
    for at in taken:
        assert len([one for one in taken if at <= one < at + length - 1e-9]) <= count
