"""A whole system on the Telegram server for tests, driven one step at a time.

The time, the sender's pace and the server's limits go by one clock, which only the test moves, so
that nothing depends on how fast the machine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from sqlalchemy import select

from bot.channels.telegram.polling import Poller, WebhookKeeper
from bot.channels.telegram.wiring import Telegram
from bot.mind import Mind
from bot.root import Root, build_app
from core.db.tables import InboxRow, OutboxRow
from core.messages import Choice, Link, Origin, OutboundMessage, text_hash
from core.metrics import UPDATES
from core.rates import LocalRateLimits
from core.settings import Settings
from tests.support.talk import ManualClock
from tests.support.telegram_server import TelegramServer
from tests.support.telegram_world import TOKEN

SECRET = "a-secret_for-tests"


class TickingClock(ManualClock):
    """The tests' clock, also as seconds for pace and limits."""

    def seconds(self) -> float:
        return self.now.timestamp()


def answer(text: str, **more: Any) -> OutboundMessage:
    """An approved text to be sent."""
    return OutboundMessage(text, Origin("faq", "some-entry", text_hash(text)), "ar", **more)


def choices(*values: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, f"زر {number}") for number, value in enumerate(values, start=1))


class Line:
    """A system on Telegram. Several may stand on one database (`folder`)."""

    def __init__(
        self,
        server: TelegramServer,
        folder: Path,
        mind: Mind,
        clock: TickingClock,
        **settings: Any,
    ) -> None:
        values: dict[str, Any] = {
            "data_dir": folder,
            "secret_key": "k" * 40,
            "telegram_token": TOKEN,
            "telegram_api_url": server.origin,
            **settings,
        }
        self.server = server
        self.clock = clock
        self.root: Root = build_app(Settings(_env_file=None, **values), mind=mind, clock=clock)
        self.root.sender._rates = LocalRateLimits(clock.seconds)
        assert self.root.telegram is not None
        self.telegram: Telegram = self.root.telegram

    @property
    def poller(self) -> Poller:
        return cast(Poller, self.telegram.loop)

    @property
    def keeper(self) -> WebhookKeeper:
        return cast(WebhookKeeper, self.telegram.loop)

    async def start(self) -> Line:
        await self.root.db.migrate()
        return self

    async def stop(self) -> None:
        await self.root.stop()

    async def receive(self) -> int:
        """Poll until nothing waits."""
        count = 0
        while taken := await self.poller.step(long_poll=0):
            count += taken
        return count

    async def handle(self) -> None:
        """Let the worker handle what is due."""
        assert self.root.worker is not None
        while await self.root.worker.step():
            pass

    async def deliver(self, *, seconds: float = 600) -> None:
        """Let the sender send, moving the clock while it waits for its turn, at most so long."""
        until = self.clock() + timedelta(seconds=seconds)
        while True:
            while await self.root.sender.step():
                pass
            due = await self.root.outbox.next_due(["telegram"])
            if due is None or self.clock() >= until:
                return
            # Nothing is due, or the pace over all keeps it back.
            self.clock.now = max(due, self.clock() + timedelta(seconds=0.05))

    async def turn(self) -> None:
        """Receive, handle and deliver."""
        await self.receive()
        await self.handle()
        await self.deliver()

    async def put(self, chat_id: int, message: OutboundMessage) -> int:
        """Put a message into the outbox for a chat, as if it had been answered."""
        async with self.root.db.write() as session:
            conversation = await self.root.contacts.conversation_of(
                session, "telegram", str(chat_id), self.clock()
            )
            return await self.root.outbox.put(session, conversation, message, correlation="c")

    async def send(
        self,
        chat_id: int,
        text: str,
        *values: str,
        links: tuple[Link, ...] = (),
    ) -> None:
        """Put a text with choices of these values into the outbox, and deliver it."""
        await self.put(chat_id, answer(text, choices=choices(*values), links=links))
        await self.deliver()

    async def inbox(self) -> list[InboxRow]:
        async with self.root.db.read() as session:
            return list(await session.scalars(select(InboxRow).order_by(InboxRow.id)))

    async def outbox(self) -> list[OutboxRow]:
        async with self.root.db.read() as session:
            return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.id)))


def counted() -> Mapping[str, float]:
    """How many updates were counted so far, by result."""
    return {
        sample.labels["result"]: sample.value
        for metric in UPDATES.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["channel"] == "telegram"
    }


class Counts:
    """What is counted from now on."""

    def __init__(self) -> None:
        self._before = dict(counted())

    def since(self) -> dict[str, int]:
        found = {name: int(n - self._before.get(name, 0)) for name, n in counted().items()}
        return {name: n for name, n in found.items() if n}


def app_of(line: Line) -> FastAPI:
    """The routes that Telegram reaches."""
    from bot.channels.telegram.webhook import create_telegram_router

    app = FastAPI()
    app.include_router(create_telegram_router(line.telegram.receiver, SECRET))
    return app
