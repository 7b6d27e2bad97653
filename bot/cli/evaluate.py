"""`natiq eval`: figures over a file of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.common import command, print_json, say, settings_and_logs
from bot.evaluation import judge, read_cases, summarise
from bot.mind import build_mind


@command
def evaluate(
    cases: Annotated[Path, typer.Argument(help="JSON lines: text, expect, tags.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    each: Annotated[bool, typer.Option("--cases", help="Show every case, too.")] = False,
) -> None:
    """Measure understanding on labelled cases; exit 0 whatever the figures are."""
    found = read_cases(cases)
    mind = build_mind(settings_and_logs("warning"), say)
    known = {entry.id for entry in mind.faq.knowledge.entries}
    unknown = sorted(
        {c.expect for c in found if c.expect.startswith("faq:") and c.expect[4:] not in known}
    )
    if unknown:
        say(f"{len(unknown)} expected entries are not in this FAQ: {', '.join(unknown[:5])}")
    decisions = mind.understanding.decide_many([case.text for case in found])
    verdicts = [judge(case, decision) for case, decision in zip(found, decisions, strict=True)]
    summary = summarise(found, verdicts)
    if each:
        summary["each"] = [
            {
                "text": case.text,
                "expect": case.expect,
                "outcome": decision.outcome,
                "intent": decision.intent,
                "entries": [match.entry.id for match in decision.matches],
                "right": verdict.first,
                "with_choices": verdict.choices,
                "wrong": verdict.wrong,
            }
            for case, decision, verdict in zip(found, decisions, verdicts, strict=True)
        ]
    if as_json:
        print_json(summary)
        return
    _print(summary)


def _print(summary: dict[str, Any]) -> None:
    typer.echo(
        f"{summary['cases']} cases: right first {_percent(summary['right_first'])}, answered "
        f"wrongly {_percent(summary['answered_wrongly'])}, choices offered "
        f"{_percent(summary['choices_offered'])}\n"
    )
    typer.echo(f"{'':24}{'cases':>6}{'first':>8}{'choices':>9}{'wrong':>8}")
    for kind, row in summary["by_expectation"].items():
        typer.echo(_row(kind, row))
    typer.echo("\nanswerable, by tag")
    for tag, rows in summary["by_tag"].items():
        if rows["answerable"]["cases"]:
            typer.echo(_row(tag, rows["answerable"]))
    for item in summary.get("each", []):
        if not item["right"]:
            mark = "?" if item["with_choices"] else "!" if item["wrong"] else "-"
            entries = ",".join(item["entries"])
            typer.echo(
                f"{mark} {item['expect']} -> {item['outcome']}:{item['intent']} {entries}\n"
                f"    {item['text']}"
            )


def _row(name: str, row: dict[str, Any]) -> str:
    return (
        f"{name:24}{row['cases']:>6}{_percent(row['right_first']):>8}"
        f"{_percent(row['with_choices']):>9}{_percent(row['answered_wrongly']):>8}"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
