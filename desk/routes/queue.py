"""The queue: everybody who waits, the urgent first and then the oldest (promise 5).

What is chosen stands in the address, so that a filter can be kept, sent and gone back to; every
filter is a link or a form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions import numbers
from actions.tickets import ANSWERED, CLOSED, KINDS, OPEN, Ticket
from core.errors import NotFoundError
from desk.auth import Visitor
from desk.deps import BASE, DeskDeps
from desk.guard import TICKET_ROLES, Guard
from desk.look import Look, Side
from desk.pages import Pages

STATES = (OPEN, ANSWERED, CLOSED)
ALL = "all"

#: Where citizens write from.
CHANNELS = ("web", "telegram", "whatsapp", "terminal")

#: Tickets on one page.
PAGE = 50

#: Longest search, in characters, and the last page that is looked up.
_MAX_SEARCH, _MAX_PAGE = 100, 10_000


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for; empty means that it does not matter.

    `state` is one of `STATES` or `all`; empty: all that are not closed. `holder` is `me`,
    `nobody` or a colleague's id. `undelivered` is `any` or `mine`: what the visitor wrote.
    """

    state: str = ""
    kind: str = ""
    holder: str = ""
    department: str = ""
    channel: str = ""
    urgent: bool = False
    late: bool = False
    undelivered: str = ""
    q: str = ""
    page: int = 1

    @classmethod
    def read(cls, query: QueryParams) -> Wanted:
        """From an address; what is not known there is left out."""

        def one_of(name: str, known: tuple[str, ...]) -> str:
            value = query.get(name, "")
            return value if value in known else ""

        holder, page = query.get("holder", ""), query.get("page", "")
        return cls(
            state=one_of("state", (*STATES, ALL)),
            kind=one_of("kind", KINDS),
            holder=holder if holder in ("me", "nobody") or _is_id(holder) else "",
            department=" ".join(query.get("department", "")[:80].split()),
            channel=one_of("channel", CHANNELS),
            urgent=query.get("urgent") == "1",
            late=query.get("late") == "1",
            undelivered=one_of("undelivered", ("any", "mine")),
            q=_search(query.get("q", "")),
            page=min(int(page), _MAX_PAGE) if _is_id(page) and int(page) > 0 else 1,
        )

    def query(self) -> dict[str, str]:
        """As the parameters of an address."""
        values = {
            "state": self.state,
            "kind": self.kind,
            "holder": self.holder,
            "department": self.department,
            "channel": self.channel,
            "urgent": "1" if self.urgent else "",
            "late": "1" if self.late else "",
            "undelivered": self.undelivered,
            "q": self.q,
            "page": str(self.page) if self.page > 1 else "",
        }
        return {name: value for name, value in values.items() if value}

    def address(self, **changes: Any) -> str:
        """The queue's address with something changed; from the first page, unless `page` is what
        changes."""
        changed = replace(self, **{"page": 1, **changes})
        query = urlencode(changed.query())
        return f"{BASE}/?{query}" if query else f"{BASE}/"

    def selection(self, visitor: Visitor) -> dict[str, Any]:
        """As the arguments of `Tickets.list`."""
        me = visitor.member.id
        chosen: dict[str, Any] = {
            "state": self.state if self.state in STATES else None,
            # What did not arrive matters after closing as well.
            "include_closed": self.state == ALL or (not self.state and bool(self.undelivered)),
            "kind": self.kind or None,
            "urgent": True if self.urgent else None,
            "overdue": self.late,
            "department": self.department or None,
            "channel": self.channel or None,
            "unassigned": self.holder == "nobody",
            "undelivered": self.undelivered == "any",
            "undelivered_by": me if self.undelivered == "mine" else None,
            "search": self.q,
        }
        if self.holder not in ("", "nobody"):
            chosen["assignee_id"] = me if self.holder == "me" else int(self.holder)
        return chosen

    @property
    def narrow(self) -> bool:
        """Whether anything at all is chosen."""
        return bool(replace(self, page=1).query())

    @property
    def in_form(self) -> int:
        """How many of the form's filters are chosen."""
        colleague = self.holder not in ("", "me", "nobody")
        return sum(map(bool, (self.kind, self.department, self.channel, colleague)))


