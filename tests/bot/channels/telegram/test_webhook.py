"""The webhook over real HTTP: who may call it, what it takes, and that each update counts once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from bot.channels.telegram.webhook import MAX_BODY, PATH
from core.retry import RetryPolicy
from tests.support.serving import serving
from tests.support.telegram_line import SECRET, Counts, Line, app_of
from tests.support.telegram_server import Fault, TelegramServer

QUESTION = "كيف أجدد جوازي؟"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@contextlib.asynccontextmanager
async def webhook(line: Line, server: TelegramServer) -> AsyncIterator[str]:
    """The line's routes served, and known to Telegram; yields their origin."""
    async with serving(app_of(line)) as origin:
        await line.telegram.client.set_webhook(origin + PATH, SECRET)
        yield origin


@pytest.fixture
async def line(make_line) -> Line:
    return await make_line(
        telegram_mode="webhook", telegram_webhook_secret=SECRET, public_url="https://natiq.example"
    )


async def test_a_question_is_answered_word_for_word(line: Line, server: TelegramServer) -> None:
    async with webhook(line, server):
        server.says(5, QUESTION)
        assert await server.deliver() == [200]
    await line.handle()
    await line.deliver()
    assert server.told(5) == ["جواب faq-a.\nسطر ثان."]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", "سر"])
async def test_who_does_not_know_the_secret_is_refused(
    line: Line, server: TelegramServer, secret: str | None
) -> None:
    body = json.dumps(server.says(5, QUESTION)).encode()
    headers = {} if secret is None else {HEADER: secret.encode()}
    counts = Counts()
    async with webhook(line, server) as origin, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(origin + PATH, content=body, headers=headers)
        garbage = await client.post(origin + PATH, content=b"{" * 99, headers=headers)
    assert (answer.status_code, garbage.status_code) == (403, 403)
    assert await line.inbox() == []
    assert counts.since() == {"wrong secret": 2}


async def test_the_same_three_times_is_one_answer(line: Line, server: TelegramServer) -> None:
    update = server.says(5, QUESTION)
    counts = Counts()
    async with webhook(line, server):
        assert [await server.post(update) for _ in range(3)] == [200, 200, 200]
        await line.handle()
        assert await server.post(update) == 200
    await line.handle()
    await line.deliver()
    assert len(server.told(5)) == 1
    assert counts.since() == {"message": 1, "message, again": 3}


async def test_days_late_is_still_answered_once(line: Line, server: TelegramServer) -> None:
    update = server.says(5, QUESTION)
    update["message"]["date"] -= 6 * 86_400
    async with webhook(line, server):
        assert await server.post(update) == 200
        await line.handle()
        line.clock.advance(days=6)
        assert await server.post(update) == 200
    await line.handle()
    await line.deliver()
    assert len(server.told(5)) == 1


async def test_reordered_and_repeated_everything_is_handled_once(
    line: Line, server: TelegramServer
) -> None:
    updates = [server.says(who, QUESTION) for who in range(5, 15)]
    shuffled = updates * 3
    random.Random(7).shuffle(shuffled)
    async with webhook(line, server):
        assert {await server.post(update) for update in shuffled} == {200}
    await line.handle()
    await line.deliver()
    assert all(len(server.told(who)) == 1 for who in range(5, 15))


async def test_two_processes_and_both_ways_at_once_give_one_answer(
    make_line, line: Line, server: TelegramServer
) -> None:
    other, polling = (
        await make_line(
            telegram_mode="webhook", telegram_webhook_secret=SECRET, public_url="https://n.example"
        ),
        await make_line(),
    )
    updates = [server.says(who, QUESTION) for who in range(5, 11)]
    async with webhook(line, server) as one, serving(app_of(other)) as two:
        async with httpx.AsyncClient(headers={HEADER: SECRET}, timeout=60) as client:
            posts = [
                client.post(origin + PATH, json=update, timeout=30)
                for update in updates
                for origin in (one, two)
            ]
            answers = await asyncio.gather(*posts)
        assert {answer.status_code for answer in answers} == {200}
    await polling.poller.prepare()
    assert await polling.receive() == len(updates)
    await asyncio.gather(line.handle(), other.handle())
    for each in (line, other, polling):
        await each.deliver()
    assert all(len(server.told(who)) == 1 for who in range(5, 11))


