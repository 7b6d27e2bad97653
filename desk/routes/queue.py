"""The queue: everybody who waits, the urgent first and then the oldest (promise 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions import numbers
from actions.tickets import ANSWERED, CLOSED, KINDS, OPEN, Ticket
from desk.deps import BASE, DeskDeps
from desk.guard import Guard
from desk.look import Look, Side
from desk.pages import Pages

STATES = (OPEN, ANSWERED, CLOSED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the queue. `waiting_since` is None when nobody waits for an answer."""

    ticket: Ticket
    waiting_since: datetime | None
    undelivered: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """A link above the queue."""

    name: str
    address: str
    chosen: bool
    count: int | None = None


def queue_routes(deps: DeskDeps, guard: Guard, pages: Pages, look: Look) -> APIRouter:
    """`/`, its part `/part`, and `/find`."""
    router = APIRouter()

    async def content(request: Request) -> dict[str, Any]:
        state = _one_of(STATES, request.query_params.get("state"))
        kind = _one_of(KINDS, request.query_params.get("kind"))
        # The version is taken first: what changes in between is then fetched once more.
        version = await look.queue_version()
        tickets = await deps.tickets.list(state=state, kind=kind)
        counts = await deps.tickets.counts()
        side = await look.beside(tickets)
        return {
            "version": version,
            "lines": [_line(ticket, side) for ticket in tickets],
            "states": _state_filters(state, kind, counts),
            "kinds": _kind_filters(state, kind),
            "filtered": state is not None or kind is not None,
            "since": pages.since,
            "query": _query(state, kind),
        }

    @router.get("/")
    async def queue(request: Request) -> Response:
        visitor = await guard.worker(request)
        return pages.page(request, "queue.html", visitor, **await content(request))

    @router.get("/part")
    async def queue_part(request: Request) -> Response:
        await guard.worker(request)
        return pages.fragment(request, "_queue.html", **await content(request))

    @router.get("/find")
    async def find(request: Request) -> Response:
        await guard.worker(request)
        wanted = numbers.normalise(request.query_params.get("number", "")[:40])
        if not wanted:
            return RedirectResponse(f"{BASE}/", 303)
        # Raises NotFoundError, whose page says what may be mistyped.
        found = await deps.tickets.show(wanted)
        return RedirectResponse(f"{BASE}/tickets/{found.ticket.number}", 303)

    return router


def _line(ticket: Ticket, side: Side) -> Line:
    since = None
    if ticket.state == OPEN:
        # Once answered, a ticket is open again because the citizen wrote again.
        since = ticket.opened_at
        if ticket.first_reply_at is not None:
            since = side.last_inbound.get(ticket.conversation_id, ticket.first_reply_at)
    return Line(ticket, since, ticket.number in side.undelivered)


def _one_of(known: tuple[str, ...], value: str | None) -> str | None:
    return value if value in known else None


def _query(state: str | None, kind: str | None) -> str:
    chosen = {"state": state, "kind": kind}
    return urlencode({name: value for name, value in chosen.items() if value})


def _address(state: str | None, kind: str | None) -> str:
    query = _query(state, kind)
    return f"{BASE}/?{query}" if query else f"{BASE}/"


def _state_filters(state: str | None, kind: str | None, counts: dict[str, int]) -> list[Filter]:
    waiting = counts.get(OPEN, 0) + counts.get(ANSWERED, 0)
    filters = [Filter("current", _address(None, kind), state is None, waiting)]
    for name in STATES:
        filters.append(Filter(name, _address(name, kind), state == name, counts.get(name, 0)))
    return filters


def _kind_filters(state: str | None, kind: str | None) -> list[Filter]:
    filters = [Filter("all", _address(state, None), kind is None)]
    return filters + [Filter(name, _address(state, name), kind == name) for name in KINDS]
