"""Backoff: grows, has bounds, heeds what the platform asked, and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.clock import utc_now
from core.retry import HANDLING, SENDING, RetryPolicy

POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 5000),
    first=st.floats(0.01, 10),
    longest=st.floats(10, 86_400),
)


@given(POLICIES, st.integers(1, 6000), st.none() | st.floats(0, 1e6))
def test_every_delay_is_within_its_bounds(
    policy: RetryPolicy, attempt: int, asked: float | None
) -> None:
    delay = policy.delay(attempt, asked)
    if attempt >= policy.attempts:
        assert delay is None, "it gives up"
        return
    assert delay is not None
    seconds = delay / timedelta(seconds=1)
    least = policy.longest
    if attempt < 60:
        least = min(policy.first * 2 ** (attempt - 1), policy.longest)
    slack = 1e-5  # timedelta counts in microseconds
    assert seconds >= max(least, asked or 0) - slack
    assert seconds <= max(least * 1.25, asked or 0) + slack


def test_senders_do_not_come_back_all_at_once() -> None:
    assert len({RetryPolicy(5, 1.0, 60.0).delay(3) for _ in range(50)}) > 25


def test_a_message_that_cannot_be_handled_reaches_a_person_soon() -> None:
    waits = [HANDLING.delay(attempt) for attempt in range(1, HANDLING.attempts)]
    total = sum((wait for wait in waits if wait is not None), timedelta())
    assert timedelta(seconds=5) < total < timedelta(seconds=15)
    assert HANDLING.delay(HANDLING.attempts) is None


def test_sending_outlasts_a_bad_night_and_ends() -> None:
    waits = [SENDING.delay(attempt) for attempt in range(1, SENDING.attempts)]
    total = sum((wait for wait in waits if wait is not None), timedelta())
    assert timedelta(hours=12) < total < timedelta(hours=36)
    assert SENDING.delay(SENDING.attempts) is None


def test_the_present_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)
