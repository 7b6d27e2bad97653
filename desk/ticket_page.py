"""The page of one ticket, as all its forms come back to it: the whole conversation with its files,
what the intake asked, who holds the ticket and who is writing, and its history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions import numbers
from actions.attachments import Attachment
from actions.tickets import MAX_REPLY, TicketView
from actions.undelivered import DROPPED, RESENT
from core.conversations import Utterance
from desk.auth import Visitor
from desk.deps import BASE, DeskDeps
from desk.files import shown_as
from desk.guard import TICKET_ROLES, Guard
from desk.look import Look
from desk.pages import Pages

#: What a redirect may say was done.
_DONE = (
    "reply",
    "already",
    "note",
    "assigned",
    "released",
    "closed",
    "reopened",
    "resent",
    "dropped",
    "taken_over",
)

#: The line of the catalogue that tells a citizen that a reply is held for them.
_NOTICE = "reply_ready"

#: What the intake asks for, in the order in which staff read it.
_DETAILS = ("what", "where", "when", "reference")


@dataclass(frozen=True, slots=True)
class File:
    """A citizen's file on the page. `shown` is how: `image`, `audio`, `video` or `download`;
    `address` is empty unless it is kept."""

    attachment: Attachment
    shown: str
    address: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """An utterance on the page.

    `day` is set where a new day begins, in the ministry's zone; `moved` where the citizen came
    back on another channel. `settled` says what was done about a failed delivery: `resent`,
    `dropped` or nothing yet; `failed` that it waits for one of them. `noticed`: of a held
    message, that its notice is out.
    """

    said: Utterance
    day: date | None = None
    moved: bool = False
    file: File | None = None
    failed: bool = False
    settled: str = ""
    noticed: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a form was not carried out, and what had been typed into it. `take_over`: it would be,
    after taking the answer over from a colleague."""

    words: str
    status: int
    reply: str = ""
    note: str = ""
    take_over: bool = False


class TicketPage:
    """Makes the page, its live part, and the redirects back to it."""

    def __init__(self, deps: DeskDeps, guard: Guard, pages: Pages, look: Look) -> None:
        self._deps = deps
        self._guard = guard
        self._pages = pages
        self._look = look

    async def form(self, request: Request, number: str) -> tuple[Visitor, FormData]:
        """Who sent a form of the ticket, and the form.

        Raises:
            LoginNeededError, ChangeNeededError, NotYoursError, ForgedError; NotFoundError: there
            is no such ticket.
        """
        visitor = await self._guard.worker(request)
        form = await self._guard.form(request, visitor)
        await self._deps.tickets.show(number)
        return visitor, form

    def back(self, number: str, done: str) -> Response:
        """To the page, which says what was done."""
        query = urlencode({"done": done})
        return RedirectResponse(f"{BASE}/tickets/{numbers.normalise(number)}?{query}", 303)

    async def show(
        self, request: Request, number: str, visitor: Visitor, trouble: Trouble | None = None
    ) -> Response:
        """The whole page."""
        done = request.query_params.get("done")
        return self._pages.page(
            request,
            "ticket.html",
            visitor,
            status=trouble.status if trouble else 200,
            trouble=trouble,
            done=done if done in _DONE and trouble is None else None,
            longest=MAX_REPLY,
            **await self._content(request, number, visitor),
        )

    async def part(self, request: Request, number: str, visitor: Visitor) -> Response:
        """The parts of the page that change by themselves."""
        content = await self._content(request, number, visitor)
        return self._pages.fragment(request, "_ticket.html", **content)

    async def _content(self, request: Request, number: str, visitor: Visitor) -> dict[str, Any]:
        me = visitor.member
        # The version is taken first: what changes in between is then fetched once more.
        version = await self._look.ticket_version(numbers.normalise(number), me.id)
        view = await self._deps.tickets.show(number)
        ticket = view.ticket
        files = await self._files(view)
        told = [(name, view.details[name]) for name in _DETAILS if view.details.get(name)]
        return {
            "version": version,
            "undelivered_mine": await self._look.undelivered_of(me.id),
            "view": view,
            "ticket": ticket,
            "statement": next((e for e in view.events if e.kind == "opened"), None),
            "details": told,
            "bubbles": self._bubbles(view, files, await self._look.undelivered_on(ticket.number)),
            "files": [file for file in files.values() if file.attachment.bound],
            "seen": view.last_reply,
            "mine": ticket.assignee_id == me.id,
            "answering": ticket.answering if ticket.answering_id != me.id else None,
            "me": me,
            "colleagues": [
                member
                for member in await self._deps.staff.everybody()
                if member.role in TICKET_ROLES and member.id != me.id
            ],
            "token": visitor.csrf,
            "since": self._pages.since,
            "due_words": self._pages.date_in_words(ticket.due_at, self._pages.language(request)),
        }

    async def _files(self, view: TicketView) -> dict[int, File]:
        """The citizen's files by the inbox row that they came with."""
        if self._deps.attachments is None:
            return {}
        number = view.ticket.number
        found = await self._deps.attachments.of_ticket(number)
        return {
            attachment.inbox_id: File(
                attachment,
                shown_as(attachment.mime),
                f"{BASE}/tickets/{number}/attachments/{attachment.id}"
                if attachment.state == "kept"
                else "",
            )
            for attachment in found
        }

    def _bubbles(
        self, view: TicketView, files: Mapping[int, File], failed: frozenset[int]
    ) -> list[Bubble]:
        bubbles: list[Bubble] = []
        settled = {
            event.outbox_id: event.kind
            for event in view.events
            if event.kind in (RESENT, DROPPED) and event.outbox_id is not None
        }
        moves = [event.at for event in view.events if event.kind == "moved"]
        noticed = _noticed(view.conversation)
        last: date | None = None
        for said in view.conversation:
            day = said.at.astimezone(self._deps.zone).date()
            moved = bool(moves) and said.at >= moves[0]
            while moves and said.at >= moves[0]:
                moves.pop(0)
            inbound = said.direction == "in"
            bubbles.append(
                Bubble(
                    said,
                    day=day if day != last else None,
                    moved=moved,
                    file=files.get(said.id) if inbound else None,
                    failed=not inbound and said.id in failed,
                    settled="" if inbound else settled.get(said.id, ""),
                    noticed=noticed and said.state == "held",
                )
            )
            last = day
        return bubbles


def _noticed(conversation: Sequence[Utterance]) -> bool:
    """Whether a notice that a reply waits went out since the citizen wrote last."""
    for said in reversed(conversation):
        if said.direction == "in":
            return False
        if said.origin_ref == _NOTICE and said.state in ("sent", "delivered", "read"):
            return True
    return False
