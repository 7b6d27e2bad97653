"""What counts as right in `natiq eval`, and the figures that follow from it.

A case is `{"text", "expect", "tags"}`; `expect` is `faq:ID`, `abstain`, or an intent. Scoring is
pure: it sees decisions, never how they were made.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.understanding import INTAKES, Decision
from core.errors import InputError

EXPECTATIONS = frozenset(
    {
        "abstain",
        "complaint",
        "suggestion",
        "rumour",
        "human",
        "greeting",
        "thanks",
        "goodbye",
        "status",
        "urgent",
    }
)

#: Choices that may be offered for a question back to count.
MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Case:
    """One message and what should become of it."""

    text: str
    expect: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`first`: right at once; `choices`: right, or asked back with the right one among three;
    `wrong`: an FAQ answer that is not the expected one; `asked`: choices were offered."""

    first: bool
    choices: bool
    wrong: bool
    asked: bool


def read_cases(path: Path) -> list[Case]:
    """Cases of a JSON-lines file.

    Raises:
        InputError: names file, line and what is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}).") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            text, expect = item["text"], item["expect"]
            tags = tuple(item.get("tags", ()))
        except (json.JSONDecodeError, KeyError, TypeError):
            raise InputError(
                f'{path}:{number}: expected {{"text": ..., "expect": ..., "tags": [...]}}.'
            ) from None
        if not isinstance(text, str) or not isinstance(expect, str):
            raise InputError(f"{path}:{number}: text and expect must be texts.")
        if not expect.startswith("faq:") and expect not in EXPECTATIONS:
            raise InputError(
                f"{path}:{number}: unknown expect {expect!r}; write faq:ID or one of "
                + ", ".join(sorted(EXPECTATIONS))
            )
        cases.append(Case(text, expect, tags))
    if not cases:
        raise InputError(f"{path}: holds no cases.")
    return cases


def judge(case: Case, decision: Decision) -> Verdict:
    """Compare a decision with what was expected."""
    answered = decision.outcome == "answer"
    asked = decision.outcome == "clarify"
    if case.expect.startswith("faq:"):
        wanted = case.expect.removeprefix("faq:")
        first = answered and decision.matches[0].entry.id == wanted
        offered = asked and wanted in [m.entry.id for m in decision.matches[:MOST_CHOICES]]
        return Verdict(first, first or offered, answered and not first, asked)
    if case.expect == "abstain":
        first = decision.outcome == "abstain"
    elif case.expect in INTAKES:
        first = decision.outcome == "intake" and decision.intent == case.expect
    elif case.expect == "urgent":
        first = decision.urgent
    else:
        first = decision.intent == case.expect and not answered and not asked
    return Verdict(first, first, answered, asked)


def summarise(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All figures, as shares from 0 to 1 with the number of cases that each rests on."""
    pairs = list(zip(cases, verdicts, strict=True))
    groups: dict[str, list[tuple[Case, Verdict]]] = defaultdict(list)
    tags: dict[str, list[tuple[Case, Verdict]]] = defaultdict(list)
    for case, verdict in pairs:
        kind = "answerable" if case.expect.startswith("faq:") else case.expect
        groups[kind].append((case, verdict))
        for tag in case.tags:
            tags[tag].append((case, verdict))
    return {
        "cases": len(pairs),
        "right_first": _share(pairs, "first"),
        "answered_wrongly": _share(pairs, "wrong"),
        "choices_offered": _share(pairs, "asked"),
        "by_expectation": {kind: _figures(rows) for kind, rows in sorted(groups.items())},
        "by_tag": {
            tag: {
                "all": _figures(rows),
                "answerable": _figures([p for p in rows if p[0].expect.startswith("faq:")]),
            }
            for tag, rows in sorted(tags.items())
        },
    }


def _figures(rows: Iterable[tuple[Case, Verdict]]) -> dict[str, Any]:
    found = list(rows)
    return {
        "cases": len(found),
        "right_first": _share(found, "first"),
        "with_choices": _share(found, "choices"),
        "answered_wrongly": _share(found, "wrong"),
        "choices_offered": _share(found, "asked"),
    }


def _share(rows: Sequence[tuple[Case, Verdict]], name: str) -> float | None:
    if not rows:
        return None
    return round(sum(bool(getattr(verdict, name)) for _, verdict in rows) / len(rows), 6)
