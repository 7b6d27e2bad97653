"""A chat over a real database, with a hand that answers in place of the worker and sender."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bot.channels.web.api import ChatDeps, create_chat_router
from bot.channels.web.channel import WebChannel
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import ConversationRow
from core.messages import Choice, Link, Origin, OriginKind, OutboundMessage, text_hash
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.wakeup import LocalWakeup, conversation_topic

STAFF_NAME = "Maryam Al-Sahli"


def outbound(
    text: str,
    kind: OriginKind = "faq",
    choices: tuple[Choice, ...] = (),
    links: tuple[Link, ...] = (),
) -> OutboundMessage:
    ref = STAFF_NAME if kind == "staff" else "some-entry"
    return OutboundMessage(text, Origin(kind, ref, text_hash(text)), "ar", choices, links)


@dataclass
class House:
    """The chat's parts, and what a worker and a sender would do."""

    deps: ChatDeps
    app: FastAPI
    channel: WebChannel

    async def answer(self, conversation_id: int, text: str, **more: Any) -> int:
        """Put a message into the outbox (see `outbound`); it is not sent yet."""
        message = outbound(text, **more)
        async with self.deps.db.write() as session:
            return await self.deps.outbox.put(session, conversation_id, message, correlation="c")

    async def send_all(self) -> list[int]:
        """Send whatever waits, as the sender does, and wake the conversation."""
        sent = []
        while (claimed := await self.deps.outbox.claim(["web"])) is not None:
            delivery = await self.channel.send(claimed.envelope)
            await self.deps.outbox.sent(claimed, delivery.external_id)
            await self.deps.wakeup.wake(conversation_topic(claimed.envelope.conversation_id))
            sent.append(claimed.envelope.outbox_id)
        return sent

    async def say(self, conversation_id: int, *texts: str) -> list[int]:
        for text in texts:
            await self.answer(conversation_id, text)
        return await self.send_all()

    async def handle_all(self) -> int:
        """Mark whatever waits in the inbox as handled, as the worker does."""
        count = 0
        while (claimed := await self.deps.inbox.claim()) is not None:
            async with self.deps.db.write() as session:
                await self.deps.inbox.finish(session, claimed)
            await self.deps.wakeup.wake(conversation_topic(claimed.row.conversation_id))
            count += 1
        return count

    async def set_mode(self, conversation_id: int, mode: str) -> None:
        async with self.deps.db.write() as session:
            row = await session.get(ConversationRow, conversation_id)
            assert row is not None
            row.mode = mode
        await self.deps.wakeup.wake(conversation_topic(conversation_id))


MakeHouse = Callable[..., House]


@pytest.fixture
async def make_house(tmp_path: Path) -> AsyncIterator[MakeHouse]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}")
    await db.migrate()

    def make(**changes: Any) -> House:
        vault = Vault(b"k" * 48)
        contacts, wakeup = Contacts(vault), LocalWakeup()
        parts: dict[str, Any] = {
            "db": db,
            "inbox": Inbox(db, contacts, wakeup),
            "outbox": Outbox(db, contacts),
            "contacts": contacts,
            "wakeup": wakeup,
            "vault": vault,
            "frame_ancestors": "",
            "sample": True,
            "names": {"ar": "وزارة الخدمات العامة", "en": "Ministry of Public Services"},
            **changes,
        }
        deps = ChatDeps(**parts)
        app = FastAPI()
        app.include_router(create_chat_router(deps), prefix="/chat")
        return House(deps, app, WebChannel())

    yield make
    await db.close()


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house()


class Citizen:
    """One session over one client."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client = client
        self.token = token
        self.headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def arrive(cls, client: httpx.AsyncClient) -> Citizen:
        answer = await client.post("/chat/api/session")
        assert answer.status_code == 200
        return cls(client, answer.json()["token"])

    async def post(self, text: str = "مرحبا", id: str | None = None, **more: Any) -> httpx.Response:
        body = {"id": id or str(uuid.uuid4()), "text": text, **more}
        return await self.client.post("/chat/api/messages", json=body, headers=self.headers)

    async def history(self, after: int = 0) -> dict[str, Any]:
        answer = await self.client.get(
            "/chat/api/messages", params={"after": after}, headers=self.headers
        )
        assert answer.status_code == 200
        history: dict[str, Any] = answer.json()
        return history


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as made:
        yield made


@pytest.fixture
def arrive(client: httpx.AsyncClient) -> Callable[[], Awaitable[Citizen]]:
    """Makes a new citizen with each call."""
    return lambda: Citizen.arrive(client)


@pytest.fixture
def arrive_at() -> Callable[[httpx.AsyncClient], Awaitable[Citizen]]:
    """The same, over the given client."""
    return Citizen.arrive


@pytest.fixture
def staff_name() -> str:
    return STAFF_NAME


@contextlib.asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The app behind a real server on a free port of this machine; yields its origin."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        listener.close()


@pytest.fixture
def serve() -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[str]]:
    return serving
