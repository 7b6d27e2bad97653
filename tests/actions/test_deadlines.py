"""By when staff will have answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.deadlines import WORKING_HOURS, WorkingHours, due_at
from actions.tickets import KINDS
from core.errors import ConfigError

RIYADH = ZoneInfo("Asia/Riyadh")
CAIRO = ZoneInfo("Africa/Cairo")
HOURS = WorkingHours.parse("sun,mon,tue,wed,thu", "08:00-15:00", RIYADH)


def at(day: int, hour: int, minute: int = 0, zone: ZoneInfo = RIYADH) -> datetime:
    """A moment of November 2026; the 22nd is a Sunday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        (at(22, 8), 3, at(22, 11)),
        (at(22, 8), 7, at(22, 15)),  # ends with the day
        (at(22, 8, 1), 7, at(23, 8, 15)),  # one minute runs over, rounded up
        (at(22, 14), 2, at(23, 9)),
        (at(22, 6), 1, at(22, 9)),  # before opening
        (at(22, 15), 1, at(23, 9)),  # exactly at closing
        (at(22, 23), 1, at(23, 9)),
        (at(26, 14), 2, at(29, 9)),  # Thursday to Sunday
        (at(27, 10), 7, at(29, 15)),  # on a Friday
        (at(28, 23, 59), 14, at(30, 15)),
        (at(22, 8), 35, at(26, 15)),  # a whole week
        (at(22, 9, 7), 1, at(22, 10, 15)),
        (at(22, 13, 55), 1, at(22, 15)),
        (at(22, 13, 59), 1, at(22, 15)),  # rounding never leaves the working day
    ],
)
def test_working_hours_are_added(start: datetime, hours: float, end: datetime) -> None:
    assert HOURS.add(start, hours) == end


def test_the_answer_is_in_the_zone_that_was_asked_in() -> None:
    end = HOURS.add(at(22, 8).astimezone(UTC), 3)
    assert end == at(22, 11)
    assert end.tzinfo is UTC


def test_a_change_of_the_clock_does_not_move_the_office() -> None:
    """Cairo set its clocks back on 30 October 2026: nine o'clock stays nine o'clock."""
    hours = WorkingHours.parse("sun,mon,tue,wed,thu", "09:00-15:00", CAIRO)
    start = datetime(2026, 10, 29, 14, tzinfo=CAIRO)
    end = hours.add(start.astimezone(UTC), 2).astimezone(CAIRO)
    assert (end.day, end.month, end.hour) == (1, 11, 10)
    assert start.utcoffset() != end.utcoffset(), "the clocks did change in between"


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(sorted(WORKING_HOURS.values())),
    st.sampled_from([RIYADH, CAIRO, ZoneInfo("Asia/Kathmandu")]),
)
def test_a_deadline_is_always_within_working_hours(
    naive: datetime, hours: int, zone: ZoneInfo
) -> None:
    office = WorkingHours.parse("sun,mon,tue,wed,thu", "08:00-15:00", zone)
    start = naive.replace(tzinfo=UTC)
    end = office.add(start, hours)
    local = end.astimezone(zone)
    assert end >= start + timedelta(hours=hours)
    assert end <= start + timedelta(days=3 + 2 * hours / 7)
    assert office.is_open(end - timedelta(seconds=1)), local
    assert (local.minute % 15, local.second, local.microsecond) == (0, 0, 0)


def test_urgent_runs_by_the_wall_clock_at_any_hour() -> None:
    friday_night = at(27, 23, 50)
    assert due_at("human", True, friday_night, HOURS) == at(28, 1)
    assert due_at("suggestion", True, friday_night, HOURS) == at(28, 1)


def test_kind_alone_decides_else() -> None:
    start = at(22, 8)
    assert due_at("human", False, start, HOURS) == at(22, 15)
    assert due_at("complaint", False, start, HOURS) == at(23, 15)
    assert due_at("suggestion", False, start, HOURS) == at(26, 15)
    # Every kind of ticket has a deadline; urgent ones have theirs from urgency.
    assert set(WORKING_HOURS) == set(KINDS) - {"urgent"}


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (at(22, 8), True),
        (at(22, 7, 59), False),
        (at(22, 14, 59), True),
        (at(22, 15), False),
        (at(27, 10), False),
        (at(22, 5, 30, UTC), True),
    ],
)
def test_opening_hours(moment: datetime, is_open: bool) -> None:
    assert HOURS.is_open(moment) is is_open


@pytest.mark.parametrize(
    ("days", "hours", "setting"),
    [
        ("", "08:00-15:00", "NATIQ_WORK_DAYS"),
        ("sunday", "08:00-15:00", "NATIQ_WORK_DAYS"),
        ("sun,,x", "08:00-15:00", "NATIQ_WORK_DAYS"),
        ("sun", "8-15", "NATIQ_WORK_HOURS"),
        ("sun", "08:00", "NATIQ_WORK_HOURS"),
        ("sun", "15:00-08:00", "NATIQ_WORK_HOURS"),
        ("sun", "08:00-08:00", "NATIQ_WORK_HOURS"),
        ("sun", "08:00-25:00", "NATIQ_WORK_HOURS"),
        ("sun", "08:00-12:00-15:00", "NATIQ_WORK_HOURS"),
    ],
)
def test_malformed_settings_are_refused_by_name(days: str, hours: str, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        WorkingHours.parse(days, hours, RIYADH)


def test_days_may_be_written_loosely() -> None:
    assert WorkingHours.parse(" Mon, TUE ,", "08:00 - 15:00", RIYADH).days == {0, 1}
