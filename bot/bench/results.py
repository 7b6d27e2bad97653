"""From the times of messages to the figures of a run."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.bench.load import Message
from bot.bench.stages import Stage

#: A rate is sustained while 99 of 100 answers come within so many seconds ...
TARGET = 2.0
#: ... and the backlog grows by no more than this share of the rate, or so many messages a second.
GROWTH_SHARE = 0.05
GROWTH_LEAST = 0.2


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the time at which messages were due."""

    p50: float
    p90: float
    p99: float
    max: float


@dataclass(slots=True)
class Run:
    """One mode at one rate (messages a second, as asked for). Times are in seconds, sizes in bytes;
    None is what was not measured. `late_p99` is how late the load itself was."""

    mode: str
    rate: float
    seconds: float
    processes: dict[str, int]
    messages: int
    offered: float
    achieved: float
    accepted: Latency | None
    answered: Latency | None
    errors: dict[str, int]
    unanswered: int
    extra_answers: int
    backlog_growth: float
    late_p99: float
    notes: list[str] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    sends: dict[str, int] = field(default_factory=dict)
    peak_rss: int | None = None
    cpu_per_message: float | None = None
    machine_busy: float | None = None

    @property
    def whole(self) -> bool:
        """Every message was accepted and answered."""
        return not self.errors and self.unanswered == 0

    @property
    def sustained(self) -> bool:
        """Whether the rate could go on for ever, as far as this run tells."""
        growth = max(GROWTH_SHARE * self.rate, GROWTH_LEAST)
        fast = self.answered is not None and self.answered.p99 < TARGET
        return self.whole and fast and self.backlog_growth <= growth

    def as_json(self) -> dict[str, Any]:
        """All of it, and the two judgements."""
        return {**asdict(self), "whole": self.whole, "sustained": self.sustained}


def pair(messages: Sequence[Message], taken: Sequence[tuple[float, str]]) -> int:
    """Give each message the time of its first answer; returns how many more there were.

    `taken` are time and recipient of what the Graph server took. A conversation's answers come in
    the order of its messages. Where one has more answers than messages, some of its messages had
    several: an answer that came before the next message was posted belongs to the one before.
    """
    answers: defaultdict[str, list[float]] = defaultdict(list)
    for at, person in sorted(taken):
        answers[person].append(at)
    people: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        people[message.person].append(message)
    extra = 0
    for person, wrote in people.items():
        got = answers.get(person, [])
        several = len(got) > len(wrote)
        place = 0
        for number, message in enumerate(wrote):
            if place == len(got):
                break
            message.answered = got[place]
            place += 1
            while several and number + 1 < len(wrote) and place < len(got):
                if got[place] >= wrote[number + 1].posted:
                    break
                place += 1
                extra += 1
        extra += len(got) - place
    return extra


def run_of(
    mode: str,
    rate: float,
    seconds: float,
    processes: dict[str, int],
    messages: Sequence[Message],
    start: float,
    extra: int,
) -> Run:
    """The figures of messages that are paired with their answers; `start` is an absolute time."""
    answered = [one for one in messages if one.answered is not None]
    last = max((one.answered or 0.0 for one in answered), default=start)
    errors = Counter(_word(one.status) for one in messages if one.status != 200)
    return Run(
        mode=mode,
        rate=rate,
        seconds=seconds,
        processes=processes,
        messages=len(messages),
        offered=len(messages) / seconds,
        achieved=len(answered) / max(last - start, seconds),
        accepted=_latency([one.accepted - one.due for one in messages if one.accepted]),
        answered=_latency([one.answered - one.due for one in messages if one.answered]),
        errors=dict(errors),
        unanswered=len(messages) - len(answered),
        extra_answers=extra,
        backlog_growth=growth(messages, start, seconds),
        late_p99=quantile([one.posted - one.due for one in messages], 0.99),
    )


def growth(messages: Sequence[Message], start: float, seconds: float) -> float:
    """By how many messages a second those that wait for an answer grew, between the second and the
    last quarter of the load. What started with the load is left out."""

    def waiting(at: float) -> int:
        return sum(
            one.due <= at and (one.answered is None or one.answered > at) for one in messages
        )

    def mean(quarter: int) -> float:
        times = [start + seconds * (quarter + part / 25) / 4 for part in range(25)]
        return sum(waiting(at) for at in times) / len(times)

    return (mean(3) - mean(1)) / (seconds / 2)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least such a share of the values does not exceed; 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def _latency(values: list[float]) -> Latency | None:
    if not values:
        return None
    p50, p90, p99 = (quantile(values, share) for share in (0.5, 0.9, 0.99))
    return Latency(p50, p90, p99, max(values))


def _word(status: int | None) -> str:
    return "no answer" if not status else f"HTTP {status}"


def table(run: Run) -> list[str]:
    """The run in lines for a terminal."""
    count = sum(run.processes.values())
    verdict = "sustained" if run.sustained else "not sustained"
    lines = [
        f"{run.mode}, {count} process{'es' if count > 1 else ''}: offered {run.offered:.1f}/s, "
        f"answered {run.achieved:.1f}/s ({verdict})",
        f"  messages {run.messages}, errors {sum(run.errors.values())}, "
        f"unanswered {run.unanswered}, backlog {run.backlog_growth:+.2f}/s",
    ]
    for name, latency in (("accepted", run.accepted), ("answered", run.answered)):
        if latency is not None:
            parts = (f"{key} {value:.3f} s" for key, value in asdict(latency).items())
            lines.append(f"  {name:<9} {', '.join(parts)}")
    if run.peak_rss is not None:
        lines.append(f"  memory    {run.peak_rss / 2**20:.0f} MiB resident at most, all processes")
    if run.cpu_per_message is not None and run.machine_busy is not None:
        lines.append(
            f"  processor {run.cpu_per_message * 1000:.1f} ms a message; "
            f"the machine was {run.machine_busy:.0%} busy"
        )
    for stage in run.stages:
        lines.append(f"  {stage.name:<12} {stage.mean * 1000:9.1f} ms {stage.share:6.1%}")
    lines += [f"  note: {note}" for note in run.notes]
    return lines
