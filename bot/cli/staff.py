"""`natiq staff`: who may log in at the desk."""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import Annotated

import typer

from bot.cli.common import command, run_async, say, settings_and_logs
from bot.root import build_app
from core.errors import InputError

app = typer.Typer(help="Members of staff.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Members of staff."""


@app.command()
@command
def add(
    name: str,
    role: Annotated[str, typer.Option(help="agent, editor, lead or admin.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
) -> None:
    """Add a member. Without --password-stdin a terminal is asked for the password; an empty one
    makes a one-time password, which is shown on the terminal alone and changed at the first
    login."""
    password, once = _password(password_stdin)

    async def work() -> None:
        root = build_app(settings_and_logs("warning"), roles=())
        try:
            await root.db.migrate()
            await root.staff.add(name, role, password, must_change=once)
        finally:
            await root.stop()

    run_async(work())
    typer.echo(f"{name} can log in as {role}.")
    if once:
        say(f"One-time password: {password}")


def _password(from_stdin: bool) -> tuple[str, bool]:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n"), False
    if not sys.stdin.isatty():
        raise InputError("There is no terminal to ask for a password; use --password-stdin.")
    first = getpass.getpass("Password (empty for a one-time password): ")
    if not first:
        if not sys.stderr.isatty():
            raise InputError(
                "A one-time password is shown on a terminal alone, and the errors go elsewhere."
            )
        return secrets.token_urlsafe(12), True
    if first != getpass.getpass("Once more: "):
        raise InputError("The two passwords differ; nobody was added.")
    return first, False
