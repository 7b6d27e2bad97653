"""Bounds how much the web role has in hand, and refuses the rest at once.

Whatever arrives while so many requests wait for the database is told to come again: 503 and
Retry-After. Nothing is lost by that: what was not stored was not called received; the platforms
give it again (Meta for seven days), and so does the chat's page. Without a bound a flood would fill
memory, and every answer would come later than the platforms wait for it.

A request counts from when its body is complete, so that nobody holds a place by writing slowly, and
so that whoever is refused has been heard out and reads the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.channels.web.requests import ApiError

#: Webhooks in hand at the same time. Storing one takes about 10 ms and one of the database's
#: connections (`core/db/engine.py`), so the last of them waits well below a second, far less than
#: the platforms do.
WEBHOOKS = 64

#: The chat's posts in hand at the same time: apart, so that a flood on one way in does not close
#: the other.
CHAT = 32

#: When to come again, in seconds.
AGAIN = 1

REFUSED = Counter(
    "natiq_refused_total", "Requests told to come again because too many were in hand", ["part"]
)


@dataclass(slots=True)
class Gate:
    """A bound for the POST requests whose path begins with `prefix`; `refusal` makes what the
    route behind it turns into an answer."""

    part: str
    prefix: str
    most: int
    refusal: Callable[[], Exception]
    inside: int = 0


def gates() -> tuple[Gate, ...]:
    """Those of the web role."""
    headers = {"Retry-After": str(AGAIN)}
    return (
        Gate("webhooks", "/webhooks/", WEBHOOKS, lambda: HTTPException(503, headers=headers)),
        Gate("chat", "/chat/api/", CHAT, lambda: ApiError(503, "unavailable", headers)),
    )


class Admission:
    """ASGI middleware: at most so many requests beyond each gate."""

    def __init__(self, app: ASGIApp, gates: Sequence[Gate]) -> None:
        self._app = app
        self._gates = gates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, counted while it is in hand."""
        gate = self._gate(scope)
        if gate is None:
            await self._app(scope, receive, send)
            return
        counted = False

        async def heard() -> Message:
            nonlocal counted
            message = await receive()
            complete = message["type"] == "http.request" and not message.get("more_body", False)
            if complete and not counted:
                if gate.inside >= gate.most:
                    REFUSED.labels(gate.part).inc()
                    raise gate.refusal()
                gate.inside += 1
                counted = True
            return message

        try:
            await self._app(scope, heard, send)
        finally:
            if counted:
                gate.inside -= 1

    def _gate(self, scope: Scope) -> Gate | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        path = scope["path"]
        return next((gate for gate in self._gates if path.startswith(gate.prefix)), None)
