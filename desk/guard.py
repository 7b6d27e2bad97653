"""Who may send which request: the session cookie, roles, and forms that nobody else can forge.

A form is taken when it comes from a page of this desk (the browser says so in `Sec-Fetch-Site` or
`Origin`) and carries the token of its session. What is refused becomes one of the errors below,
which `desk.app` turns into pages.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from core.errors import NatiqError
from desk.auth import SESSION, Auth, Visitor, same
from desk.deps import BASE, DeskDeps

COOKIE = "natiq_desk"
FORM_COOKIE = "natiq_desk_form"
LANGUAGE_COOKIE = "natiq_desk_language"

#: Who may read and answer tickets. Editors have rooms of their own, which are not here yet.
TICKET_ROLES = frozenset({"agent", "lead", "admin"})

_MAX_FIELDS = 20


class LoginNeededError(NatiqError):
    """There is no session, or it is over."""


class ChangeNeededError(NatiqError):
    """The one-time password must be changed before anything else."""


class NotYoursError(NatiqError):
    """The visitor's role has nothing to do here."""


class ForgedError(NatiqError):
    """The form did not come from a page of this session."""


class Guard:
    """Checks requests, and sets and clears the cookies of sessions."""

    def __init__(self, deps: DeskDeps, auth: Auth) -> None:
        self.auth = auth
        self._secure = deps.secure_cookies
        self._origins = frozenset(deps.origins)

    async def visitor(self, request: Request) -> Visitor | None:
        """Whoever is logged in, or None."""
        return await self.auth.find(request.cookies.get(COOKIE))

    async def anyone(self, request: Request) -> Visitor:
        """Whoever is logged in, a new password chosen or not.

        Raises:
            LoginNeededError.
        """
        visitor = await self.visitor(request)
        if visitor is None:
            raise LoginNeededError
        # For the error pages, whose header shows who is logged in.
        request.state.visitor = visitor
        return visitor

    async def worker(self, request: Request) -> Visitor:
        """A visitor who may work on tickets.

        Raises:
            LoginNeededError, ChangeNeededError, NotYoursError.
        """
        visitor = await self.anyone(request)
        if visitor.member.must_change:
            raise ChangeNeededError
        if visitor.member.role not in TICKET_ROLES:
            raise NotYoursError
        return visitor

    async def form(self, request: Request, visitor: Visitor) -> FormData:
        """The form, when it is the session's own.

        Raises:
            ForgedError.
        """
        self._check_origin(request)
        form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        if not same(field(form, "csrf"), visitor.csrf):
            raise ForgedError
        return form

    # -- the login form, before there is a session ---------------------------------------------

    def login_seed(self, request: Request) -> str:
        """The random seed of this browser's login form, new or the one it has."""
        return request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)

    async def login_form(self, request: Request) -> FormData:
        """The login form, when it is from our own page.

        Raises:
            ForgedError.
        """
        self._check_origin(request)
        form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        seed = request.cookies.get(FORM_COOKIE, "")
        if not seed or not same(field(form, "csrf"), self.auth.form_token(seed)):
            raise ForgedError
        return form

    def _check_origin(self, request: Request) -> None:
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site is not None and site != "same-origin":
            raise ForgedError
        if site is None and origin is not None and origin not in self._origins:
            # The scheme is not compared: behind a proxy that ends TLS it differs.
            host = request.headers.get("host", "").lower()
            if not host or urlsplit(origin).netloc.lower() != host:
                raise ForgedError

    # -- cookies -------------------------------------------------------------------------------

    def set_session(self, response: Response, token: str) -> None:
        """Hand the session's token to the browser."""
        self._set(response, COOKIE, token, int(SESSION.total_seconds()))
        response.delete_cookie(FORM_COOKIE, path=BASE)

    def set_login_seed(self, response: Response, seed: str) -> None:
        """Remember the login form's seed in the browser, until it is closed."""
        self._set(response, FORM_COOKIE, seed, None)

    def set_language(self, response: Response, language: str) -> None:
        """Remember the language for a year."""
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=365 * 24 * 3600,
            path=BASE,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def clear_session(self, response: Response) -> None:
        """Take the session's cookie back."""
        response.delete_cookie(
            COOKIE, path=BASE, secure=self._secure, httponly=True, samesite="strict"
        )

    def _set(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=BASE,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )


def client_address(request: Request) -> str:
    """The network address of the client, as the server sees it (trusted proxies resolved)."""
    return request.client.host if request.client else "unknown"


def field(form: FormData, name: str) -> str:
    """A text field of a form; empty when it is missing."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def own_path(path: str) -> str:
    """A path of the desk to go to next; anything else becomes the desk's first page, so that a
    crafted link cannot lead away from here."""
    plain = path.isprintable() and "\\" not in path and "//" not in path and ".." not in path
    return path if plain and path.startswith(f"{BASE}/") else f"{BASE}/"
