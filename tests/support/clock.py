"""A clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Monday morning in the sample ministry.
START = datetime(2026, 8, 3, 7, 0, tzinfo=UTC)


class MovableClock:
    """Stands still until `forward`; is a `core.clock.Clock`."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass; `span` as for `timedelta`."""
        self.now += timedelta(**span)
