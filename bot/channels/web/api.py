"""The web chat's routes beneath `/chat`: the page, its files, JSON and the event stream.

The form of requests and answers is in `docs/chat-api.md`. A message goes into the inbox and what
is sent comes out of the outbox; who answers, and when, is not this room's affair.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.channels.web import requests
from bot.channels.web.channel import WEB
from bot.channels.web.feed import Feed
from bot.channels.web.limits import MessageRate, StreamSlots
from bot.channels.web.page import PageFiles
from bot.channels.web.requests import API_HEADERS, ApiError, guarded
from core.buckets import Buckets, LocalBuckets
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database, retry_on_contention
from core.messages import InboundMessage, Language
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.wakeup import Wakeup

#: Seconds between the signs of life on a silent stream.
PING_SECONDS = 15


@dataclass(frozen=True, slots=True)
class ChatDeps:
    """What the web chat is made of.

    `frame_ancestors` is a list of sources for the CSP directive of that name (empty: 'self').
    `sample` shows the banner that says so; `names` is the institution's name by language;
    `buckets` may be shared with other web processes.
    """

    db: Database
    inbox: Inbox
    outbox: Outbox
    contacts: Contacts
    wakeup: Wakeup
    vault: Vault
    frame_ancestors: str
    sample: bool
    names: Mapping[Language, str]
    buckets: Buckets = field(default_factory=LocalBuckets)


class _Stream(EventSourceResponse):
    """An event stream that gives its session's slot back however it ends."""

    slots: StreamSlots
    session: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.slots.release(self.session)


class ChatApi:
    """The handlers of the JSON and event-stream API."""

    def __init__(self, deps: ChatDeps) -> None:
        self._deps = deps
        self._feed = Feed(deps.db, deps.contacts, deps.wakeup, deps.vault)
        self._rate = MessageRate(deps.buckets)
        self._slots = StreamSlots()

    async def session(self, _request: Request) -> Response:
        """A new token. Nothing is stored before its first message."""
        return JSONResponse({"token": secrets.token_urlsafe(32)}, headers=API_HEADERS)

    async def post_message(self, request: Request) -> Response:
        """Accept a message; 202 says that it is committed."""
        address = requests.session_address(request)
        message = requests.new_message(await requests.read_json(request))
        wait = await self._rate.take(address)
        if wait:
            raise ApiError(429, "slow_down", {"Retry-After": str(wait)})
        # The session's part of the id is a keyed hash: the inbox must not hold addresses.
        owner = self._deps.vault.lookup(address, "web/message")
        accepted = await self._deps.inbox.accept(
            InboundMessage(
                channel=WEB,
                external_id=f"{owner}:{message.id}",
                address=address,
                text=message.text,
                choice=message.choice,
                language=message.language,
                sent_at=None,
            )
        )
        await self._deps.wakeup.wake(self._feed.newcomer_topic(address))
        received_at = accepted.received_at.isoformat(timespec="microseconds")
        answer = {
            "id": message.id,
            "received_at": received_at,
            "duplicate": accepted.duplicate,
        }
        return JSONResponse(answer, 202, headers=API_HEADERS)

    async def get_messages(self, request: Request) -> Response:
        """The history, or what came after a cursor."""
        address = requests.session_address(request)
        history = await self._feed.history(address, requests.cursor_of(request))
        return JSONResponse(history, headers=API_HEADERS)

    async def events(self, request: Request) -> Response:
        """The event stream from a cursor on."""
        address = requests.session_address(request)
        after = requests.cursor_of(request)
        if not self._slots.take(address):
            raise ApiError(429, "too_many_streams", {"Retry-After": "60"})
        stream = _Stream(
            self._feed.events(address, after), headers=API_HEADERS, ping=PING_SECONDS, sep="\n"
        )
        stream.slots, stream.session = self._slots, address
        return stream

    async def post_delivered(self, request: Request) -> Response:
        """Mark messages of this session's conversation as shown on its device."""
        address = requests.session_address(request)
        ids = requests.delivered_ids(await requests.read_json(request))

        async def mark() -> None:
            async with self._deps.db.write() as session:
                conversation_id = await self._deps.contacts.find(session, WEB, address)
                if conversation_id is not None:
                    await self._deps.outbox.mark_delivered(session, ids, conversation_id)

        if ids:
            await retry_on_contention(mark)
        return Response(status_code=204, headers=API_HEADERS)


def create_chat_router(deps: ChatDeps) -> APIRouter:
    """All routes, to be included in the app with the prefix `/chat`.

    Raises:
        ConfigError: `frame_ancestors` cannot stand in a header.
    """
    api, files = ChatApi(deps), PageFiles(deps.frame_ancestors, deps.sample, deps.names)
    router = APIRouter()
    for method, path, handler in (
        ("POST", "/api/session", api.session),
        ("POST", "/api/messages", api.post_message),
        ("GET", "/api/messages", api.get_messages),
        ("GET", "/api/events", api.events),
        ("POST", "/api/delivered", api.post_delivered),
        ("GET", "", files.page),
        ("GET", "/embed.js", files.embed),
        ("GET", "/static/{name}", files.static),
    ):
        router.add_api_route(path, guarded(handler), methods=[method], response_model=None)
    return router
