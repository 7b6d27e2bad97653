"""`natiq faq`: the editors' commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bot.cli.common import command, print_json, settings_and_logs
from faq.loader import load_faq

app = typer.Typer(help="The editors' room.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The editors' room."""


@app.command()
@command
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the FAQ files; exit 1 when anything would be refused."""
    settings = settings_and_logs("warning")
    result = load_faq(settings.faq_dir, datetime.now(settings.zone).date())
    errors = sum(found.severity == "error" for found in result.findings)
    entries = len(result.knowledge.entries) if result.knowledge is not None else 0
    if as_json:
        findings = [found.to_json() for found in result.findings]
        print_json({"entries": entries, "errors": errors, "findings": findings})
    else:
        for found in result.findings:
            typer.echo(str(found))
        verdict = "refused" if errors else f"{entries} entries can be served"
        typer.echo(
            f"{settings.faq_dir}: {errors} errors, {len(result.findings)} findings: {verdict}."
        )
    if errors:
        raise typer.Exit(1)
