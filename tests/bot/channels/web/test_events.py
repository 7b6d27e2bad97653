"""The event stream, over a real server: order, resumption, isolation, limits."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.channels.web.feed import Feed
from bot.channels.web.limits import MAX_STREAMS
from core.db.tables import ConversationRow, OutboxRow

EVENTS = "/chat/api/events"


async def parsed(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, each as its fields."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line == "":
            if "data" in event:
                yield event
            event = {}
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            event[field] = value.removeprefix(" ")


class Reader:
    """Reads a citizen's stream until the wanted messages have come."""

    def __init__(self, citizen: Any, cursor: int | None = None) -> None:
        self.citizen = citizen
        self.headers = dict(citizen.headers)
        if cursor is not None:
            self.headers["Last-Event-ID"] = str(cursor)

    async def until(self, count: int, seconds: float = 10.0) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        async with asyncio.timeout(seconds):
            stream = self.citizen.client.stream("GET", EVENTS, headers=self.headers, timeout=None)
            async with stream as response:
                assert response.status_code == 200
                assert response.headers["content-type"].startswith("text/event-stream")
                async for event in parsed(response):
                    if event["event"] == "message":
                        found.append(event)
                        if len(found) == count:
                            break
        return found


async def conversation_of(house: Any, index: int = 0) -> int:
    async with house.deps.db.read() as session:
        ids = list(await session.scalars(select(ConversationRow.id).order_by(ConversationRow.id)))
    return int(ids[index])


def feed_of(house: Any) -> Feed:
    deps = house.deps
    return Feed(deps.db, deps.contacts, deps.wakeup, deps.vault)


def address_of(citizen: Any) -> str:
    return hashlib.sha256(citizen.token.encode()).hexdigest()


def texts(events: list[dict[str, str]]) -> list[str]:
    return [json.loads(event["data"])["text"] for event in events]


