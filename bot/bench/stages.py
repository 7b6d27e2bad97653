"""How long each stage of a message takes, by what Natiq's processes tell at `/metrics`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from bot.bench.load import Poster
from bot.bench.processes import Child

#: In the order in which a message goes through them; `core.metrics` says what each is. `web` is
#: what the web server takes beside them, and is reckoned from the load's own times.
STAGES = (
    "web",
    "accept",
    "inbox_wait",
    "understand",
    "handle",
    "outbox_wait",
    "send",
    "settle",
)

_SUM, _COUNT = "natiq_stage_seconds_sum", "natiq_stage_seconds_count"
_OUTCOMES = "natiq_messages_handled_total"
_SENDS = "natiq_sends_total"

#: Sums over processes by name and label; what nobody counted is 0.
Figures = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Stage:
    """`mean` is in seconds; `share` is its part of the time of all stages, 0 to 1."""

    name: str
    count: int
    mean: float
    share: float


async def figures_of(children: Sequence[Child]) -> Figures:
    """The counters of all processes, summed.

    Raises:
        OSError, EOFError, ValueError, TimeoutError: one of them does not answer.
    """
    total: defaultdict[tuple[str, str], float] = defaultdict(float)
    for child in children:
        poster = Poster(child.origin)
        try:
            async with asyncio.timeout(30):
                _, body = await poster.ask("GET", "/metrics")
        finally:
            poster.close()
        for key, value in _read(body.decode()):
            total[key] += value
    return total


def _read(text: str) -> Iterator[tuple[tuple[str, str], float]]:
    labels = {_SUM: "stage", _COUNT: "stage", _OUTCOMES: "outcome", _SENDS: "result"}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in labels:
                yield (sample.name, sample.labels[labels[sample.name]]), sample.value


def stages_between(before: Figures, after: Figures, web_seconds: float) -> list[Stage]:
    """What was added between two looks. `web_seconds` is the time of all accepted webhooks as the
    load saw it, from posting to the answer."""
    sums = {name: _difference((_SUM, name), before, after) for name in STAGES}
    counts = {name: round(_difference((_COUNT, name), before, after)) for name in STAGES}
    sums["web"] = max(web_seconds - sums["accept"], 0.0)
    counts["web"] = counts["accept"]
    total = sum(sums.values())
    return [
        Stage(name, counts[name], sums[name] / counts[name], sums[name] / total)
        for name in STAGES
        if counts[name]
    ]


def outcomes_between(before: Figures, after: Figures) -> dict[str, int]:
    """What became of the messages that were handled, by outcome."""
    return _added(_OUTCOMES, before, after)


def sends_between(before: Figures, after: Figures) -> dict[str, int]:
    """What came of attempts to send, by result."""
    return _added(_SENDS, before, after)


def _added(name: str, before: Figures, after: Figures) -> dict[str, int]:
    keys = sorted(key for key in after if key[0] == name)
    added = {key[1]: round(_difference(key, before, after)) for key in keys}
    return {label: count for label, count in added.items() if count}


def _difference(key: tuple[str, str], before: Figures, after: Figures) -> float:
    return after.get(key, 0.0) - before.get(key, 0.0)
