"""Long polling: committed before the offset moves, each update once, nothing in the way."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy.exc import OperationalError

from bot.channels.telegram.identity import NotStoredError
from core.errors import ChannelError
from core.retry import RetryPolicy
from tests.support.telegram_line import Counts, Line
from tests.support.telegram_server import Fault, TelegramServer

QUESTION = "كيف أجدد جوازي؟"


async def test_a_question_is_answered_word_for_word(line: Line, server: TelegramServer) -> None:
    server.says(5, QUESTION)
    await line.turn()
    assert server.told(5) == ["جواب faq-a.\nسطر ثان."]
    (sent,) = server.sent
    assert sent.buttons == [{"text": "الصفحة", "url": "https://example.org/a"}]
    assert "parse_mode" not in sent.parameters and "entities" not in sent.parameters


async def test_choices_come_back_and_are_answered(line: Line, server: TelegramServer) -> None:
    server.says(5, "سؤال غامض")
    await line.turn()
    (asked,) = server.sent
    query = server.taps(asked, asked.data("ما سؤال faq-b؟"))
    await line.turn()
    assert server.told(5)[1:] == ["جواب faq-b.\nسطر ثان."]
    tapped = (await line.inbox())[-1]
    assert (tapped.choice, tapped.text) == ("faq:faq-b", "ما سؤال faq-b؟")
    await line.telegram.receiver.settled()
    assert server.taps_answered == [query["callback_query"]["id"]]


async def test_a_start_takes_the_webhook_away_and_names_the_commands(
    line: Line, server: TelegramServer
) -> None:
    methods = [method for method, _ in server.requests]
    assert methods == ["deleteWebhook", "getMe", *["setMyCommands"] * 3]
    assert server.requests[0][1] in ({}, {"drop_pending_updates": "false"}), (
        "nothing is thrown away"
    )
    assert list(server.commands) == ["", "ar", "en"]
    names = ["start", "menu", "status", "human", "privacy", "language"]
    assert all(list(commands) == names for commands in server.commands.values())
    assert server.commands[""] == server.commands["ar"] != server.commands["en"]


async def test_commands_that_cannot_be_set_stop_nothing(line: Line, server: TelegramServer) -> None:
    server.faulty = ("setMyCommands",)
    server.fault = lambda _method, _parameters: Fault("500")
    await line.poller.prepare()
    server.says(5, QUESTION)
    await line.turn()
    assert len(server.told(5)) == 1


async def test_killed_between_commit_and_offset_there_is_one_answer(
    make_line, server: TelegramServer
) -> None:
    first, second = await make_line(), await make_line()
    server.says(5, QUESTION)
    await first.poller.step(long_poll=0)  # committed; it dies before it says so by the next offset
    assert len(server.waiting) == 1
    counts = Counts()
    await second.receive()
    assert counts.since() == {"message, again": 1}
    await second.handle()
    await second.deliver()
    assert len(server.told(5)) == 1
    assert server.waiting == []


async def test_while_the_database_fails_the_offset_stays(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("شكرا", QUESTION):
        server.says(5, text)
    real, calls = line.root.inbox.accept, []

    async def accept(message):
        calls.append(message.text)
        if len(calls) in (2, 3):
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        return await real(message)

    monkeypatch.setattr(line.root.inbox, "accept", accept)
    counts = Counts()
    for _ in range(2):
        with pytest.raises(NotStoredError):
            await line.poller.step(long_poll=0)
    assert [u["message"]["text"] for u in server.waiting] == [QUESTION], "the first was forgotten"
    await line.turn()
    assert calls == ["شكرا", QUESTION, QUESTION, QUESTION]
    assert len(server.told(5)) == 2
    assert counts.since() == {"message": 2, "not stored": 2}


@pytest.mark.parametrize(
    "poison",
    [
        {"message": "no object"},
        {"message": {"message_id": "x", "date": 1, "chat": {"id": 5, "type": "private"}}},
        {"message": {"message_id": 1, "date": 10**18, "chat": {"id": 5, "type": "private"}}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 10**40, "type": "private"}}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": ["private"]}}},
        {
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": 5, "type": "private"},
                "voice": {"file_id": 7},
            }
        },
        {"callback_query": {"id": 4}},
        {"my_chat_member": {"chat": {}}},
    ],
)
async def test_a_poison_update_is_counted_and_in_nobodys_way(
    line: Line, server: TelegramServer, poison: dict
) -> None:
    server.says(5, "شكرا")
    server.waiting.append({"update_id": server.waiting[-1]["update_id"] + 1, **poison})
    server.waiting.append(
        {"update_id": server.waiting[-1]["update_id"] + 1}
        | {"message": server.message(5, QUESTION)}
    )
    counts = Counts()
    await line.turn()
    assert counts.since() == {"message": 2, "unreadable": 1}
    assert len(server.told(5)) == 2
    assert server.waiting == []


async def test_an_update_without_a_number_is_no_endless_loop(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def updates(_offset, _seconds):
        return ["rubbish", {"message": {}}]

    monkeypatch.setattr(line.telegram.client, "updates", updates)
    with pytest.raises(ChannelError, match="bad_answer"):
        await line.poller.step(long_poll=0)


async def test_after_a_quiet_week_ids_may_begin_lower(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [[900], [12, 13]]
    offsets = []

    async def updates(offset, _seconds):
        offsets.append(offset)
        numbers = batches.pop(0) if batches else []
        return [{"update_id": n, "message": server.message(5, f"{n}")} for n in numbers]

    monkeypatch.setattr(line.telegram.client, "updates", updates)
    assert await line.receive() == 3
    assert offsets == [None, 901, 14]


async def test_a_start_needs_no_telegram_and_a_stop_waits_for_none(
    make_line, server: TelegramServer
) -> None:
    line = await make_line()
    server.faulty = ("deleteWebhook", "getUpdates")
    server.fault = lambda _method, _parameters: Fault("hang before")
    async with asyncio.timeout(60):
        await line.root.start(watch=False)
        while not server.requests:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        await line.root.stop()
    assert line.root.tasks == []


async def test_the_loop_lives_through_every_failure(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.poller._retry = RetryPolicy(attempts=2**31, first=0.001, longest=0.002)
    faults = ["500", "429", "401", "drop before", "drop after", "half", "502"]
    server.faulty = ("getUpdates", "getMe")
    server.fault = lambda _method, _parameters: (
        Fault(faults.pop(), retry_after=0) if faults else None  # type: ignore[arg-type]
    )
    server.says(5, QUESTION)
    running = asyncio.create_task(line.poller.run())
    try:
        async with asyncio.timeout(60):
            while not await line.inbox():
                assert not running.done()
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert faults == []
    assert [row.text for row in await line.inbox()] == [QUESTION]


async def test_a_second_poller_is_told_what_to_do(
    line: Line, server: TelegramServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.webhook = {"url": "https://elsewhere.example"}
    with pytest.raises(ChannelError, match="conflict") as caught:
        await line.poller.step(long_poll=0)
    line.poller._retry = RetryPolicy(attempts=2**31, first=0, longest=0)
    await line.poller._pause(1, caught.value)
    said = capsys.readouterr()
    assert "NATIQ_TELEGRAM_MODE=webhook" in said.out + said.err


async def test_only_the_kinds_that_are_read_are_asked_for(
    line: Line, server: TelegramServer
) -> None:
    server.put("poll", {"id": "1"})
    server.says(5, "شكرا")
    await line.receive()
    asked = next(p for m, p in server.requests if m == "getUpdates")
    assert json.loads(asked["allowed_updates"]) == [
        "message",
        "edited_message",
        "callback_query",
        "my_chat_member",
    ]
    assert len(await line.inbox()) == 1
