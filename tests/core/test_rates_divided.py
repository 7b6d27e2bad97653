"""One process' part of a pace."""

from __future__ import annotations

from core.messages import Pace
from core.redis_rates import divided


def test_parts_together_are_no_more_than_the_pace() -> None:
    for count in range(1, 50):
        for processes in range(1, 12):
            part = divided(Pace("key", count, 2.0), processes)
            assert part.key == "key" and part.count >= 1 and part.seconds >= 2.0
            together = processes * part.count / part.seconds
            assert together <= count / 2.0 + 1e-9


def test_one_process_has_the_whole() -> None:
    assert divided(Pace("key", 30, 1.0), 1) == Pace("key", 30, 1.0)
