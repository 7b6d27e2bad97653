"""The outermost layer of the desk: headers on every response, a limit on every body, and an
error page instead of a stack trace.

It is plain ASGI, so that event streams pass through it unbuffered. An error that nobody foresaw
ends here: it is logged without the values it carries and never reaches the server's own log,
which would print what a citizen wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.logs import get_logger

log = get_logger(__name__)

#: A reply has at most 4,000 characters; each may be six bytes of a form, thrice for safety.
MAX_BODY = 128 * 1024

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Robots-Tag": "noindex",
}

ErrorPage = Callable[[Request, int], Awaitable[Response]]


class _TooLargeError(Exception):
    """The body is longer than any form of the desk."""


class Shell:
    """Wraps the desk's application. `error_page` makes the pages for 413 and 500."""

    def __init__(self, app: ASGIApp, error_page: ErrorPage) -> None:
        self._app = app
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise _TooLargeError
            return message

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    # A citizen's file brings a stricter policy of its own.
                    headers.setdefault(name, value)
                static = "/static/" in scope["path"]
                headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
            await send(message)

        try:
            await self._app(scope, limited, dressed)
        except _TooLargeError:
            await self._fail(scope, receive, dressed, started, 413)
        except Exception:
            log.error("desk request failed", exc_info=True, method=scope["method"])
            await self._fail(scope, receive, dressed, started, 500)

    async def _fail(
        self, scope: Scope, receive: Receive, send: Send, started: bool, status: int
    ) -> None:
        if started:
            return
        response = await self._error_page(Request(scope), status)
        await response(scope, receive, send)