async def test_200_only_after_the_commit_and_503_while_the_database_fails(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says(5, QUESTION)
    with monkeypatch.context() as broken:

        async def accept(_message):
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))

        broken.setattr(line.root.inbox, "accept", accept)
        async with webhook(line, server):
            assert await server.deliver() == [503]
            assert len(server.waiting) == 1, "so Telegram keeps it"
    async with webhook(line, server):
        assert await server.deliver() == [200]
    assert [row.text for row in await line.inbox()] == [QUESTION]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"words"',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"update_id": "7"}',
        b'{"update_id": 1e3}',
        b'{"update_id": ' + b"9" * 5000 + b"}",
        b"{}",
    ],
)
async def test_what_is_malformed_is_refused_without_a_5xx(
    line: Line, server: TelegramServer, body: bytes
) -> None:
    counts = Counts()
    async with webhook(line, server) as origin, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(origin + PATH, content=body, headers={HEADER: SECRET})
    assert answer.status_code == 400
    assert counts.since() == {"malformed": 1}


async def test_three_megabytes_are_read_and_more_is_refused(
    line: Line, server: TelegramServer
) -> None:
    update = server.says(5, QUESTION)
    small = len(json.dumps(update).encode()) + len(b', "more": ""')
    full = json.dumps({**update, "more": "x" * (MAX_BODY - small)}).encode()
    assert len(full) == MAX_BODY
    async with (
        webhook(line, server) as origin,
        httpx.AsyncClient(headers={HEADER: SECRET}, timeout=60) as web,
    ):
        over = await web.post(origin + PATH, content=full + b" ")
        assert (over.status_code, await line.inbox()) == (413, [])
        far_over = await web.post(origin + PATH, content=b"x" * 7_000_000)
        assert far_over.status_code == 413
        assert (await web.post(origin + PATH, content=full)).status_code == 200
    assert len(await line.inbox()) == 1


async def test_unknown_kinds_are_counted(line: Line, server: TelegramServer) -> None:
    counts = Counts()
    async with webhook(line, server):
        for number, kind in enumerate(["poll", "chat_member", "telepathy"], start=1):
            assert await server.post({"update_id": number, kind: {"x": 1}}) == 200
        assert await server.post({"update_id": 9}) == 200
        post = {"message_id": 1, "date": 1, "chat": {"id": -5, "type": "channel"}, "text": "x"}
        assert await server.post({"update_id": 10, "channel_post": post}) == 200
        assert await server.post({"update_id": 11, "message": "poison"}) == 200
    assert counts.since() == {"other kind": 4, "channel post": 1, "unreadable": 1}
    assert await line.inbox() == []


async def test_the_webhook_is_set_as_soon_as_telegram_can_be_reached(
    line: Line, server: TelegramServer
) -> None:
    """The start does not fail; it goes on trying."""
    line.keeper._retry = RetryPolicy(attempts=2**31, first=0.001, longest=0.002)
    faults = ["drop before", "500", "401", "429"]
    server.faulty = ("setWebhook",)
    server.fault = lambda _method, _parameters: (
        Fault(faults.pop(), retry_after=0) if faults else None  # type: ignore[arg-type]
    )
    async with asyncio.timeout(60):
        await line.telegram.run()
    assert server.webhook["url"] == "https://natiq.example" + PATH
    assert server.webhook["secret_token"] == SECRET
    assert server.webhook.get("drop_pending_updates", "false") == "false"
    assert line.telegram.me.username == "natiq_test_bot"
    assert server.commands["en"]


async def test_the_application_has_the_route_only_in_webhook_mode(
    make_line, line: Line, server: TelegramServer
) -> None:
    from bot.web.app import create_web

    polling = await make_line()
    for system, status in ((line, 403), (polling, 404)):
        transport = httpx.ASGITransport(app=create_web(system.root))
        async with httpx.AsyncClient(transport=transport, base_url="http://natiq") as client:
            assert (await client.post(PATH, json={})).status_code == status
