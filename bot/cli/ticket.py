"""`natiq ticket`: the queue from a terminal, for staff and for scripts."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer

from actions.tickets import ANSWERED, CLOSED, KINDS, OPEN, Ticket, TicketView
from bot.cli.common import command, print_json, run_async, settings_and_logs
from bot.root import Root, build_app
from core.errors import InputError

app = typer.Typer(
    help="List, show, answer, assign, close and reopen tickets.", no_args_is_help=True
)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Name of the staff member who acts.")]


@app.command("list")
@command
def list_tickets(
    as_json: Json = False,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    state: Annotated[str | None, typer.Option(help="open, answered or closed.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(KINDS)}.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Past the promised time.")] = False,
    search: Annotated[str, typer.Option(help="A number, or words that were said.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 200,
) -> None:
    """The queue: urgent first, then by age."""
    states = (OPEN, ANSWERED, CLOSED)
    if state not in (None, *states):
        raise InputError(f"Unknown state {state!r}; the states are {', '.join(states)}.")
    if kind not in (None, *KINDS):
        raise InputError(f"Unknown kind {kind!r}; the kinds are {', '.join(KINDS)}.")
    tickets = _with(
        lambda root: root.tickets.list(
            state=state,
            kind=kind,
            overdue=overdue,
            search=search,
            include_closed=everything,
            limit=limit,
        )
    )
    if as_json:
        print_json({"tickets": [_document(ticket) for ticket in tickets]})
        return
    for ticket in tickets:
        mark = "!" if ticket.urgent else " "
        late = " LATE" if ticket.overdue else ""
        typer.echo(
            f"{mark} {ticket.number}  {ticket.kind:10} {ticket.state:9} "
            f"opened {ticket.opened_at:%Y-%m-%d %H:%M} due {ticket.due_at:%Y-%m-%d %H:%M}{late}"
        )
    if not tickets:
        typer.echo("No tickets.")


@app.command()
@command
def show(number: str, as_json: Json = False) -> None:
    """One ticket with its history and the whole conversation."""
    view = _with(lambda root: root.tickets.show(number))
    if as_json:
        document = _document(view.ticket)
        document["details"] = dict(view.details)
        document["events"] = [asdict(event) for event in view.events]
        document["conversation"] = [asdict(said) for said in view.conversation]
        print_json(document)
        return
    _print(view)


@app.command()
@command
def reply(
    number: str,
    text: Annotated[str, typer.Argument(help="The reply, sent verbatim; - reads stdin.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Answer the citizen. The text goes out exactly as it is written here, without a name."""
    words = sys.stdin.read() if text == "-" else text

    async def work(root: Root) -> int:
        return await root.tickets.reply(number, words, await _staff_id(root, by))

    outbox_id = _with(work)
    _done({"number": number, "outbox_id": outbox_id}, f"Reply to {number} is on its way.", as_json)


@app.command()
@command
def assign(
    number: str,
    to: Annotated[str, typer.Option("--to", help="Staff member; nobody to release.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Give the ticket, and with it the conversation, to a member of staff."""

    async def work(root: Root) -> None:
        assignee = None if to == "nobody" else (await root.staff.by_name(to)).id
        await root.tickets.assign(number, assignee, await _staff_id(root, by))

    _with(work)
    _done({"number": number, "assignee": to}, f"{number} is with {to}.", as_json)


@app.command()
@command
def close(number: str, by: By = None, as_json: Json = False) -> None:
    """Close an answered ticket and give the conversation back to the bot."""

    async def work(root: Root) -> None:
        await root.tickets.close(number, await _staff_id(root, by))

    _with(work)
    _done({"number": number, "state": "closed"}, f"{number} is closed.", as_json)


@app.command()
@command
def reopen(number: str, by: By = None, as_json: Json = False) -> None:
    """Open a closed ticket again and tell the citizen."""

    async def work(root: Root) -> None:
        await root.tickets.reopen(number, await _staff_id(root, by))

    _with(work)
    _done({"number": number, "state": "open"}, f"{number} is open again.", as_json)


def _with(work: Callable[[Root], Awaitable[T]]) -> T:
    async def whole() -> T:
        root = build_app(settings_and_logs("warning"), roles=())
        try:
            await root.db.migrate()
            return await work(root)
        finally:
            await root.stop()

    return run_async(whole())


async def _staff_id(root: Root, name: str | None) -> int | None:
    return None if name is None else (await root.staff.by_name(name)).id


def _document(ticket: Ticket) -> dict[str, Any]:
    document = asdict(ticket)
    for inner in ("conversation_id", "assignee_id", "answering_id"):
        document.pop(inner)
    return document


def _done(document: dict[str, Any], line: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        typer.echo(line)


def _print(view: TicketView) -> None:
    ticket = view.ticket
    typer.echo(
        f"{ticket.number}  {ticket.kind}  {ticket.state}{'  URGENT' if ticket.urgent else ''}\n"
        f"opened {ticket.opened_at:%Y-%m-%d %H:%M} UTC, due {ticket.due_at:%Y-%m-%d %H:%M} UTC, "
        f"department {ticket.department or '-'}, held by {ticket.assignee or 'nobody'}\n"
    )
    for part, told in view.details.items():
        typer.echo(f"{part}: {told}")
    for said in view.conversation:
        who = "citizen" if said.direction == "in" else said.origin_kind
        typer.echo(f"[{said.at:%Y-%m-%d %H:%M}] {who} ({said.state}):")
        for line in said.text.splitlines() or [said.choice or ""]:
            typer.echo(f"    {line}")
    typer.echo("")
    for event in view.events:
        who = event.staff or "system"
        text = f": {event.text}" if event.kind == "note" else ""
        typer.echo(f"[{event.at:%Y-%m-%d %H:%M}] {event.kind} by {who}{text}")
