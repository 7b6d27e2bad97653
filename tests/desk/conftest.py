"""A desk over a real SQLite file, with citizens who write through the real inbox."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import async_playwright
from sqlalchemy import select

from actions.attachments import Attachments
from actions.deadlines import WorkingHours
from actions.redelivery import Redelivery
from actions.staff import Staff, StaffMember
from actions.tickets import Tickets
from core import conversations
from core.catalogue import Book, Catalogue
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import OutboxRow, TicketRow
from core.messages import InboundMessage
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.wakeup import DESK, LocalWakeup
from desk.app import DeskDeps, create_desk
from tests.support.chromium import ARGUMENTS, chromium_path

KEY = b"a key for tests, and for nothing but tests"
ZONE = ZoneInfo("Asia/Riyadh")
PASSWORD = "correct horse battery"
ORIGIN = "http://desk.test"


class MovableClock:
    """The time, moved by the test alone."""

    def __init__(self) -> None:
        self.now = datetime(2026, 8, 3, 7, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class House:
    """Everything around the desk, and the desk itself mounted where it belongs."""

    db: Database
    clock: MovableClock
    wakeup: LocalWakeup
    staff: Staff
    inbox: Inbox
    outbox: Outbox
    tickets: Tickets
    app: FastAPI
    ids: itertools.count[int] = field(default_factory=itertools.count)

    async def says(self, text: str, address: str = "citizen-1", choice: str | None = None) -> int:
        """A citizen writes on the web; returns the conversation's id."""
        message = InboundMessage("web", f"m{next(self.ids)}", address, text, choice)
        return (await self.inbox.accept(message)).conversation_id

    async def ticket(
        self,
        text: str = "لم تصلني البطاقة منذ شهر",
        *,
        kind: str = "complaint",
        urgent: bool = False,
        address: str = "citizen-1",
        **more: Any,
    ) -> str:
        """A citizen writes, and a ticket is opened; returns its number."""
        conversation_id = await self.says(text, address)
        async with self.db.write() as session:
            conversation = await conversations.load(session, conversation_id, lock=True)
            row = await self.tickets.open(
                session, conversation, kind=kind, statement=text, urgent=urgent, **more
            )
        await self.wakeup.wake(DESK)
        return row.number

    async def sent(self, number: str) -> list[OutboxRow]:
        """What was put into the outbox for a ticket, in order."""
        async with self.db.read() as session:
            rows = await session.scalars(
                select(OutboxRow)
                .join(TicketRow, TicketRow.id == OutboxRow.ticket_id)
                .where(TicketRow.number == number)
                .order_by(OutboxRow.id)
            )
            return list(rows)

    def browser(self, address: str = "192.0.2.10") -> Browser:
        """A new browser without cookies, at this network address."""
        return Browser(self.app, address)


class Browser:
    """Follows forms as a browser does: with the page's own token, and an Origin."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 50_000)),
            base_url=ORIGIN,
            headers={"origin": ORIGIN},
        )
        self.csrf = ""

    async def get(self, path: str) -> httpx.Response:
        """Fetch a page of the desk, not following redirects; remember its form token."""
        answer = await self.http.get(f"/desk{path}")
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        if found:
            self.csrf = found[1]
        return answer

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form, with the token of the page seen last unless one is given."""
        return await self.http.post(f"/desk{path}", data={"csrf": self.csrf, **fields})

    async def login(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Fill the login form in; afterwards the session's token is known."""
        await self.get("/login")
        answer = await self.post("/login", name=name, password=password)
        if answer.status_code == 303:
            await self.get("/password")
        return answer


@pytest.fixture
async def house(sqlite_address: str, tmp_path: Path) -> AsyncIterator[House]:
    """The house, empty of people."""
    db = Database(sqlite_address)
    clock, wakeup = MovableClock(), LocalWakeup()
    contacts = Contacts(Vault(KEY))
    outbox = Outbox(db, contacts, clock)
    catalogue = Catalogue(
        {
            "ar": Book(
                {
                    "ticket_closed": "أُغلقت التذكرة {number}.",
                    "ticket_reopened": "أُعيد فتح التذكرة {number}.",
                },
                {},
            ),
            "en": Book(
                {
                    "ticket_closed": "Ticket {number} is closed.",
                    "ticket_reopened": "Ticket {number} is open again.",
                },
                {},
            ),
        },
        ZONE,
    )
    hours = WorkingHours.parse("sun,mon,tue,wed,thu", "08:00-15:00", ZONE)
    tickets = Tickets(db, outbox, catalogue, wakeup, hours, Vault(KEY), clock)
    staff = Staff(db, clock)
    app = FastAPI()
    deps = DeskDeps(
        db=db,
        tickets=tickets,
        redelivery=Redelivery(db, outbox, wakeup, clock),
        staff=staff,
        wakeup=wakeup,
        secret_key=KEY,
        zone=ZONE,
        secure_cookies=False,
        sample=True,
        ministry={"ar": "وزارة الخدمات العامة", "en": "Ministry of Public Services"},
        clock=clock,
        attachments=Attachments(db, tmp_path / "attachments", clock),
        departments=lambda: {"passports-directorate": {"ar": "الجوازات", "en": "Passports"}},
    )
    app.mount("/desk", create_desk(deps))
    inbox = Inbox(db, contacts, wakeup, clock)
    yield House(db, clock, wakeup, staff, inbox, outbox, tickets, app)
    await db.close()


@pytest.fixture
async def sara(house: House) -> StaffMember:
    """An agent."""
    return await house.staff.add("Sara Alqahtani", "agent", PASSWORD)


@pytest.fixture
async def at_desk(house: House, sara: StaffMember) -> Browser:
    """A browser in which Sara is logged in."""
    browser = house.browser()
    assert (await browser.login(sara.name)).status_code == 303
    return browser


@pytest.fixture
async def served(house: House) -> AsyncIterator[str]:
    """The house on a port of its own; its origin."""
    config = uvicorn.Config(house.app, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    # Whoever connects before the server is ready waits in this socket's queue.
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    """A headless Chromium."""
    path = chromium_path()
    async with async_playwright() as engine:
        browser = await engine.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def desk_page(chromium: Any, served: str) -> AsyncIterator[Any]:
    """Opens desks, each in a browser context of its own, with somebody logged in; no page may have
    had an error of its own in the end."""
    problems: list[str] = []

    async def opened(name: str, width: int = 1280) -> Any:
        context = await chromium.new_context(viewport={"width": width, "height": 900})
        page = await context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"{served}/desk/")
        await page.fill("#name", name)
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/desk/")
        return page

    yield opened
    assert problems == []
