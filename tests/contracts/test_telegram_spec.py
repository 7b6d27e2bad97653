"""The Bot API's specification against our code: every kind of update, and every request we make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.telegram.webhook import PATH
from core.messages import Link
from tests.support.minds import scripted_mind
from tests.support.serving import serving
from tests.support.telegram_line import SECRET, Counts, Line, TickingClock, app_of
from tests.support.telegram_server import telegram_server
from tests.support.telegram_spec import Spec, spec_or_skip

HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


@pytest.fixture(scope="module")
def spec() -> Spec:
    return spec_or_skip()


async def posted(folder: Path, updates: list[dict[str, Any]]) -> tuple[list[int], dict[str, int]]:
    """Statuses of the webhook for the updates, and how they were counted."""
    clock = TickingClock()
    async with telegram_server(clock.seconds) as server:
        line = await Line(server, folder, scripted_mind([], {}), clock).start()
        counts = Counts()
        try:
            async with (
                serving(app_of(line)) as origin,
                httpx.AsyncClient(headers=HEADERS, timeout=60) as web,
            ):
                statuses = [
                    (await web.post(origin + PATH, json=update, timeout=30)).status_code
                    for update in updates
                ]
        finally:
            await line.stop()
        return statuses, counts.since()


async def test_every_kind_of_update_is_taken_and_counted(spec: Spec, tmp_path: Path) -> None:
    kinds = [field for field in spec.fields("Update") if field["name"] != "update_id"]
    assert len(kinds) >= 25
    updates = [
        {"update_id": number, field["name"]: spec.of_field(field)}
        for number, field in enumerate(kinds, start=1)
    ]
    statuses, counts = await posted(tmp_path, updates)
    assert set(statuses) == {200}
    assert sum(counts.values()) == len(updates)
    assert "unreadable" not in counts
    read = {"message", "edited_message", "callback_query", "my_chat_member"}
    posts = {"channel_post", "edited_channel_post"}
    assert counts["other kind"] == len({field["name"] for field in kinds} - read - posts)


async def test_every_field_of_a_message_is_taken_and_counted(spec: Spec, tmp_path: Path) -> None:
    updates = []
    for chat in ("private", "supergroup"):
        for field in spec.fields("Message"):
            message = spec.minimal("Message")
            message["chat"] = {"id": 5 if chat == "private" else -5, "type": chat}
            message["message_id"] = len(updates)
            message[field["name"]] = spec.of_field(field)
            updates.append({"update_id": len(updates) + 1, "message": message})
    statuses, counts = await posted(tmp_path, updates)
    assert set(statuses) == {200}
    assert sum(counts.values()) == len(updates) >= 200
    assert "unreadable" not in counts


async def test_our_requests_are_the_specifications(spec: Spec, tmp_path: Path) -> None:
    clock = TickingClock()
    async with telegram_server(clock.seconds) as server:
        line = await Line(server, tmp_path, scripted_mind([], {}), clock).start()
        try:
            await line.telegram.client.set_webhook("https://natiq.example" + PATH, SECRET)
            await line.telegram.client.webhook_info()
            await line.poller.prepare()
            server.says(5, "سلام")
            await line.turn()
            await line.send(5, "أي هذه؟", "none", links=(Link("صفحة", "https://example.org"),))
            server.taps(server.sent[-1], "none")
            await line.receive()
            await line.telegram.receiver.settled()
            file = server.file(b"x", "x")
            await line.telegram.channel.fetch(file["file_id"], tmp_path / "x", 9)
        finally:
            await line.stop()
        used = {method for method, _ in server.requests}
        assert used >= {"sendMessage", "getUpdates", "getMe", "setMyCommands", "setWebhook"}
        assert used >= {"deleteWebhook", "getWebhookInfo", "answerCallbackQuery", "getFile"}
        assert server.violations == []


@pytest.mark.parametrize(
    "method, parameters, problem",
    [
        ("sendMessage", {"chat_id": "5"}, "sendMessage.text: missing"),
        ("sendMessage", {"chat_id": "5", "text": "x", "markup": "{}"}, "not in the specification"),
        ("getUpdates", {"offset": "x"}, "getUpdates.offset: not Integer"),
        ("sendMessage", {"chat_id": "5", "text": "x", "reply_markup": '{"rows": []}'}, "not"),
        ("setWebhook", {"url": "x", "allowed_updates": '"message"'}, "not Array of String"),
        ("sendSong", {}, "no such method"),
    ],
)
def test_the_check_finds_what_is_wrong(
    spec: Spec, method: str, parameters: dict[str, str], problem: str
) -> None:
    (found,) = spec.problems(method, parameters)
    assert problem in found
