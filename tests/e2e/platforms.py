"""A whole ministry on both platforms: the real mind, the real loops, the web server on a port of
its own, and the platforms' servers beside it. Citizens and staff who use them as people do.

Scaled, each role is built for itself and most of them twice, with connections of its own. They live
in the test's process, so that one clock, which the test moves, counts for all."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from bot.root import ROLES, Role, Root, build_app
from bot.web.app import create_web
from core.settings import Settings
from tests.support import graph_server as meta
from tests.support import graph_webhooks as webhooks
from tests.support.graph_server import GraphServer
from tests.support.minds import real_mind
from tests.support.modes import Engines
from tests.support.serving import serving
from tests.support.talk import WORKDAY
from tests.support.telegram_server import TelegramServer, telegram_server
from tests.support.telegram_world import TOKEN

#: How long anything may take before a test fails, in seconds; far beyond what it takes.
PATIENCE = 60.0

PASSWORD = "correct horse battery"

#: The roles of each part of the scaled ministry; the first is the one that tests look into.
PARTS: tuple[Role, ...] = ("web", "worker", "worker", "sender", "sender", "telegram", "telegram")


class ShiftedClock:
    """Time goes as it does, but begins on a working morning, and tests can move it on by days."""

    def __init__(self) -> None:
        self.shift = WORKDAY - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass(frozen=True)
class Told:
    """A message that a citizen received."""

    text: str
    choices: tuple[str, ...]
    kind: str = "text"


class Citizen(Protocol):
    """Somebody with a phone."""

    async def say(self, text: str) -> None: ...

    async def tap(self, value: str) -> None: ...

    async def photo(self, content: bytes) -> None: ...

    def received(self) -> list[Told]: ...


class Reading:
    """A citizen who reads what comes, each message once."""

    def __init__(self, citizen: Citizen) -> None:
        self.citizen = citizen
        self._read = 0

    async def next(self, fits: Callable[[Told], bool] = lambda _told: True) -> Told:
        """The next message that fits; those before it count as read."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            received = self.citizen.received()
            while self._read < len(received):
                self._read += 1
                if fits(received[self._read - 1]):
                    return received[self._read - 1]
            await asyncio.sleep(0.02)
        raise AssertionError(f"nothing that fits came: {self.citizen.received()}")

    async def ask(self, text: str, fits: Callable[[Told], bool] = lambda _told: True) -> Told:
        """Write, and read on."""
        await self.citizen.say(text)
        return await self.next(fits)

    async def tap(self, value: str, fits: Callable[[Told], bool] = lambda _told: True) -> Told:
        """Tap the button whose value begins so on the message read last, and read on."""
        choices = self.citizen.received()[self._read - 1].choices
        await self.citizen.tap(next(choice for choice in choices if choice.startswith(value)))
        return await self.next(fits)


class TelegramCitizen:
    """Writes to the bot on Telegram."""

    def __init__(self, server: TelegramServer, chat_id: int) -> None:
        self._server = server
        self._chat = chat_id
        server.meet(chat_id)

    async def say(self, text: str) -> None:
        self._server.says(self._chat, text)

    async def tap(self, value: str) -> None:
        sent = [s for s in self._server.sent if s.chat_id == self._chat]
        holder = next(s for s in reversed(sent) if value in _data(s.buttons))
        self._server.taps(holder, value)

    async def photo(self, content: bytes) -> None:
        size = {**self._server.file(content, f"{self._chat}.jpg"), "width": 8, "height": 8}
        size.pop("file_name")
        self._server.says(self._chat, photo=[size])

    def received(self) -> list[Told]:
        return [
            Told(sent.text, tuple(_data(sent.buttons)))
            for sent in self._server.sent
            if sent.chat_id == self._chat
        ]


class WhatsAppCitizen:
    """Writes to the ministry's number on WhatsApp."""

    def __init__(self, graph: GraphServer, origin: str, phone: str, clock: ShiftedClock) -> None:
        self._graph = graph
        self._origin = origin
        self._phone = phone
        self._clock = clock

    async def say(self, text: str) -> None:
        await self._post(webhooks.text(text, who=self._phone, at=self._clock()))

    async def tap(self, value: str) -> None:
        sent = self._graph.to(self._phone)
        kind = next(s.kind for s in reversed(sent) if value in s.choices)
        make = webhooks.template_tap if kind == "template" else webhooks.tap
        await self._post(make(value, who=self._phone, at=self._clock()))

    async def photo(self, content: bytes) -> None:
        name = f"media-{self._phone}"
        self._graph.files[name] = meta.File(content)
        await self._post(
            webhooks.file("image", name, "image/jpeg", who=self._phone, at=self._clock())
        )

    async def _post(self, message: dict[str, object]) -> None:
        self._graph.wrote(self._phone)
        document = webhooks.document(messages=[message], contacts=[webhooks.contact(self._phone)])
        answer = await webhooks.post(self._origin, document)
        assert answer.status_code == 200, answer.text

    def received(self) -> list[Told]:
        return [
            Told(sent.text, tuple(sent.choices), sent.kind) for sent in self._graph.to(self._phone)
        ]


