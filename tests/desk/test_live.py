"""Live pages over real HTTP: the event stream, and in Chromium what the script does with it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from playwright.async_api import async_playwright
from sqlalchemy import delete, update

from core.db.tables import DeskSessionRow, OutboxRow
from core.messages import Choice, Link, Origin, OutboundMessage, text_hash
from tests.support.chromium import ARGUMENTS, chromium_path


class Stream:
    """Reads the events of a stream as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self, seconds: float = 5) -> tuple[str, str]:
        """The next event's name and data."""
        name = ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    return name, line.removeprefix("data:").strip()
        return "end", ""


def _client(house: Any, at_desk: Any, served: str) -> httpx.AsyncClient:
    cookie = at_desk.http.cookies["natiq_desk"]
    return httpx.AsyncClient(base_url=served, headers={"cookie": f"natiq_desk={cookie}"})


async def test_the_queue_hears_of_a_new_ticket_at_once(
    house: Any, at_desk: Any, served: str
) -> None:
    async with (
        _client(house, at_desk, served) as client,
        client.stream("GET", "/desk/events") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer)
        assert (await stream.next())[0] == "ready"
        first = await stream.next()
        assert first[0] == "change"
        await house.ticket()
        begun = time.monotonic()
        second = await stream.next()
        assert second[0] == "change" and second[1] != first[1]
        assert time.monotonic() - begun < 1


async def test_a_page_that_is_up_to_date_hears_nothing(
    house: Any, at_desk: Any, served: str
) -> None:
    number = await house.ticket()
    part = (await at_desk.get(f"/tickets/{number}/part")).text
    version = part.split('data-version="')[1].split('"')[0]
    async with (
        _client(house, at_desk, served) as client,
        client.stream("GET", f"/desk/tickets/{number}/events?version={version}") as answer,
    ):
        stream = Stream(answer)
        assert (await stream.next())[0] == "ready"
        with pytest.raises(TimeoutError):
            await stream.next(2.5)


@pytest.mark.parametrize("what", ["message", "delivery", "note", "assigned"])
async def test_a_ticket_hears_of_everything_that_it_shows(
    house: Any, at_desk: Any, served: str, sara: Any, what: str
) -> None:
    number = await house.ticket()
    await house.tickets.reply(number, "رد", sara.id)
    async with (
        _client(house, at_desk, served) as client,
        client.stream("GET", f"/desk/tickets/{number}/events") as answer,
    ):
        stream = Stream(answer)
        await stream.next()
        _, shown = await stream.next()
        if what == "message":
            await house.says("شكرًا لكم")
        elif what == "delivery":  # by another process: nobody wakes this one
            async with house.db.write() as session:
                await session.execute(update(OutboxRow).values(state="delivered"))
        elif what == "note":
            await house.tickets.note(number, "ملاحظة", sara.id)
        else:
            await house.tickets.assign(number, None, sara.id)
        name, version = await stream.next(2)
        assert name == "change" and version != shown


async def test_a_stream_ends_with_its_session(house: Any, at_desk: Any, served: str) -> None:
    async with (
        _client(house, at_desk, served) as client,
        client.stream("GET", "/desk/events") as answer,
    ):
        stream = Stream(answer)
        await stream.next()
        await stream.next()
        async with house.db.write() as session:
            await session.execute(delete(DeskSessionRow))
        assert (await stream.next())[0] == "over"
        assert (await stream.next())[0] == "end"


async def _page(browser: Any, served: str, name: str) -> Any:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(30_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console",
        lambda said: page.problems.append(said.text) if said.type == "error" else None,
    )
    await page.goto(f"{served}/desk/")
    await page.fill("#name", name)
    await page.fill("#password", "correct horse battery")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk/")
    return page


