"""The desk as an application of its own, to be mounted at `/desk`.

    app.mount("/desk", create_desk(deps))

It brings its own error pages and security headers, and offers no description of its addresses.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from actions import numbers
from core.errors import NotFoundError
from desk.auth import Auth, Visitor
from desk.deps import BASE, DeskDeps
from desk.guard import ChangeNeededError, ForgedError, Guard, LoginNeededError, NotYoursError
from desk.look import Look
from desk.pages import Pages, ticket_number
from desk.routes.beside import beside_routes
from desk.routes.live import live_routes
from desk.routes.login import login_routes
from desk.routes.queue import queue_routes
from desk.routes.ticket import ticket_routes
from desk.shell import Shell
from desk.ticket_page import TicketPage

__all__ = ["DeskDeps", "create_desk"]

_STATIC = Path(__file__).parent / "static"


def create_desk(deps: DeskDeps) -> FastAPI:
    """The desk's application."""
    pages = Pages(deps)
    guard = Guard(deps, Auth(deps.db, deps.staff, deps.secret_key, deps.clock))
    look = Look(deps.db, deps.clock)
    desk = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    desk.include_router(login_routes(guard, pages))
    desk.include_router(queue_routes(deps, guard, pages, look))
    page = TicketPage(deps, guard, pages, look)
    desk.include_router(ticket_routes(deps, guard, pages, page))
    desk.include_router(beside_routes(deps, guard, pages, page))
    desk.include_router(live_routes(deps, guard, look))
    desk.mount("/static", StaticFiles(directory=_STATIC))
    _add_error_pages(desk, pages)

    async def outermost(request: Request, status: int) -> Response:
        return pages.message(request, status, "error_large" if status == 413 else "error_server")

    desk.add_middleware(Shell, error_page=outermost)
    return desk


def _add_error_pages(desk: FastAPI, pages: Pages) -> None:
    async def login_needed(request: Request, _error: Exception) -> Response:
        if _is_for_script(request):
            return PlainTextResponse("login needed", 401)
        if request.method != "GET":
            return RedirectResponse(f"{BASE}/login", 303)
        path = BASE + "/" + request.url.path.removeprefix(BASE).lstrip("/")
        if request.url.query:
            path = f"{path}?{request.url.query}"
        return RedirectResponse(f"{BASE}/login?{urlencode({'next': path})}", 303)

    async def change_needed(request: Request, _error: Exception) -> Response:
        if _is_for_script(request):
            return PlainTextResponse("password change needed", 401)
        return RedirectResponse(f"{BASE}/password", 303)

    async def not_yours(request: Request, _error: Exception) -> Response:
        return pages.message(request, 403, "error_role", _visitor(request))

    async def forged(request: Request, _error: Exception) -> Response:
        return pages.message(request, 403, "error_form", _visitor(request))

    async def not_found(request: Request, _error: Exception) -> Response:
        wanted = request.path_params.get("number") or request.query_params.get("q", "")
        wanted = numbers.normalise(wanted[:40])
        mistyped = bool(wanted) and not numbers.is_valid(wanted)
        key = "error_ticket_digit" if mistyped else "error_ticket"
        visitor = _visitor(request)
        return pages.message(request, 404, key, visitor, number=ticket_number(wanted[:20]))

    async def plain(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        key = {404: "error_page", 405: "error_page"}.get(status, "error_request")
        return pages.message(request, status, key, _visitor(request))

    desk.add_exception_handler(LoginNeededError, login_needed)
    desk.add_exception_handler(ChangeNeededError, change_needed)
    desk.add_exception_handler(NotYoursError, not_yours)
    desk.add_exception_handler(ForgedError, forged)
    desk.add_exception_handler(NotFoundError, not_found)
    desk.add_exception_handler(HTTPException, plain)


def _visitor(request: Request) -> Visitor | None:
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return visitor


def _is_for_script(request: Request) -> bool:
    """Whether the page's script asked, which needs a status and no page."""
    return request.url.path.rstrip("/").rsplit("/", 1)[-1] in (
        "part",
        "events",
        "answering",
    )
