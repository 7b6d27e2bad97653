"""The command `natiq`: a table of contents. Each command lives in a module of its own, which is
imported when the command is called: a health check must not load what understands Arabic."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer

#: Commands in the order of `natiq --help`, and where each is: a function, or a group of commands.
COMMANDS = {
    "run": "run:run",
    "serve": "serve:serve",
    "health": "health:health",
    "chat": "chat:chat",
    "ask": "ask:ask",
    "doctor": "doctor:doctor",
    "eval": "evaluate:evaluate",
    "bench": "bench:app",
    "faq": "faq:app",
    "ticket": "ticket:app",
    "model": "model:app",
    "staff": "staff:app",
}


def build(asked: str | None = None) -> typer.Typer:
    """The application, with the one command that is asked for, or with all of them."""
    app = typer.Typer(
        name="natiq",
        help="Natiq (ناطق): a ministry's spokesperson that says approved words only.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=_nothing,  # a single command would take the place of the group
    )
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        found: Any = getattr(import_module(f"bot.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _nothing() -> None:
    return None


def main() -> None:
    """Entry point of the `natiq` script."""
    build(sys.argv[1] if len(sys.argv) > 1 else None)()


if __name__ == "__main__":
    main()
