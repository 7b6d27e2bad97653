"""Live pages: an event stream that says "something changed", and nothing else.

The stream carries change numbers, never content: the page's script then fetches the part that it
shows. A wake-up makes this quick; a look at the database every 1.5 seconds makes it sure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import APIRouter
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from core.wakeup import DESK, Wakeup, conversation_topic
from desk.deps import DeskDeps
from desk.guard import Guard
from desk.look import Look

#: Longest time between two looks at the database, in seconds.
POLL = 1.5


def live_routes(deps: DeskDeps, guard: Guard, look: Look) -> APIRouter:
    """`/events` for the queue, `/tickets/{number}/events` for one ticket. `?version=` is the
    change number of what the page shows."""
    router = APIRouter()

    def stream(
        request: Request, topics: tuple[str, ...], version: Callable[[], Awaitable[str]]
    ) -> Response:
        async def logged_in() -> bool:
            # A stream may outlive its session: a logout elsewhere must end it.
            return await guard.visitor(request) is not None

        shown = request.query_params.get("version", "")
        events = changes(deps.wakeup, topics, version, logged_in, shown)
        return EventSourceResponse(events, ping=15)

    @router.get("/events")
    async def queue_events(request: Request) -> Response:
        me = (await guard.worker(request)).member.id
        return stream(request, (DESK,), lambda: look.queue_version(me))

    @router.get("/tickets/{number}/events")
    async def ticket_events(request: Request, number: str) -> Response:
        me = (await guard.worker(request)).member.id
        ticket = (await deps.tickets.show(number)).ticket
        topics = (DESK, conversation_topic(ticket.conversation_id))
        return stream(request, topics, lambda: look.ticket_version(ticket.number, me))

    return router


async def changes(
    wakeup: Wakeup,
    topics: tuple[str, ...],
    version: Callable[[], Awaitable[str]],
    logged_in: Callable[[], Awaitable[bool]],
    shown: str,
) -> AsyncIterator[ServerSentEvent]:
    """An event whenever `version()` is no longer what is shown; ends when nobody is logged in."""
    yield ServerSentEvent(event="ready", data="")
    while await logged_in():
        # Waiting begins before looking, so that a change in between is not slept through.
        waits = [asyncio.create_task(wakeup.wait(topic, POLL)) for topic in topics]
        try:
            now = await version()
            if now != shown:
                shown = now
                yield ServerSentEvent(event="change", data=now)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
    yield ServerSentEvent(event="over", data="")