class Staff:
    """A member of staff at the desk, who fills forms in as a browser does."""

    def __init__(self, origin: str) -> None:
        self.http = httpx.AsyncClient(base_url=origin, headers={"origin": origin}, timeout=60)
        self._csrf = ""

    async def login(self, name: str) -> None:
        await self.page("/login")
        answer = await self.send("/login", name=name, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        await self.page("/password")

    async def log_in_anew(self, name: str) -> None:
        """After a night: the session has ended."""
        self.http.cookies.clear()
        await self.login(name)

    async def page(self, path: str) -> str:
        answer = await self.http.get(f"/desk{path}")
        assert answer.status_code == 200, answer.text
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self._csrf = found[1] if found else self._csrf
        return answer.text

    async def send(self, path: str, **fields: str) -> httpx.Response:
        return await self.http.post(f"/desk{path}", data={"csrf": self._csrf, **fields})

    async def reply(self, number: str, text: str) -> None:
        await self.page(f"/tickets/{number}")
        answer = await self.send(f"/tickets/{number}/reply", text=text)
        assert answer.status_code == 303, answer.text

    async def close(self, number: str) -> None:
        answer = await self.send(f"/tickets/{number}/close")
        assert answer.status_code == 303, answer.text

    async def file(self, number: str, attachment_id: int) -> httpx.Response:
        return await self.http.get(f"/desk/tickets/{number}/attachments/{attachment_id}")

    async def leave(self) -> None:
        await self.http.aclose()


@dataclass
class Ministry:
    """All of it, running. `root` is the part that serves the web."""

    root: Root
    origin: str
    clock: ShiftedClock
    telegram: TelegramServer
    graph: GraphServer
    staff: Staff
    _numbers: list[int] = field(default_factory=lambda: [0])

    def citizen(self, platform: str) -> Reading:
        """Somebody new."""
        self._numbers[0] += 1
        number = self._numbers[0]
        if platform == "telegram":
            return Reading(TelegramCitizen(self.telegram, 5_000 + number))
        phone = f"96650000{number:04d}"
        return Reading(WhatsAppCitizen(self.graph, self.origin, phone, self.clock))

    def answer(self, faq_id: str) -> str:
        """The approved answer, in Arabic."""
        assert self.root.knowledge is not None
        entry = self.root.knowledge.entry(faq_id)
        assert entry is not None
        return entry.answer["ar"]


@contextlib.asynccontextmanager
async def ministry(folder: Path, engines: Engines | None) -> AsyncIterator[Ministry]:
    """Runs it, with Telegram by polling, until the block ends; then nobody may have overstepped
    any of the platforms' limits. Without engines it is embedded."""
    clock = ShiftedClock()
    graph = await GraphServer(now=clock).start()
    async with telegram_server() as telegram:
        settings = _settings(folder, engines, telegram, graph)
        parts = [ROLES] if engines is None else [frozenset({role}) for role in PARTS]
        mind = real_mind()
        roots = [build_app(settings, mind=mind, roles=roles, clock=clock) for roles in parts]
        web, staff = roots[0], None
        try:
            await asyncio.gather(*(root.start(watch=False) for root in roots))
            async with serving(create_web(web)) as origin:
                await web.staff.add("sara", "agent", PASSWORD)
                staff = Staff(origin)
                await staff.login("sara")
                yield Ministry(web, origin, clock, telegram, graph, staff)
                assert [name for root in roots for name in root.broken] == []
        finally:
            if staff is not None:
                await staff.leave()
            for root in roots:
                await root.stop()
            await graph.stop()
        assert telegram.violations == []
        assert graph.violations == []


def _settings(
    folder: Path, engines: Engines | None, telegram: TelegramServer, graph: GraphServer
) -> Settings:
    shared: dict[str, Any] = {}
    if engines is not None:
        shared = {"database_url": engines.database_url, "redis_url": engines.redis_url}
    return Settings(
        _env_file=None,
        data_dir=folder,
        secret_key="k" * 40,
        telegram_token=TOKEN,
        telegram_mode="polling",
        telegram_api_url=telegram.origin,
        whatsapp_phone_id=meta.PHONE_ID,
        whatsapp_token=meta.TOKEN,
        whatsapp_app_secret=meta.APP_SECRET,
        whatsapp_verify_token=meta.VERIFY_TOKEN,
        whatsapp_api_url=graph.origin,
        whatsapp_template=meta.TEMPLATE,
        **shared,
    )


def _data(buttons: list[dict[str, str]]) -> list[str]:
    return [button["callback_data"] for button in buttons if "callback_data" in button]
