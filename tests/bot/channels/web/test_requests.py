"""What the API refuses, and how it says so."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.channels.web import limits
from bot.channels.web.limits import BURST, PER_SECOND, MessageRate, StreamSlots
from bot.channels.web.strings import all_strings
from core.buckets import LocalBuckets
from core.db.tables import InboxRow

MESSAGES = "/chat/api/messages"


def is_error(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert set(error["message"]) == {"ar", "en"} and all(error["message"].values())
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer short",
        "Basic " + "a" * 43,
        "Bearer " + "a" * 42 + "!",
        "Bearer " + "a" * 44,
        "Bearer " + "a" * 43 + "\n",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", MESSAGES),
        ("GET", MESSAGES),
        ("GET", "/chat/api/events"),
        ("POST", "/chat/api/delivered"),
    ],
)
async def test_without_a_token_nothing_is_answered(
    client: httpx.AsyncClient, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = await client.request(method, path, headers=headers, params={"token": "a" * 43})
    is_error(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 60_000,
        b'{"id": ' + b"9" * 6_000 + b"}",
    ],
)
async def test_bad_json(arrive: Any, body: bytes) -> None:
    citizen = await arrive()
    headers = {**citizen.headers, "Content-Type": "application/json"}
    is_error(await citizen.client.post(MESSAGES, content=body, headers=headers), 400, "bad_json")


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 7},
        {"id": "not-a-uuid"},
        {"id": "{" + str(uuid.uuid4()) + "}"},
        {"text": 7},
        {"text": None},
        {"text": ["a"]},
        {"choice": 7},
        {"choice": ""},
        {"choice": "c" * 201},
        {"language": "fr"},
        {"language": ["ar"]},
    ],
)
async def test_bad_fields(house: Any, arrive: Any, change: dict[str, Any]) -> None:
    citizen = await arrive()
    body = {"id": str(uuid.uuid4()), "text": "نص", **change}
    answer = await citizen.client.post(MESSAGES, json=body, headers=citizen.headers)
    is_error(answer, 400, "bad_field")
    async with house.deps.db.read() as session:
        assert list(await session.scalars(select(InboxRow))) == []


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u3000\u00a0", "\x00", " \x00 "])
async def test_an_empty_message(arrive: Any, text: str) -> None:
    is_error(await (await arrive()).post(text), 400, "empty")


async def test_a_choice_needs_no_text(arrive: Any) -> None:
    citizen = await arrive()
    body = {"id": str(uuid.uuid4()), "choice": "yes"}
    answer = await citizen.client.post(MESSAGES, json=body, headers=citizen.headers)
    assert answer.status_code == 202


@pytest.mark.parametrize("ids", [None, "1", {}, [0], [-1], [True], ["1"], [1.5], [2**63]])
async def test_bad_ids(arrive: Any, ids: Any) -> None:
    citizen = await arrive()
    answer = await citizen.client.post(
        "/chat/api/delivered", json={"ids": ids}, headers=citizen.headers
    )
    is_error(answer, 400, "bad_field")


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "٣", "9" * 30])
async def test_bad_cursors(arrive: Any, after: str) -> None:
    citizen = await arrive()
    for path in (MESSAGES, "/chat/api/events"):
        answer = await citizen.client.get(path, params={"after": after}, headers=citizen.headers)
        is_error(answer, 400, "bad_field")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_types_are_refused(arrive: Any, kind: str) -> None:
    citizen = await arrive()
    body = json.dumps({"id": str(uuid.uuid4()), "text": "نص"}).encode()
    headers = {**citizen.headers, "Content-Type": kind}
    answer = await citizen.client.post(MESSAGES, content=body, headers=headers)
    is_error(answer, 415, "unsupported_type")


async def test_large_bodies_over_a_real_connection(house: Any, serve: Any, arrive_at: Any) -> None:
    body = json.dumps({"id": str(uuid.uuid4()), "text": "a" * 1_000_000}).encode()
    pieces = 0

    async def in_pieces() -> Any:
        nonlocal pieces
        for at in range(0, len(body), 8_192):
            pieces += 1
            yield body[at : at + 8_192]

    async with serve(house.app) as origin, httpx.AsyncClient(base_url=origin) as client:
        citizen = await arrive_at(client)
        headers = {**citizen.headers, "Content-Type": "application/json"}
        is_error(await client.post(MESSAGES, content=body, headers=headers), 413, "too_large")
        # Without a declared length as well.
        answer = await client.post(MESSAGES, content=in_pieces(), headers=headers)
        is_error(answer, 413, "too_large")
        assert pieces > 8
        # And the server goes on.
        assert (await citizen.post("بعد ذلك")).status_code == 202


async def test_a_body_that_never_ends_is_given_up(
    house: Any, serve: Any, arrive_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.web.requests.BODY_SECONDS", 0.3)

    async with serve(house.app) as origin, httpx.AsyncClient(base_url=origin) as client:
        citizen = await arrive_at(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
        head = (
            f"POST {MESSAGES} HTTP/1.1",
            "Host: chat.example",
            f"Authorization: Bearer {citizen.token}",
            "Content-Type: application/json",
            "Content-Length: 100",
        )
        writer.write("\r\n".join((*head, "", '{"id": ')).encode())
        async with asyncio.timeout(60):
            answer = (await reader.read()).decode()
        writer.close()
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"too_slow"' in answer


async def test_a_body_at_the_limit_is_read(arrive: Any) -> None:
    citizen = await arrive()
    frame = len(json.dumps({"id": str(uuid.uuid4()), "text": ""}))
    for text, status in (("a" * (65_536 - frame), 202), ("a" * (65_537 - frame), 413)):
        body = json.dumps({"id": str(uuid.uuid4()), "text": text}).encode()
        headers = {**citizen.headers, "Content-Type": "application/json"}
        answer = await citizen.client.post(MESSAGES, content=body, headers=headers)
        assert answer.status_code == status


async def test_a_flood_is_slowed_and_only_its_own_session(arrive: Any) -> None:
    citizen, other = await arrive(), await arrive()
    answers = [await citizen.post(f"رسالة {n}") for n in range(BURST + 5)]
    assert [a.status_code for a in answers[:BURST]] == [202] * BURST
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    is_error(refused[0], 429, "slow_down")
    assert refused[0].headers["retry-after"] == "1"
    assert (await other.post()).status_code == 202


async def test_a_session_is_slowed_by_whole_seconds() -> None:
    now = 0.0
    rate = MessageRate(LocalBuckets(lambda: now))
    assert [await rate.take("a") for _ in range(BURST + 2)] == [*(0,) * BURST, 1, 1]
    assert await rate.take("b") == 0
    now = 0.5
    assert await rate.take("a") == 1
    now = 1.0
    assert [await rate.take("a"), await rate.take("a")] == [0, 1]


async def test_a_flood_writes_few_lines() -> None:
    now = 0.0
    rate = MessageRate(LocalBuckets(lambda: now), now=lambda: now)
    with capture_logs() as lines:
        for _ in range(BURST + 99):
            await rate.take("a")
        now = BURST / PER_SECOND  # the flood is over: the next one is told of anew
        for _ in range(BURST + 1):
            await rate.take("a")
    assert [line["count"] for line in lines] == [1, 10, 1]


async def test_floods_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_SWEEP_AT", 5)
    now = 0.0
    rate = MessageRate(LocalBuckets(lambda: now), now=lambda: now)
    for number in range(5 * (BURST + 1)):
        await rate.take(str(number % 5))
    assert len(rate._floods) == 5
    now = BURST / PER_SECOND
    for _ in range(BURST + 1):
        await rate.take("new")
    assert list(rate._floods) == ["new"]


async def test_processes_that_share_buckets_slow_a_session_together(
    make_house: Any, arrive_at: Any
) -> None:
    buckets = LocalBuckets(lambda: 0.0)
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            transport = httpx.ASGITransport(app=make_house(buckets=buckets).app)
            client = httpx.AsyncClient(transport=transport, base_url="http://chat.example")
            clients.append(await stack.enter_async_context(client))
        citizen = await arrive_at(clients[0])
        codes = []
        for number in range(BURST + 4):
            citizen.client = clients[number % 2]
            codes.append((await citizen.post()).status_code)
    assert codes == [202] * BURST + [429] * 4


def test_slots_are_counted_by_session() -> None:
    slots = StreamSlots(2)
    assert [slots.take("a"), slots.take("a"), slots.take("a"), slots.take("b")] == [
        *(True, True, False),
        True,
    ]
    slots.release("a")
    assert slots.take("a") is True
    for _ in range(2):
        slots.release("a")
    slots.release("b")
    assert slots._open == {}


def test_every_sentence_of_the_page_is_in_both_languages() -> None:
    for part in all_strings().values():
        for key, texts in part.items():
            assert set(texts) == {"ar", "en"}, key
            assert all(text.strip() for text in texts.values()), key
