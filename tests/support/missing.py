"""Says loudly, at the end of a run, what could not be run and which command installs it."""

from __future__ import annotations

import pytest

#: Reasons by which our tests skip begin like this; each is followed by what to do.
NEEDS = "needs "


def missing_parts(reporter: pytest.TerminalReporter) -> dict[str, int]:
    """Reasons of skipped tests that lack something, with how many tests each stopped."""
    counts: dict[str, int] = {}
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(NEEDS):
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def say_what_is_missing(reporter: pytest.TerminalReporter) -> None:
    """Write the section."""
    counts = missing_parts(reporter)
    if not counts:
        return
    reporter.section("NOT RUN: something is missing on this machine", sep="!", red=True, bold=True)
    for reason, count in sorted(counts.items()):
        reporter.line(f"{count:4} tests: {reason}", red=True)
