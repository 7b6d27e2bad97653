"""The figures: who got which answer, what is sustained, where the time went."""

from __future__ import annotations

import dataclasses

import pytest

from bot.bench.load import Message
from bot.bench.results import Latency, Run, growth, pair, quantile, run_of, table
from bot.bench.serve import _notes, find, highest
from bot.bench.stages import outcomes_between, stages_between


def message(person: str, due: float, answered: float | None = None) -> Message:
    made = Message(person, b"", "", due, due=due, posted=due, status=200, accepted=due + 0.01)
    made.answered = answered
    return made


def test_each_message_gets_its_answer() -> None:
    wrote = [message("a", 0), message("b", 1), message("a", 2), message("b", 3)]
    taken = [(1.5, "b"), (0.5, "a"), (9.0, "a"), (5.0, "x")]
    assert pair(wrote, taken) == 0
    assert [one.answered for one in wrote] == [0.5, 1.5, 9.0, None]


def test_answers_that_come_late_are_still_each_messages_own() -> None:
    wrote = [message("a", 0), message("a", 1), message("a", 2)]
    assert pair(wrote, [(5.0, "a"), (6.0, "a"), (7.0, "a")]) == 0
    assert [one.answered for one in wrote] == [5.0, 6.0, 7.0]


def test_a_second_answer_is_not_the_next_messages() -> None:
    wrote = [message("a", 0), message("a", 10)]
    assert pair(wrote, [(1.0, "a"), (1.1, "a"), (11.0, "a"), (11.1, "a")]) == 2
    assert [one.answered for one in wrote] == [1.0, 11.0]


def test_quantiles() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.5, 0.9, 0.99, 1.0)] == [50, 90, 99, 100]
    assert quantile([3.0], 0.5) == 3.0 and quantile([], 0.5) == 0.0


def test_a_backlog_that_grows() -> None:
    """Ten a second come, six a second are answered: four a second are left over."""
    wrote = [message(str(n), n / 10, answered=n / 6 + 0.1) for n in range(200)]
    assert growth(wrote, 0.0, 20.0) == pytest.approx(4.0, abs=0.3)
    steady = [message(str(n), n / 10, answered=n / 10 + 0.8) for n in range(200)]
    assert growth(steady, 0.0, 20.0) == pytest.approx(0.0, abs=0.1)


def a_run(rate: float = 10.0, **changes: object) -> Run:
    wrote = [message(str(n), n / rate, answered=n / rate + 0.5) for n in range(int(rate * 10))]
    made = run_of("embedded", rate, 10.0, {"run": 1}, wrote, 0.0, 0)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_what_a_run_says() -> None:
    run = a_run()
    assert (run.offered, run.unanswered, run.errors) == (10.0, 0, {})
    assert run.achieved == pytest.approx(10.0, rel=0.05)
    assert run.answered is not None and run.answered.p99 == pytest.approx(0.5)
    assert run.accepted is not None and run.accepted.max == pytest.approx(0.01)
    assert run.whole and run.sustained
    assert run.as_json()["sustained"] is True
    assert "10.0/s" in table(run)[0] and "(sustained)" in table(run)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"answered": Latency(0.1, 0.2, 2.0, 2.1)},
        {"answered": None},
        {"backlog_growth": 0.6},
        {"unanswered": 1},
        {"errors": {"HTTP 503": 1}},
    ],
)
def test_what_is_not_sustained(changes: dict[str, object]) -> None:
    assert not a_run(**changes).sustained


def test_errors_and_silence_are_counted() -> None:
    wrote = [message("a", 0, 1.0), message("b", 1), message("c", 2)]
    wrote[1].status, wrote[2].status = 503, 0
    run = run_of("scaled", 1, 3.0, {"web": 1, "worker": 2}, wrote, 0.0, 0)
    assert run.errors == {"HTTP 503": 1, "no answer": 1}
    assert run.unanswered == 2 and not run.whole


def test_notes_name_what_is_not_the_machine() -> None:
    wrote = [message("a", n / 10) for n in range(100)]
    run = a_run(offered=70.0, late_p99=0.5, extra_answers=3, sends={"sent": 9, "tried again": 2})
    notes = " | ".join(_notes(run, wrote))
    for word in ("60 messages a second", "100 times", "0.50 s late", "3 messages", "tried again 2"):
        assert word in notes
    assert _notes(a_run(), [message(str(n), 0) for n in range(9)]) == []


@pytest.mark.parametrize("limit", [0.7, 3.0, 4.0, 17.0, 100.0])
async def test_the_search_ends_within_a_tenth_of_the_limit(limit: float) -> None:
    runs: list[Run] = []

    async def run(rate: float) -> Run:
        runs.append(a_run(rate=rate, unanswered=0 if rate <= limit else 1))
        return runs[-1]

    found = await find(run)
    assert found is not None and found <= limit < found * 1.15
    assert len(runs) < 16
    assert highest(runs) == {"embedded": found}


async def test_a_search_that_finds_nothing_ends() -> None:
    runs: list[Run] = []

    async def run(rate: float) -> Run:
        runs.append(a_run(rate=rate, unanswered=1))
        return runs[-1]

    assert await find(run) is None
    assert highest(runs) == {"embedded": None}


def test_stages_are_what_was_added_between_two_looks() -> None:
    seconds, count = "natiq_stage_seconds_sum", "natiq_stage_seconds_count"
    before = {(seconds, "handle"): 5.0, (count, "handle"): 50.0}
    after = {
        (seconds, "handle"): 7.0,
        (count, "handle"): 60.0,
        (seconds, "accept"): 1.0,
        (count, "accept"): 10.0,
        ("natiq_messages_handled_total", "answer"): 10.0,
    }
    found = {stage.name: stage for stage in stages_between(before, after, 2.0)}
    assert list(found) == ["web", "accept", "handle"]
    assert (found["handle"].count, found["handle"].mean) == (10, pytest.approx(0.2))
    assert found["web"].mean == pytest.approx(0.1), "the web server's part is what is left over"
    assert found["handle"].share == pytest.approx(0.5)
    assert sum(stage.share for stage in found.values()) == pytest.approx(1.0)
    assert outcomes_between(before, after) == {"answer": 10}