def queue_routes(deps: DeskDeps, guard: Guard, pages: Pages, look: Look) -> APIRouter:
    """`/`, its part `/part`, and `/find`."""
    router = APIRouter()

    async def content(request: Request, visitor: Visitor) -> dict[str, Any]:
        wanted = Wanted.read(request.query_params)
        # The version is taken first: what changes in between is then fetched once more.
        version = await look.queue_version(visitor.member.id)
        tickets = await deps.tickets.list(
            **wanted.selection(visitor), limit=PAGE + 1, offset=(wanted.page - 1) * PAGE
        )
        more, tickets = len(tickets) > PAGE, tickets[:PAGE]
        counts = await deps.tickets.counts()
        side = await look.beside(tickets)
        return {
            "version": version,
            "undelivered_mine": await look.undelivered_of(visitor.member.id),
            "lines": [_line(ticket, side) for ticket in tickets],
            "states": _state_filters(wanted, counts),
            "quick": _quick_filters(wanted),
            "wanted": wanted,
            "me": visitor.member,
            "without_search": wanted.address(q=""),
            "before": wanted.address(page=wanted.page - 1) if wanted.page > 1 else None,
            "after": wanted.address(page=wanted.page + 1) if more else None,
            "since": pages.since,
            "query": urlencode(wanted.query()),
        }

    @router.get("/")
    async def queue(request: Request) -> Response:
        visitor = await guard.worker(request)
        values = await content(request, visitor)
        wanted: Wanted = values["wanted"]
        departments = {*deps.departments(), *await deps.tickets.departments()}
        colleagues = [
            member
            for member in await deps.staff.everybody()
            if member.role in TICKET_ROLES and member.id != visitor.member.id
        ]
        return pages.page(
            request,
            "queue.html",
            visitor,
            departments=sorted({*departments, wanted.department} - {""}),
            colleagues=colleagues,
            kinds=KINDS,
            channels=CHANNELS,
            **values,
        )

    @router.get("/part")
    async def queue_part(request: Request) -> Response:
        visitor = await guard.worker(request)
        return pages.fragment(request, "_queue_part.html", **await content(request, visitor))

    @router.get("/find")
    async def find(request: Request) -> Response:
        await guard.worker(request)
        wanted = _search(request.query_params.get("q", ""))
        if not wanted:
            return RedirectResponse(f"{BASE}/", 303)
        found = Wanted(state=ALL, q=wanted)
        number = numbers.normalise(wanted)
        if _looks_like_a_number(wanted):
            try:
                ticket = (await deps.tickets.show(number)).ticket
            except NotFoundError:
                # Its page says what may be mistyped, unless the digits stand in some text.
                if not await deps.tickets.list(search=wanted, include_closed=True, limit=1):
                    raise
            else:
                return RedirectResponse(f"{BASE}/tickets/{ticket.number}", 303)
        return RedirectResponse(found.address(), 303)

    return router


def _line(ticket: Ticket, side: Side) -> Line:
    since = None
    if ticket.state == OPEN:
        # Once answered, a ticket is open again because the citizen wrote again.
        since = ticket.opened_at
        if ticket.first_reply_at is not None:
            since = side.last_inbound.get(ticket.conversation_id, ticket.first_reply_at)
    return Line(ticket, since, ticket.number in side.undelivered)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _search(text: str) -> str:
    return " ".join(text.replace("\x00", " ")[:_MAX_SEARCH].split())


def _looks_like_a_number(text: str) -> bool:
    """Whether nothing but a ticket's number can be meant: digits and hyphens, in any script."""
    bare = "".join(sign for sign in text if sign not in " -–.")
    return 5 <= len(bare) <= 7 and bare.isdigit()


def _state_filters(wanted: Wanted, counts: dict[str, int]) -> list[Filter]:
    waiting = counts.get(OPEN, 0) + counts.get(ANSWERED, 0)
    filters = [Filter("current", wanted.address(state=""), wanted.state == "", waiting)]
    for name in STATES:
        chosen = wanted.state == name
        filters.append(Filter(name, wanted.address(state=name), chosen, counts.get(name, 0)))
    every = sum(counts.values())
    return [*filters, Filter(ALL, wanted.address(state=ALL), wanted.state == ALL, every)]


def _quick_filters(wanted: Wanted) -> list[Filter]:
    """Links that put a filter on, or off when it is on."""

    def holder(name: Literal["me", "nobody"]) -> Filter:
        chosen = wanted.holder == name
        return Filter(name, wanted.address(holder="" if chosen else name), chosen)

    failed = bool(wanted.undelivered)
    return [
        Filter("urgent", wanted.address(urgent=not wanted.urgent), wanted.urgent),
        Filter("late", wanted.address(late=not wanted.late), wanted.late),
        holder("me"),
        holder("nobody"),
        Filter("undelivered", wanted.address(undelivered="" if failed else "any"), failed),
    ]
