"""What goes on beside a ticket's forms: who is writing just now, messages that were not delivered,
and the citizen's files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import ConflictError, NotFoundError
from desk.auth import Visitor
from desk.deps import DeskDeps
from desk.files import serve
from desk.guard import Guard, field
from desk.pages import Pages
from desk.ticket_page import TicketPage, Trouble

#: The largest number that either database takes.
_MAX_ID = 2**63 - 1


def beside_routes(deps: DeskDeps, guard: Guard, pages: Pages, page: TicketPage) -> APIRouter:
    """`/tickets/{number}/answering` and its `/end` (for the script), `/take-over`,
    `/messages/{id}/again` and `/drop`, `/attachments/{id}`."""
    router = APIRouter(prefix="/tickets/{number}")
    tickets = deps.tickets

    @router.post("/answering")
    async def answering(request: Request, number: str) -> Response:
        """The visitor is typing a reply: take the lock, or renew it."""
        visitor, _ = await page.form(request, number)
        held = await tickets.begin_answer(number, visitor.member.id)
        return JSONResponse({"mine": held.mine, "free": held.holder is None})

    @router.post("/answering/end")
    async def end(request: Request, number: str) -> Response:
        """The visitor went away, or has nothing left to send."""
        visitor, _ = await page.form(request, number)
        await tickets.end_answer(number, visitor.member.id)
        return Response(status_code=204)

    @router.post("/take-over")
    async def take_over(request: Request, number: str) -> Response:
        visitor, form = await page.form(request, number)
        held = await tickets.begin_answer(number, visitor.member.id, take_over=True)
        text = field(form, "text")
        if text and held.mine:
            # What had been refused for the lock's sake goes back to its place, to be sent.
            words = pages.words(request)
            trouble = Trouble(words["done_taken_over"], 200, reply=text)
            return await page.show(request, number, visitor, trouble)
        return page.back(number, "taken_over")

    async def settle(
        request: Request,
        number: str,
        outbox_id: int,
        done: str,
        work: Callable[[Visitor], Awaitable[object]],
    ) -> Response:
        visitor, _ = await page.form(request, number)
        try:
            if outbox_id > _MAX_ID:
                raise NotFoundError("no such message")
            await work(visitor)
        except (ConflictError, NotFoundError):
            trouble = Trouble(pages.words(request)["trouble_settled"], 409)
            return await page.show(request, number, visitor, trouble)
        return page.back(number, done)

    @router.post("/messages/{outbox_id:int}/again")
    async def send_again(request: Request, number: str, outbox_id: int) -> Response:
        def work(visitor: Visitor) -> Awaitable[object]:
            return deps.redelivery.send_again(number, outbox_id, visitor.member.id)

        return await settle(request, number, outbox_id, "resent", work)

    @router.post("/messages/{outbox_id:int}/drop")
    async def drop(request: Request, number: str, outbox_id: int) -> Response:
        def work(visitor: Visitor) -> Awaitable[object]:
            return deps.redelivery.drop(number, outbox_id, visitor.member.id)

        return await settle(request, number, outbox_id, "dropped", work)

    @router.get("/attachments/{attachment_id:int}")
    async def attachment(request: Request, number: str, attachment_id: int) -> Response:
        visitor = await guard.worker(request)
        try:
            if deps.attachments is None or attachment_id > _MAX_ID:
                raise NotFoundError("no attachments here")
            found, path = await deps.attachments.open(number, attachment_id)
        except NotFoundError:
            return pages.message(request, 404, "error_file", visitor)
        return serve(number, found, path)

    return router
