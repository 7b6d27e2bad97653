"""A ministry on WhatsApp: the whole system over SQLite, its web server on a real port, and Meta's
server on another. Worker and sender are driven step by step, and tests move the clock."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.mind import Mind
from bot.root import Root, build_app
from bot.web.app import create_web
from core import metrics
from core.db.tables import InboxRow, OutboxRow, TicketRow
from core.messages import OutboundMessage
from core.settings import Settings
from faq.entries import FaqEntry
from tests.support import graph_server as meta
from tests.support.graph_server import GraphServer, Sent
from tests.support.graph_webhooks import PERSON, document, post
from tests.support.minds import Plan, entry, scripted_mind
from tests.support.serving import serving
from tests.support.talk import ManualClock


class Ministry:
    """One process of the system. Two of them may stand on one folder."""

    def __init__(
        self, folder: Path, graph: GraphServer, clock: ManualClock, mind: Mind, **settings: Any
    ) -> None:
        values: dict[str, Any] = {
            "data_dir": folder,
            "secret_key": "k" * 40,
            "whatsapp_phone_id": meta.PHONE_ID,
            "whatsapp_token": meta.TOKEN,
            "whatsapp_app_secret": meta.APP_SECRET,
            "whatsapp_verify_token": meta.VERIFY_TOKEN,
            "whatsapp_api_url": graph.origin,
            "whatsapp_template": meta.TEMPLATE,
            **settings,
        }
        self.graph = graph
        self.clock = clock
        self.root: Root = build_app(Settings(_env_file=None, **values), mind=mind, clock=clock)
        assert self.root.whatsapp is not None and self.root.worker is not None
        self.channel = self.root.whatsapp.channel
        self.worker = self.root.worker
        self.origin = ""
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> Ministry:
        await self.root.db.migrate()
        self.origin = await self._stack.enter_async_context(serving(create_web(self.root)))
        return self

    async def stop(self) -> None:
        await self._stack.aclose()
        await self.root.stop()

    async def hear(
        self,
        *messages: dict[str, Any],
        contacts: Sequence[dict[str, Any]] | None = None,
        who: str = PERSON,
    ) -> httpx.Response:
        """Meta posts what a person sent, in one document, and opens the window."""
        self.graph.wrote(who)
        for message in messages:
            message.setdefault("timestamp", str(int(self.clock().timestamp())))
        return await post(self.origin, document(messages=messages, contacts=contacts))

    async def tell(self, *statuses: dict[str, Any]) -> httpx.Response:
        """Meta posts what became of messages that we sent."""
        return await post(self.origin, document(statuses=statuses))

    async def work(self) -> list[Sent]:
        """Handle and send whatever is due; returns what Meta took meanwhile."""
        before = len(self.graph.sent)
        while await self.worker.step():
            pass
        while await self.root.sender.step():
            pass
        return self.graph.sent[before:]

    async def turn(self, *messages: dict[str, Any], **more: Any) -> list[Sent]:
        """A person sends, we answer."""
        answer = await self.hear(*messages, **more)
        assert answer.status_code == 200, answer.text
        return await self.work()

    async def put(self, message: OutboundMessage, who: str = PERSON) -> int:
        """Put a message to a person who wrote before into the outbox."""
        async with self.root.db.write() as session:
            conversation = await self.root.contacts.find(session, "whatsapp", who)
            assert conversation is not None
            return await self.root.outbox.put(session, conversation, message, correlation="c")

    async def rows(self, table: Any) -> list[Any]:
        async with self.root.db.read() as session:
            return list(await session.scalars(select(table).order_by(table.id)))

    async def inbox(self) -> list[InboxRow]:
        return await self.rows(InboxRow)

    async def outbox(self) -> list[OutboxRow]:
        return await self.rows(OutboxRow)

    async def tickets(self) -> list[TicketRow]:
        return await self.rows(TicketRow)


Open = Callable[..., Awaitable[Ministry]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def graph(clock: ManualClock) -> AsyncIterator[GraphServer]:
    """Meta's server; its window is told by the tests' clock."""
    made = await GraphServer(now=clock).start()
    yield made
    await made.stop()


@pytest.fixture
async def open_ministry(
    tmp_path: Path, migrated_file: Path, graph: GraphServer, clock: ManualClock
) -> AsyncIterator[Open]:
    """Starts processes of one ministry: each call one more on the same database."""
    started: list[Ministry] = []
    shutil.copy(migrated_file, tmp_path / "natiq.db")

    async def start(
        table: Mapping[str, Plan] | None = None,
        entries: Sequence[FaqEntry] | None = None,
        **settings: Any,
    ) -> Ministry:
        known = entries if entries is not None else [entry(f"faq-{name}") for name in "abc"]
        mind = scripted_mind(known, table or {})
        made = Ministry(tmp_path, graph, clock, mind, **settings)
        started.append(await made.start())
        return made

    yield start
    for made in started:
        await made.stop()


@pytest.fixture
async def ministry(open_ministry: Open) -> Ministry:
    return await open_ministry()


Counted = Callable[[str], float]


@pytest.fixture
def counted() -> Counted:
    """How many updates of WhatsApp ended in a word, since the test began."""

    def now(result: str) -> float:
        return metrics.UPDATES.labels("whatsapp", result)._value.get()

    before: dict[str, float] = {}
    for sample in metrics.UPDATES.collect()[0].samples:
        if sample.labels.get("channel") == "whatsapp" and sample.name.endswith("_total"):
            before[sample.labels["result"]] = sample.value
    return lambda result: now(result) - before.get(result, 0.0)