@pytest.fixture
async def live(house: Any, serve: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(house.app) as origin, httpx.AsyncClient(base_url=origin) as client:
        yield client


async def test_messages_arrive_when_they_are_sent(
    house: Any, live: httpx.AsyncClient, arrive_at: Any
) -> None:
    citizen = await arrive_at(live)
    await citizen.post()
    conversation = await conversation_of(house)
    reading = asyncio.create_task(Reader(citizen).until(2))
    await asyncio.sleep(0.5)
    await house.answer(conversation, "سطر أول\nسطر\u2028ثان\r\nثالث")
    await asyncio.sleep(0.2)
    assert not reading.done()
    sent = [*await house.send_all(), *await house.say(conversation, "آخر")]
    events = await reading
    assert texts(events) == ["سطر أول\nسطر\u2028ثان\r\nثالث", "آخر"]
    assert [event["id"] for event in events] == [str(number) for number in sent]


async def test_a_wake_up_is_not_slept_through(house: Any, arrive: Any) -> None:
    """What is sent while the message before is being written out comes at once as well: the
    stream would otherwise sleep until its next look, here after a minute."""
    citizen = await arrive()
    await citizen.post()
    await house.handle_all()
    conversation = await conversation_of(house)
    await house.say(conversation, "رسالة 0")
    seen: list[str] = []
    async with asyncio.timeout(20):
        async for event in feed_of(house).events(address_of(citizen), 0, seconds=60, poll=60):
            if event.event != "message":
                continue
            seen.append(json.loads(event.data)["text"])
            if len(seen) == 10:
                break
            await house.say(conversation, f"رسالة {len(seen)}")
    assert seen == [f"رسالة {number}" for number in range(10)]


async def test_resumes_after_the_last_event_without_loss_or_doubles(
    house: Any, live: httpx.AsyncClient, arrive_at: Any
) -> None:
    citizen = await arrive_at(live)
    await citizen.post()
    conversation = await conversation_of(house)
    await house.say(conversation, *(f"رسالة {n}" for n in range(4)))
    first = await Reader(citizen).until(2)
    await house.say(conversation, "رسالة 4")  # while nobody listens
    rest = await Reader(citizen, int(first[-1]["id"])).until(3)
    assert texts(first + rest) == [f"رسالة {n}" for n in range(5)]
    last = int(rest[-1]["id"])
    reading = asyncio.create_task(Reader(citizen, last).until(1))
    await asyncio.sleep(0.5)
    assert not reading.done()
    await house.say(conversation, "رسالة 5")
    assert texts(await reading) == ["رسالة 5"]


async def test_a_newcomers_stream_sees_the_first_answer_at_once(
    house: Any, live: httpx.AsyncClient, arrive_at: Any
) -> None:
    citizen = await arrive_at(live)
    reading = asyncio.create_task(Reader(citizen).until(1))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await citizen.post()
    await house.say(await conversation_of(house), "أهلًا بك")
    assert texts(await reading) == ["أهلًا بك"]
    assert time.monotonic() - began < 1.5


async def test_messages_of_another_process_come_without_a_wake_up(
    house: Any, live: httpx.AsyncClient, arrive_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    citizen = await arrive_at(live)
    await citizen.post()
    conversation = await conversation_of(house)
    reading = asyncio.create_task(Reader(citizen).until(1))
    await asyncio.sleep(0.5)

    async def deaf(_topic: str) -> None:
        return None

    monkeypatch.setattr(house.deps.wakeup, "wake", deaf)
    began = time.monotonic()
    await house.say(conversation, "من عملية أخرى")
    assert texts(await reading) == ["من عملية أخرى"]
    assert time.monotonic() - began < 4


async def test_a_smaller_id_that_becomes_visible_later_is_not_lost(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post()
    conversation = await conversation_of(house)
    early, late = (
        await house.answer(conversation, "تأخّرت"),
        await house.answer(conversation, "سبقت"),
    )

    async def mark_sent(number: int) -> None:
        async with house.deps.db.write() as session:
            await session.execute(
                update(OutboxRow).where(OutboxRow.id == number).values(state="sent")
            )

    await mark_sent(late)
    seen: list[tuple[str | None, str]] = []
    async for event in feed_of(house).events(address_of(citizen), 0, seconds=1.0, poll=0.05):
        if event.event == "message":
            seen.append((event.id, json.loads(event.data)["text"]))
            await mark_sent(early)
    # It comes without an id, so that the client's cursor does not go back.
    assert seen == [(str(late), "سبقت"), (None, "تأخّرت")]


async def test_states_are_told_at_the_start_and_at_each_change(
    house: Any, live: httpx.AsyncClient, arrive_at: Any
) -> None:
    citizen = await arrive_at(live)
    states: list[dict[str, Any]] = []
    came = asyncio.Event()

    async def listen() -> None:
        stream = live.stream("GET", EVENTS, headers=citizen.headers, timeout=None)
        async with stream as response:
            async for event in parsed(response):
                assert event["event"] == "state"
                states.append(json.loads(event["data"]))
                came.set()

    async def next_state() -> dict[str, Any]:
        async with asyncio.timeout(60):
            await came.wait()
        came.clear()
        return states[-1]

    listening = asyncio.create_task(listen())
    assert await next_state() == {"mode": "bot", "waiting": False}
    await citizen.post()
    assert await next_state() == {"mode": "bot", "waiting": True}
    await house.handle_all()
    assert await next_state() == {"mode": "bot", "waiting": False}
    await house.set_mode(await conversation_of(house), "human")
    assert await next_state() == {"mode": "human", "waiting": False}
    await asyncio.sleep(2.5)  # a look without news says nothing
    listening.cancel()
    assert len(states) == 4


async def test_streams_carry_no_other_session_and_no_staff_name(
    house: Any, live: httpx.AsyncClient, arrive_at: Any, staff_name: str
) -> None:
    citizen, other = await arrive_at(live), await arrive_at(live)
    await citizen.post()
    await other.post()
    mine, theirs = await conversation_of(house, 0), await conversation_of(house, 1)
    await house.say(theirs, "ليس لي")
    await house.answer(mine, "من موظف", kind="staff")
    await house.send_all()
    await house.say(mine, "لي")
    events = await Reader(citizen).until(2)
    assert texts(events) == ["من موظف", "لي"]
    assert [json.loads(event["data"])["from"] for event in events] == ["staff", "bot"]
    assert staff_name not in json.dumps(events)


async def test_at_most_five_streams_and_each_gives_its_place_back(
    house: Any, live: httpx.AsyncClient, arrive_at: Any
) -> None:
    citizen = await arrive_at(live)

    async def hold(opened: asyncio.Event) -> None:
        stream = live.stream("GET", EVENTS, headers=citizen.headers, timeout=None)
        async with stream as response:
            async for _ in parsed(response):
                opened.set()

    signs = [asyncio.Event() for _ in range(MAX_STREAMS)]
    held = [asyncio.create_task(hold(sign)) for sign in signs]
    async with asyncio.timeout(60):
        for sign in signs:
            await sign.wait()
    sixth = await live.get(EVENTS, headers=citizen.headers)
    assert sixth.status_code == 429
    assert sixth.json()["error"]["code"] == "too_many_streams"
    assert int(sixth.headers["retry-after"]) > 0
    held[0].cancel()
    await asyncio.gather(held[0], return_exceptions=True)
    again = asyncio.Event()
    async with asyncio.timeout(60):
        while not again.is_set():  # the server needs a moment to notice
            task = asyncio.create_task(hold(again))
            await asyncio.wait([task, asyncio.create_task(again.wait())], timeout=1)
            held.append(task)
    for task in held:
        task.cancel()


async def test_a_stream_ends_after_its_time(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post()
    began = time.monotonic()
    events = [event async for event in feed_of(house).events("0" * 64, 0, seconds=0.4, poll=0.1)]
    assert 0.3 < time.monotonic() - began < 2
    assert [event.event for event in events] == ["state"]
