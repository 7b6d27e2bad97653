"""By when staff will have answered: working hours added to the present.

Urgency and kind alone decide; who writes does not (promise 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import ConfigError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Working hours until the first answer is due, by kind of ticket.
WORKING_HOURS = {
    "complaint": 14,
    "human": 7,
    "rumour": 7,
    "suggestion": 35,
    "unhandled": 7,
}

#: An urgent ticket is due after this much time on the wall, whatever the hour.
URGENT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """The hours in which staff answer, in the ministry's time zone."""

    days: frozenset[int]
    opens: time
    closes: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, days: str, hours: str, zone: ZoneInfo) -> WorkingHours:
        """From `sun,mon,tue` and `08:00-15:00`.

        Raises:
            ConfigError: says which setting is malformed and how to write it.
        """
        names = [name.strip().lower() for name in days.split(",") if name.strip()]
        if not names or any(name not in _DAYS for name in names):
            raise ConfigError("NATIQ_WORK_DAYS: write days as sun,mon,tue,wed,thu")
        try:
            first, last = (time.fromisoformat(part.strip()) for part in hours.split("-"))
        except ValueError:
            raise ConfigError("NATIQ_WORK_HOURS: write hours as 08:00-15:00") from None
        if first >= last:
            raise ConfigError("NATIQ_WORK_HOURS: the closing time must be after the opening time")
        return cls(frozenset(_DAYS.index(name) for name in names), first, last, zone)

    def is_open(self, moment: datetime) -> bool:
        """Whether staff are at work at this moment."""
        local = moment.astimezone(self.zone)
        return local.weekday() in self.days and self.opens <= local.time() < self.closes

    def next_opening(self, moment: datetime) -> datetime:
        """When staff next begin to work, after this moment."""
        local = moment.astimezone(self.zone)
        while True:
            opens = local.replace(
                hour=self.opens.hour, minute=self.opens.minute, second=0, microsecond=0
            )
            if local.weekday() in self.days and local < opens:
                return opens.astimezone(moment.tzinfo)
            local = (opens + timedelta(days=1)).replace(hour=0, minute=0)

    def add(self, start: datetime, hours: float) -> datetime:
        """The moment at which `hours` working hours have passed since `start`, rounded up to the
        full quarter of an hour so that it can be said."""
        local = start.astimezone(self.zone)
        left = timedelta(hours=hours)
        while True:
            opens = local.replace(
                hour=self.opens.hour, minute=self.opens.minute, second=0, microsecond=0
            )
            closes = local.replace(
                hour=self.closes.hour, minute=self.closes.minute, second=0, microsecond=0
            )
            if local.weekday() in self.days and local < closes:
                begin = max(local, opens)
                if begin + left <= closes:
                    return min(_round_up(begin + left), closes).astimezone(start.tzinfo)
                left -= closes - begin
            local = opens + timedelta(days=1)


def due_at(kind: str, urgent: bool, now: datetime, hours: WorkingHours) -> datetime:
    """When the first answer to a ticket of this kind, opened now, is due."""
    if urgent:
        return _round_up(now + URGENT)
    return hours.add(now, WORKING_HOURS[kind])


def _round_up(moment: datetime) -> datetime:
    step = timedelta(minutes=15)
    floor = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    return moment if floor == moment else floor + step
