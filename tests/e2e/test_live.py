"""Live pages: what changes is shown at once, also when another part changed it. The pages are made
to look by themselves once in an hour, so that only events can bring it."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from actions import numbers
from bot.channels.web.feed import STREAM_SECONDS, Feed
from tests.e2e.platforms import PATIENCE, Ministry, ministry
from tests.support.modes import MakeEngines

pytestmark = pytest.mark.slow

HOUR = 3600.0
COMPLAINT = "عندي شكوى: انتظرت ثلاث ساعات في المركز ولم يستقبلني أحد من الموظفين"
REPLY = "نعتذر عما حدث. موعدك محجوز غدًا الساعة التاسعة."


@pytest.fixture
async def running(
    tmp_path: Path, make_engines: MakeEngines, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ministry]:
    monkeypatch.setattr("desk.routes.live.POLL", HOUR)
    monkeypatch.setattr(Feed.events, "__defaults__", (STREAM_SECONDS, HOUR))
    with make_engines() as engines:
        async with ministry(tmp_path / "data", engines) as made:
            yield made


class Page:
    """A citizen's open chat page: what its stream brought."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def say(self, text: str, choice: str | None = None) -> None:
        body = {"id": str(uuid.uuid4()), "text": text, "choice": choice}
        answer = await self._http.post("/chat/api/messages", json=body)
        assert answer.status_code == 202, answer.text

    async def next(self) -> dict[str, object]:
        """The message that appears next."""
        async with asyncio.timeout(PATIENCE):
            return await self._messages.get()

    async def follow(self) -> None:
        async for name, data in events(self._http, "/chat/api/events"):
            if name == "message":
                self._messages.put_nowait(json.loads(data))


async def events(http: httpx.AsyncClient, path: str) -> AsyncIterator[tuple[str, str]]:
    """The names and data of a stream's events."""
    async with http.stream("GET", path, timeout=None) as response:
        assert response.status_code == 200
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data:"):
                yield name, line.removeprefix("data:").strip()


@asynccontextmanager
async def chat_page(origin: str) -> AsyncIterator[Page]:
    async with httpx.AsyncClient(base_url=origin, timeout=60) as http:
        token = (await http.post("/chat/api/session")).json()["token"]
        http.headers["authorization"] = f"Bearer {token}"
        page = Page(http)
        following = asyncio.create_task(page.follow())
        try:
            yield page
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


async def complain(page: Page) -> str:
    """Complain, pass over every question, agree; returns the ticket's number."""
    await page.say(COMPLAINT)
    for _ in range(12):
        told = await page.next()
        found = re.search(r"برقم \u200e?([0-9]{3}-[0-9]{3})", str(told["text"]))
        if found is not None:
            return numbers.normalise(found[1])
        choices = [str(one["value"]) for one in told["choices"]]  # type: ignore[attr-defined]
        agree = [choice for choice in choices if choice.startswith(("yes:", "unsolved:"))]
        await (page.say("", agree[0]) if agree else page.say("تخطي"))
    raise AssertionError("no ticket was opened")


async def test_pages_show_at_once_what_other_parts_did(running: Ministry) -> None:
    async with chat_page(running.origin) as page:
        number = await complain(page)

        await running.staff.reply(number, REPLY)
        told = await page.next()
        assert (told["text"], told["from"]) == (REPLY, "staff")

        async with watching(running, number) as changed:
            await page.say("شكرًا، سأحضر في الموعد")
            async with asyncio.timeout(PATIENCE):
                await changed.wait()
        assert "سأحضر في الموعد" in await running.staff.page(f"/tickets/{number}")


@asynccontextmanager
async def watching(running: Ministry, number: str) -> AsyncIterator[asyncio.Event]:
    """The desk's page of a ticket is open: set when it is told that something changed."""
    changed, ready = asyncio.Event(), asyncio.Event()
    found = re.search(r'data-version="([^"]*)"', await running.staff.page(f"/tickets/{number}"))
    assert found is not None

    async def follow() -> None:
        path = f"/desk/tickets/{number}/events?version={found[1]}"
        async for name, _data in events(running.staff.http, path):
            (changed if name == "change" else ready).set()

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        yield changed
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
