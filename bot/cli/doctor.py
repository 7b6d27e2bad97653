"""`natiq doctor`: what this installation lacks, and the mend of each thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from bot.checks import BAD, Check
from bot.cli.common import command, print_json, run_async, settings_and_logs
from core.errors import ConfigError
from core.logs import setup_logging


@command
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at settings, data, FAQ and channels; exit 1 when something is missing or wrong, 2 when
    the settings cannot be used. Changes nothing."""
    from bot.doctor import examine

    setup_logging("error", "console")  # what goes wrong is said as a check
    try:
        settings = settings_and_logs("error")
    except ConfigError as error:
        mend = "Mend what is named; .env.example explains every setting."
        _print([Check("settings", "wrong", str(error), mend)], as_json)
        raise typer.Exit(2) from None
    checks = run_async(examine(settings))
    _print(checks, as_json)
    if any(check.state in BAD for check in checks):
        raise typer.Exit(1)


def _print(checks: Sequence[Check], as_json: bool) -> None:
    bad = sum(check.state in BAD for check in checks)
    if as_json:
        print_json({"ok": not bad, "checks": list(checks)})
        return
    for check in checks:
        typer.echo(f"{check.state:8} {check.name}: {check.text}")
        if check.mend:
            typer.echo(f"{'':8} -> {check.mend}")
    typer.echo("Nothing is missing." if not bad else f"{bad} to mend.")
