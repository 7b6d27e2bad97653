"""One ticket: replying, notes, assigning, closing, reopening.

Every form is answered by a redirect. When something stands against it, the page comes back with
the words that say what, and with whatever was typed.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions import numbers
from actions.answering import AnsweredMeanwhileError, BeingAnsweredError
from actions.tickets import CLOSED, MAX_REPLY
from core.errors import ConflictError, InputError
from desk.deps import BASE, DeskDeps
from desk.guard import TICKET_ROLES, Guard, field
from desk.pages import Pages
from desk.ticket_page import TicketPage, Trouble
from desk.words import Words


def ticket_routes(deps: DeskDeps, guard: Guard, pages: Pages, page: TicketPage) -> APIRouter:
    """`/tickets/{number}`, its part `/part`, and its forms."""
    router = APIRouter(prefix="/tickets/{number}")
    tickets = deps.tickets
    # Only for what is said: two copies of one form must not both be told "sent". That they are
    # sent once is the affair of `Tickets.reply`.
    replying = asyncio.Lock()

    @router.get("")
    async def show(request: Request, number: str) -> Response:
        visitor = await guard.worker(request)
        stored = numbers.normalise(number)
        if stored != number and numbers.is_valid(stored):
            return RedirectResponse(f"{BASE}/tickets/{stored}", 303)
        return await page.show(request, number, visitor)

    @router.get("/part")
    async def part(request: Request, number: str) -> Response:
        visitor = await guard.worker(request)
        return await page.part(request, number, visitor)

    @router.post("/reply")
    async def reply(request: Request, number: str) -> Response:
        visitor, form = await page.form(request, number)
        words, text = pages.words(request), field(form, "text")
        async with replying:
            last = (await tickets.show(number)).last_reply
            try:
                sent = await tickets.reply(
                    number, text, visitor.member.id, seen=_id(field(form, "seen"))
                )
            except InputError:
                trouble = Trouble(_refused_reply(words, text), 422, reply=text)
            except AnsweredMeanwhileError:
                trouble = Trouble(words["trouble_answered_meanwhile"], 409, reply=text)
            except BeingAnsweredError as error:
                said = words.say("trouble_being_answered", name=error.who)
                trouble = Trouble(said, 409, reply=text, take_over=True)
            except ConflictError:
                trouble = Trouble(words["trouble_closed"], 409, reply=text)
            else:
                # The same form sent twice: a double click, or a reload of the answer.
                return page.back(number, "reply" if sent > last else "already")
        return await page.show(request, number, visitor, trouble)

    @router.post("/note")
    async def note(request: Request, number: str) -> Response:
        visitor, form = await page.form(request, number)
        text = field(form, "text").replace("\r\n", "\n").replace("\x00", "")
        words = pages.words(request)
        if len(text) > MAX_REPLY:
            said = words.say("trouble_note_long", n=len(text), most=MAX_REPLY)
            return await page.show(request, number, visitor, Trouble(said, 422, note=text))
        try:
            await tickets.note(number, text, visitor.member.id)
        except InputError:
            trouble = Trouble(words["trouble_note_empty"], 422, note=text)
            return await page.show(request, number, visitor, trouble)
        return page.back(number, "note")

    @router.post("/assign")
    async def assign(request: Request, number: str) -> Response:
        visitor, form = await page.form(request, number)
        words, to = pages.words(request), field(form, "to")
        assignee_id: int | None = None
        if to != "nobody":
            member = await deps.staff.get(_id(to)) if _id(to) else None
            if member is None or member.role not in TICKET_ROLES:
                trouble = Trouble(words["trouble_no_such_colleague"], 422)
                return await page.show(request, number, visitor, trouble)
            assignee_id = member.id
        try:
            await tickets.assign(number, assignee_id, visitor.member.id)
        except ConflictError:
            trouble = Trouble(words["trouble_closed"], 409)
            return await page.show(request, number, visitor, trouble)
        return page.back(number, "released" if assignee_id is None else "assigned")

    @router.post("/close")
    async def close(request: Request, number: str) -> Response:
        visitor, _ = await page.form(request, number)
        words = pages.words(request)
        try:
            await tickets.close(number, visitor.member.id)
        except ConflictError:
            closed = (await tickets.show(number)).ticket.state == CLOSED
            key = "trouble_closed" if closed else "trouble_close_unanswered"
            return await page.show(request, number, visitor, Trouble(words[key], 409))
        return page.back(number, "closed")

    @router.post("/reopen")
    async def reopen(request: Request, number: str) -> Response:
        visitor, _ = await page.form(request, number)
        try:
            await tickets.reopen(number, visitor.member.id)
        except ConflictError:
            trouble = Trouble(pages.words(request)["trouble_not_closed"], 409)
            return await page.show(request, number, visitor, trouble)
        return page.back(number, "reopened")

    return router


def _id(text: str) -> int:
    """A row's id from a form; 0 when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _refused_reply(words: Words, text: str) -> str:
    length = len(text.replace("\r\n", "\n").replace("\x00", "").strip())
    if length == 0:
        return words["trouble_reply_empty"]
    return words.say("trouble_reply_long", n=length, most=MAX_REPLY)
