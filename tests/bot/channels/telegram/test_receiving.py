"""What people do on Telegram, and what comes of it: edits, groups, files, ids."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text as sql

from core.db.tables import Base
from core.errors import ChannelError, ConfigError
from core.logs import setup_logging
from tests.support.telegram_line import Counts, Line
from tests.support.telegram_server import LARGEST_FILE, Fault, TelegramServer
from tests.support.telegram_world import TOKEN, Chat

QUESTION = "كيف أجدد جوازي؟"


async def said(line: Line) -> list[str]:
    return [row.text for row in await line.inbox()]


async def test_an_edit_with_new_words_runs_once(line: Line, server: TelegramServer) -> None:
    first = server.says(5, "شكرا")
    await line.turn()
    edit = server.edits(first, QUESTION)
    await line.turn()
    for _ in range(3):  # the same again, and with another date: a link's preview was loaded, say
        server.waiting.append({**edit, "update_id": edit["update_id"] + 100})
        server.edits(edit, QUESTION)
        await line.turn()
    assert await said(line) == ["شكرا", QUESTION]
    assert len(server.told(5)) == 2


async def test_an_edit_that_changes_no_word_runs_nothing(
    line: Line, server: TelegramServer
) -> None:
    first = server.says(5, QUESTION)
    await line.turn()
    server.edits(first, QUESTION)
    await line.turn()
    assert len(server.told(5)) == 1


async def test_an_edit_before_handling_replaces_the_words(
    line: Line, server: TelegramServer
) -> None:
    server.edits(server.says(5, "غلط"), QUESTION)
    await line.turn()
    assert await said(line) == [QUESTION]
    assert len(server.told(5)) == 1


@pytest.mark.parametrize("texts", [("/menu", QUESTION), (QUESTION, "/menu")])
async def test_an_edit_makes_a_command_of_a_question_and_back(
    line: Line, server: TelegramServer, texts: tuple[str, str]
) -> None:
    server.edits(server.says(5, texts[0]), texts[1])
    await line.receive()
    (row,) = await line.inbox()
    assert (row.text, row.choice) == (texts[1], "menu" if texts[1] == "/menu" else None)


async def test_an_edit_that_overtakes_its_message_supersedes_it(
    line: Line, server: TelegramServer
) -> None:
    first = server.says(5, "غلط")
    edit = server.edits(first, QUESTION)
    server.waiting[:] = [edit, {**first, "update_id": edit["update_id"] + 1}]
    await line.turn()
    assert await said(line) == [QUESTION]
    assert len(server.told(5)) == 1


async def test_a_moving_location_is_one_message(line: Line, server: TelegramServer) -> None:
    first = server.says(5, location={"latitude": 1.0, "longitude": 2.0, "live_period": 900})
    for step in range(3):
        moved = {**first["message"], "edit_date": first["message"]["date"] + step + 1}
        server.put("edited_message", {**moved, "location": {"latitude": 1.1, "longitude": 2.2}})
    await line.turn()
    (row,) = await line.inbox()
    assert row.media["details"] == {"latitude": 1.0, "longitude": 2.0}


async def test_a_group_is_told_once_an_hour_that_the_bot_speaks_in_private(
    line: Line, server: TelegramServer
) -> None:
    group = server.meet(-1005, "supergroup")
    counts = Counts()
    server.membership(5, group, "left", "member")
    server.says(5, "حديث الناس", chat=group)
    server.says(6, "@natiq_test_bot شكواي سرية", chat=group)
    await line.turn()
    (row,) = await line.inbox()
    assert (row.choice, row.text) == ("group", "")
    (told,) = server.sent
    assert told.chat_id == -1005
    assert [button["url"] for button in told.buttons] == ["https://t.me/natiq_test_bot"]
    assert [row.origin_ref for row in await line.outbox()] == ["group_private"]
    assert counts.since() == {"group": 1, "group, not addressed": 1, "group, said lately": 1}
    line.clock.advance(minutes=61)
    late = server.says(6, "/start@natiq_test_bot", chat=group)
    late["message"]["date"] += 3660
    await line.turn()
    assert len(server.told(-1005)) == 2
    assert server.told(5) == server.told(6) == []


async def test_two_systems_tell_a_group_once(make_line, server: TelegramServer) -> None:
    one, other = await make_line(), await make_line()
    group = server.meet(-1005, "supergroup")
    for system in (one, other):
        await system.telegram.receiver.take(server.says(6, "/start", chat=group))
    assert len(await one.inbox()) == 1


async def test_a_groups_new_id_is_taken_over(line: Line, server: TelegramServer) -> None:
    group = server.meet(-5, "group")
    server.says(6, "/start", chat=group)
    await line.turn()
    (row,) = await line.inbox()
    server.says(6, chat=group, migrate_to_chat_id=-1005)
    server.says(6, chat=Chat(-1005, "supergroup"), migrate_from_chat_id=-5)
    await line.receive()
    async with line.root.db.read() as session:
        found = await line.root.contacts.find(session, "telegram", "-1005")
    assert found == row.conversation_id


async def test_being_blocked_is_counted(line: Line, server: TelegramServer) -> None:
    chat, counts = server.meet(5), Counts()
    server.membership(5, chat, "member", "kicked")
    server.membership(5, chat, "kicked", "member")
    await line.receive()
    assert counts.since() == {"blocked by the person": 1, "unblocked": 1}
    assert await line.inbox() == []


async def test_no_chat_id_and_no_token_is_anywhere_in_the_database(
    line: Line, server: TelegramServer, tmp_path: Path
) -> None:
    who = 912345678
    server.says(who, "سؤال غامض")
    await line.turn()
    server.taps(server.sent[0], "faq:faq-a", who)
    server.says(who, QUESTION)
    await line.turn()
    async with line.root.db.read() as session:
        for table in Base.metadata.tables:
            for row in await session.execute(sql(f'SELECT * FROM "{table}"')):  # noqa: S608
                assert str(who) not in repr(tuple(row)), table
    token = TOKEN.encode()
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(who).encode() not in content and token not in content, path


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the loggers as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_the_token_is_in_no_log_and_no_error(
    capfd: pytest.CaptureFixture[str],
    restored: None,
    line: Line,
    server: TelegramServer,
    tmp_path: Path,
) -> None:
    setup_logging("debug", "json")
    client = line.telegram.client
    for kind in ("401", "500", "502", "drop before", "drop after", "half", "429"):
        server.faulty = ("sendMessage", "getUpdates", "getMe", "getFile", "setWebhook")
        server.fault = lambda _method, _parameters, kind=kind: Fault(kind)  # type: ignore[misc]
        for attempt in (
            lambda: client.send(5, "x", []),
            lambda: client.updates(None, 0),
            client.username,
            lambda: client.download("f", tmp_path / "f", 9),
            lambda: client.set_webhook("https://x.example", "s"),
        ):
            with pytest.raises(ChannelError) as caught:
                await attempt()
            assert TOKEN not in repr(caught.value) + str(caught.value)
            assert caught.value.__suppress_context__
    server.fault = lambda _method, _parameters: None
    await line.telegram.client.delete_webhook()
    server.says(5, QUESTION)
    await line.turn()
    said = capfd.readouterr()
    assert "message sent" in said.err, "the logs must have been looked into"
    assert TOKEN not in said.out + said.err
    assert TOKEN.partition(":")[2] not in said.out + said.err
    assert TOKEN not in repr(line.root)


async def test_a_file_is_fetched_whole(line: Line, server: TelegramServer, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    server.says(5, document=server.file(content, "ورقة 1.pdf"), caption="انظروا")
    await line.receive()
    (row,) = await line.inbox()
    assert (row.text, row.media["kind"], row.media["size"]) == ("انظروا", "document", len(content))
    path = tmp_path / "fetched"
    await line.telegram.channel.fetch(row.media["ref"], path, len(content))
    assert path.read_bytes() == content


async def test_a_file_larger_than_allowed_is_not_fetched(
    line: Line, server: TelegramServer, tmp_path: Path
) -> None:
    small = server.file(b"x" * 1000, "small")
    with pytest.raises(ChannelError, match="too_large") as told:
        await line.telegram.channel.fetch(small["file_id"], tmp_path / "a", 999)
    big = server.file(b"x" * (LARGEST_FILE + 1), "big")
    with pytest.raises(ChannelError, match="too_large") as refused:
        await line.telegram.channel.fetch(big["file_id"], tmp_path / "b", LARGEST_FILE * 2)
    assert told.value.permanent and refused.value.permanent


async def test_the_bound_holds_whatever_size_telegram_tells(
    line: Line, server: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying = server.file(b"x" * 500_000, "lying")
    real = server._get_file
    monkeypatch.setattr(server, "_get_file", lambda p: {**real(p), "file_size": 10})
    with pytest.raises(ChannelError, match="too_large") as caught:
        await line.telegram.channel.fetch(lying["file_id"], tmp_path / "a", 100_000)
    assert caught.value.permanent
    assert (tmp_path / "a").stat().st_size <= 100_000


async def test_a_file_that_is_gone_is_said_so(
    line: Line, server: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChannelError, match="file_unavailable"):
        await line.telegram.channel.fetch("unknown", tmp_path / "a", 100)
    known = server.file(b"x", "known")
    monkeypatch.setattr(server, "_download", lambda _path: _not_found())
    with pytest.raises(ChannelError, match="gone") as caught:
        await line.telegram.channel.fetch(known["file_id"], tmp_path / "a", 100)
    assert caught.value.permanent


def _not_found():
    from tests.support.http_server import HttpAnswer

    return HttpAnswer(404, b"Not Found", "text/plain")


@pytest.mark.parametrize("token", ["", "abc", "123", "12:", ":x", "12:a b"])
async def test_what_is_no_token_is_refused_at_the_start(make_line, token: str) -> None:
    with pytest.raises(ConfigError, match="NATIQ_TELEGRAM_TOKEN"):
        await make_line(telegram_token=token or " ")


@pytest.mark.parametrize("secret", ["with space", "سر", "x" * 257])
async def test_a_secret_that_telegram_would_refuse_is_refused_at_the_start(
    make_line, secret: str
) -> None:
    with pytest.raises(ConfigError, match="NATIQ_TELEGRAM_WEBHOOK_SECRET"):
        await make_line(
            telegram_mode="webhook",
            telegram_webhook_secret=secret,
            public_url="https://natiq.example",
        )
