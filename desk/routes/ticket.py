"""One ticket: the whole conversation beside it, replying, notes, assigning, closing.

Every form is answered by a redirect. When something stands against it, the page comes back with
the words that say what, and with whatever was typed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions import numbers
from actions.tickets import CLOSED, MAX_REPLY, TicketView
from core.conversations import Utterance
from core.errors import ConflictError, InputError
from desk.auth import Visitor
from desk.deps import BASE, DeskDeps
from desk.guard import TICKET_ROLES, Guard, field
from desk.look import Look
from desk.pages import Pages
from desk.words import Words

#: What a redirect may say was done.
_DONE = ("reply", "already", "note", "assigned", "released", "closed")


@dataclass(frozen=True, slots=True)
class Bubble:
    """An utterance on the page; `day` is set where a new day begins, in the ministry's zone."""

    said: Utterance
    day: date | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a form was not carried out, and what had been typed into it."""

    words: str
    status: int
    reply: str = ""
    note: str = ""


def ticket_routes(deps: DeskDeps, guard: Guard, pages: Pages, look: Look) -> APIRouter:
    """`/tickets/{number}`, its part `/part`, and its forms."""
    router = APIRouter(prefix="/tickets/{number}")
    tickets = deps.tickets
    # Within this process, looking for somebody else's reply and sending one's own are one step.
    replying = asyncio.Lock()

    async def content(number: str, request: Request, visitor: Visitor) -> dict[str, Any]:
        # The version is taken first: what changes in between is then fetched once more.
        version = await look.ticket_version((await tickets.show(number)).ticket)
        view = await tickets.show(number)
        staff = await deps.staff.everybody()
        mine = view.ticket.assignee == visitor.member.name
        return {
            "version": version,
            "view": view,
            "ticket": view.ticket,
            "statement": next((e for e in view.events if e.kind == "opened"), None),
            "bubbles": _bubbles(view, deps),
            "seen": _last_reply(view),
            "mine": mine,
            "me": visitor.member,
            "colleagues": [
                member
                for member in staff
                if member.role in TICKET_ROLES and member.id != visitor.member.id
            ],
            "token": visitor.csrf,
            "since": pages.since,
            "due_words": pages.date_in_words(view.ticket.due_at, pages.language(request)),
        }

    async def page(
        number: str, request: Request, visitor: Visitor, trouble: Trouble | None = None
    ) -> Response:
        done = request.query_params.get("done")
        return pages.page(
            request,
            "ticket.html",
            visitor,
            status=trouble.status if trouble else 200,
            trouble=trouble,
            done=done if done in _DONE and trouble is None else None,
            longest=MAX_REPLY,
            **await content(number, request, visitor),
        )

    def back(number: str, done: str) -> Response:
        query = urlencode({"done": done})
        return RedirectResponse(f"{BASE}/tickets/{numbers.normalise(number)}?{query}", 303)

    async def sent_form(request: Request, number: str) -> tuple[Visitor, FormData]:
        visitor = await guard.worker(request)
        form = await guard.form(request, visitor)
        await tickets.show(number)  # a ticket that is not there is a page of its own
        return visitor, form

    @router.get("")
    async def show(request: Request, number: str) -> Response:
        visitor = await guard.worker(request)
        stored = numbers.normalise(number)
        if stored != number and numbers.is_valid(stored):
            return RedirectResponse(f"{BASE}/tickets/{stored}", 303)
        return await page(number, request, visitor)

    @router.get("/part")
    async def part(request: Request, number: str) -> Response:
        visitor = await guard.worker(request)
        return pages.fragment(request, "_ticket.html", **await content(number, request, visitor))

    @router.post("/reply")
    async def reply(request: Request, number: str) -> Response:
        visitor, form = await sent_form(request, number)
        words, text = pages.words(request), field(form, "text")
        async with replying:
            view = await tickets.show(number)
            newer = _replies_after(view, field(form, "seen"))
            if any(said.text == _clean(text) for said in newer):
                # The same form sent twice: a double click, or a reload of the answer.
                return back(number, "already")
            if newer and view.ticket.state != CLOSED:
                trouble = Trouble(words["trouble_answered_meanwhile"], 409, reply=text)
                return await page(number, request, visitor, trouble)
            try:
                await tickets.reply(number, text, visitor.member.id)
            except InputError:
                said = _refused_reply(words, text)
                trouble = Trouble(said, 422, reply=text)
                return await page(number, request, visitor, trouble)
            except ConflictError:
                trouble = Trouble(words["trouble_closed"], 409, reply=text)
                return await page(number, request, visitor, trouble)
        return back(number, "reply")

    @router.post("/note")
    async def note(request: Request, number: str) -> Response:
        visitor, form = await sent_form(request, number)
        text = field(form, "text").replace("\r\n", "\n").replace("\x00", "")
        words = pages.words(request)
        if len(text) > MAX_REPLY:
            said = words.say("trouble_note_long", n=len(text), most=MAX_REPLY)
            return await page(number, request, visitor, Trouble(said, 422, note=text))
        try:
            await tickets.note(number, text, visitor.member.id)
        except InputError:
            trouble = Trouble(words["trouble_note_empty"], 422, note=text)
            return await page(number, request, visitor, trouble)
        return back(number, "note")

    @router.post("/assign")
    async def assign(request: Request, number: str) -> Response:
        visitor, form = await sent_form(request, number)
        words, to = pages.words(request), field(form, "to")
        assignee_id: int | None = None
        if to != "nobody":
            member = await deps.staff.get(int(to)) if to.isascii() and to.isdigit() else None
            if member is None or member.role not in TICKET_ROLES:
                trouble = Trouble(words["trouble_no_such_colleague"], 422)
                return await page(number, request, visitor, trouble)
            assignee_id = member.id
        try:
            await tickets.assign(number, assignee_id, visitor.member.id)
        except ConflictError:
            trouble = Trouble(words["trouble_closed"], 409)
            return await page(number, request, visitor, trouble)
        return back(number, "released" if assignee_id is None else "assigned")

    @router.post("/close")
    async def close(request: Request, number: str) -> Response:
        visitor, _ = await sent_form(request, number)
        words = pages.words(request)
        try:
            await tickets.close(number, visitor.member.id)
        except ConflictError:
            closed = (await tickets.show(number)).ticket.state == CLOSED
            key = "trouble_closed" if closed else "trouble_close_unanswered"
            return await page(number, request, visitor, Trouble(words[key], 409))
        return back(number, "closed")

    return router


def _bubbles(view: TicketView, deps: DeskDeps) -> list[Bubble]:
    bubbles: list[Bubble] = []
    last: date | None = None
    for said in view.conversation:
        day = said.at.astimezone(deps.zone).date()
        bubbles.append(Bubble(said, day if day != last else None))
        last = day
    return bubbles


def _replies(view: TicketView) -> list[Utterance]:
    return [
        said
        for said in view.conversation
        if said.origin_kind == "staff" and said.origin_ref == view.ticket.number
    ]


def _last_reply(view: TicketView) -> int:
    return max((said.id for said in _replies(view)), default=0)


def _replies_after(view: TicketView, seen: str) -> list[Utterance]:
    """Replies of staff that were not on the page when the form was made."""
    last = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else 0
    return [said for said in _replies(view) if said.id > last]


def _clean(text: str) -> str:
    """The text as `Tickets.reply` sends it."""
    return text.replace("\r\n", "\n").replace("\x00", "").strip()


def _refused_reply(words: Words, text: str) -> str:
    length = len(_clean(text))
    if length == 0:
        return words["trouble_reply_empty"]
    return words.say("trouble_reply_long", n=length, most=MAX_REPLY)