@pytest.mark.browser
async def test_in_chromium_nothing_typed_is_lost_and_the_keyboard_suffices(
    house: Any, sara: Any, served: str
) -> None:
    path = chromium_path()
    omar = await house.staff.add("Omar Haddad", "lead", "correct horse battery")
    async with async_playwright() as engine:
        browser = await engine.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        page = await _page(browser, served, sara.name)
        other = await _page(browser, served, omar.name)

        # A new ticket appears in the queue by itself.
        assert await page.locator(".empty").count() == 1
        number = await house.ticket("<i>أين</i> معاملتي؟")
        await page.wait_for_selector(f"#t-{number}", timeout=30_000)

        # Opened by keyboard; what is typed survives what arrives, a reload, and a conflict.
        await page.focus(f"#t-{number}")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#reply")
        assert await page.locator(".bubble.citizen .written").inner_text() == "<i>أين</i> معاملتي؟"
        await page.focus("#reply")
        await page.keyboard.type("Half a reply")
        await house.says("هل من جديد؟")
        await page.wait_for_selector("text=هل من جديد؟", timeout=30_000)
        assert await page.input_value("#reply") == "Half a reply"
        assert await page.evaluate("document.activeElement.id") == "reply"
        await page.reload()
        assert await page.input_value("#reply") == "Half a reply"

        # Both answer from pages of the same age: one goes out, the other keeps its text.
        await other.route("**/part", lambda route: route.abort())
        await other.route("**/answering", lambda route: route.abort())
        await other.goto(f"{served}/desk/tickets/{number}")
        await other.fill("#reply", "Omar's reply")
        await page.focus("#reply")
        await page.keyboard.press("Control+Enter")
        await page.wait_for_selector("[data-done=reply]")
        await page.wait_for_selector(".bubble.staff")
        assert await page.input_value("#reply") == ""
        await other.focus("#reply")
        await other.keyboard.press("Control+Enter")
        await other.wait_for_selector("#trouble")
        assert await other.input_value("#reply") == "Omar's reply"
        assert [row.payload["text"] for row in await house.sent(number)] == ["Half a reply"]

        # The delivery is shown when it happens, and a reload does not say "sent" again.
        async with house.db.write() as session:
            await session.execute(update(OutboxRow).values(state="delivered"))
        await page.wait_for_selector(".bubble.staff .meta >> text=وصلت", timeout=30_000)
        await page.fill("#reply", "Another draft")
        await page.reload()
        assert await page.locator("[data-done]").count() == 0
        assert await page.input_value("#reply") == "Another draft"

        # A session that is over says so and keeps the draft; logging out clears it.
        async with house.db.write() as session:
            await session.execute(delete(DeskSessionRow).where(DeskSessionRow.staff_id == omar.id))
        await other.wait_for_selector("#live-over:not([hidden])", timeout=4_000)
        assert await other.input_value("#reply") == "Omar's reply"
        await page.click("[data-logout] button")
        await page.wait_for_url("**/desk/login")
        assert await page.evaluate("Object.keys(localStorage).length") == 0
        assert page.problems == []

        # Nothing is wider than a phone.
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.fill("#name", sara.name)
        await page.fill("#password", "correct horse battery")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/desk/")
        for path in ("/", f"/tickets/{number}", "/password"):
            await page.goto(f"{served}/desk{path}")
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await page.evaluate(wide) == 0, path
        await browser.close()


async def test_choices_and_links_of_the_bot_are_shown(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    conversation_id = (await house.tickets.show(number)).ticket.conversation_id
    message = OutboundMessage(
        "أي خدمة تقصد؟",
        Origin("faq", "passport-renew-fees", text_hash("أي خدمة تقصد؟")),
        "ar",
        (Choice("faq:a", "رسوم التجديد", "رسوم تجديد جواز السفر"),),
        (Link("الموقع", "https://ministry.example/a?b=1&c=2"),),
    )
    async with house.db.write() as session:
        await house.outbox.put(session, conversation_id, message, correlation="abc")
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "رسوم تجديد جواز السفر" in page and "passport-renew-fees" in page
    assert "https://ministry.example/a?b=1&amp;c=2" in page
    assert "إجابة معتمدة" in page
