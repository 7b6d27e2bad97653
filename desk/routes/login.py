"""Logging in and out, changing the password, changing the language."""

from __future__ import annotations

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from actions.staff import MIN_PASSWORD
from core.errors import InputError
from desk.auth import MAX_PASSWORD, TooManyAttemptsError, Visitor
from desk.deps import BASE
from desk.guard import Guard, client_address, field, own_path
from desk.pages import Pages
from desk.words import LANGUAGES


def login_routes(guard: Guard, pages: Pages) -> APIRouter:
    """`/login`, `/logout`, `/password`, `/language/{code}`."""
    router = APIRouter()
    auth = guard.auth

    def login_page(
        request: Request, going_to: str, name: str = "", error: object = None, status: int = 200
    ) -> Response:
        seed = guard.login_seed(request)
        response = pages.page(
            request,
            "login.html",
            status=status,
            name=name,
            error=error,
            going_to=going_to,
            form_token=auth.form_token(seed),
        )
        guard.set_login_seed(response, seed)
        return response

    @router.get("/login")
    async def show_login(request: Request) -> Response:
        going_to = own_path(request.query_params.get("next", ""))
        if await guard.visitor(request) is not None:
            return RedirectResponse(going_to, 303)
        return login_page(request, going_to)

    @router.post("/login")
    async def login(request: Request) -> Response:
        form = await guard.login_form(request)
        name, going_to = field(form, "name"), own_path(field(form, "next"))
        words = pages.words(request)
        try:
            done = await auth.login(name, field(form, "password"), client_address(request))
        except TooManyAttemptsError as error:
            response = login_page(request, going_to, name, _wait(pages, request, error), 429)
            response.headers["Retry-After"] = str(error.seconds)
            return response
        if done is None:
            return login_page(request, going_to, name, words["login_wrong"], 401)
        response = RedirectResponse(
            f"{BASE}/password" if done.member.must_change else going_to, 303
        )
        guard.set_session(response, done.token)
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        visitor = await guard.anyone(request)
        await guard.form(request, visitor)
        await auth.logout(visitor)
        response = RedirectResponse(f"{BASE}/login", 303)
        guard.clear_session(response)
        return response

    def password_page(
        request: Request, visitor: Visitor, error: object = None, status: int = 200
    ) -> Response:
        return pages.page(
            request,
            "password.html",
            visitor,
            status=status,
            error=error,
            done=request.query_params.get("done") == "password",
            shortest=MIN_PASSWORD,
        )

    @router.get("/password")
    async def show_password(request: Request) -> Response:
        return password_page(request, await guard.anyone(request))

    @router.post("/password")
    async def change_password(request: Request) -> Response:
        visitor = await guard.anyone(request)
        form = await guard.form(request, visitor)
        words = pages.words(request)
        new = field(form, "new")
        # Whoever has just logged in with a one-time password need not give it once more.
        if not visitor.member.must_change:
            try:
                right = await auth.right_password(
                    visitor, field(form, "current"), client_address(request)
                )
            except TooManyAttemptsError as error:
                return password_page(request, visitor, _wait(pages, request, error), 429)
            if not right:
                return password_page(request, visitor, words["password_wrong"], 422)
        if new != field(form, "again"):
            return password_page(request, visitor, words["password_differs"], 422)
        if len(new) > MAX_PASSWORD:
            said = words.say("password_long", n=MAX_PASSWORD)
            return password_page(request, visitor, said, 422)
        try:
            token = await auth.change_password(visitor, new)
        except InputError:
            said = words.say("password_short", n=MIN_PASSWORD)
            return password_page(request, visitor, said, 422)
        if token is None:
            return password_page(request, visitor, words["password_same"], 422)
        going_to = f"{BASE}/" if visitor.member.must_change else f"{BASE}/password?done=password"
        response = RedirectResponse(going_to, 303)
        guard.set_session(response, token)
        return response

    @router.get("/language/{code}")
    async def language(request: Request, code: str) -> Response:
        response = RedirectResponse(own_path(request.query_params.get("next", "")), 303)
        if code in LANGUAGES:
            guard.set_language(response, code)
        return response

    return router


def _wait(pages: Pages, request: Request, error: TooManyAttemptsError) -> Markup:
    words = pages.words(request)
    minutes = max(1, -(-error.seconds // 60))
    return words.say("login_throttled", wait=words.count("minutes", minutes))
