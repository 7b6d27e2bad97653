"""A Bot API server on this machine: people, chats, updates and limits, over real HTTP.

It keeps to the Bot API's rules and refuses what Telegram refuses, in Telegram's words. Every
breach of a limit, and every request that the specification does not allow (where it is at hand,
see `telegram_spec.py`), is noted in `violations`. Faults can be put in anywhere.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from core.text.split import units
from tests.support.http_server import HttpAnswer, HttpRequest, HttpServer, json_answer
from tests.support.telegram_spec import load_spec
from tests.support.telegram_world import BOT, TOKEN, Chat, Sent, TelegramWorld

#: How many messages in how many seconds, as the server counts them. Telegram lets short bursts
#: pass; so does this one, within the figures of https://core.telegram.org/bots/faq.
ALL = (30, 1.0)
CHAT = (3, 2.0)
GROUP = (20, 60.0)

#: A bot is given no larger file, in bytes.
LARGEST_FILE = 20 * 1024 * 1024

FaultKind = Literal[
    "429", "500", "502", "401", "drop before", "drop after", "hang before", "hang after", "half"
]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. "after" and "half": the request was carried out, but the
    answer does not come, or not whole."""

    kind: FaultKind
    retry_after: int = 1


class RefusedError(Exception):
    """An answer other than success, in the Bot API's form."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.body["parameters"] = parameters


class TelegramServer(TelegramWorld):
    """The server. `fault` is asked before each request of the methods in `faulty`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.http = HttpServer(self._serve)
        self.clock = clock
        self.token = TOKEN
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.violations: list[str] = []
        self.commands: dict[str, dict[str, str]] = {}
        self.taps_answered: list[str] = []
        self.allowed: list[str] = []
        self.fault: Callable[[str, dict[str, Any]], Fault | None] = lambda _method, _parameters: (
            None
        )
        self.faulty: tuple[str, ...] = ("sendMessage",)
        self.polls = 0
        self._over = asyncio.Event()
        self._past: dict[str, deque[float]] = defaultdict(deque)
        self._polling = 0

    @property
    def origin(self) -> str:
        return self.http.origin

    async def stop(self) -> None:
        self._over.set()
        await self.http.stop()

    # The Bot API.

    async def _serve(self, request: HttpRequest) -> HttpAnswer | None:
        _, where, *rest = request.path.split("/")
        if where == "file" and rest[0] == f"bot{self.token}":
            return self._download("/".join(rest[1:]))
        if not where.startswith("bot") or len(rest) != 1:
            return json_answer({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
        if where != f"bot{self.token}":
            return json_answer({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        method, parameters = rest[0], request.form()
        self.requests.append((method, parameters))
        spec = load_spec()
        if spec is not None:
            self.violations += spec.problems(method, parameters)
        fault = self.fault(method, parameters) if method in self.faulty else None
        if fault is not None and fault.kind not in ("drop after", "hang after", "half"):
            return await self._refuse(fault)
        try:
            result = await self._call(method, parameters, lost=fault is not None)
        except RefusedError as refused:
            return json_answer(refused.body, refused.status)
        answer = json_answer({"ok": True, "result": result})
        if fault is None:
            return answer
        if fault.kind == "half":
            return HttpAnswer(200, answer.body, cut=len(answer.body) // 2)
        if fault.kind == "hang after":
            await self._over.wait()
        return None

    async def _refuse(self, fault: Fault) -> HttpAnswer | None:
        if fault.kind == "429":
            refused = _too_many(fault.retry_after)
            return json_answer(refused.body, refused.status)
        if fault.kind == "401":
            return json_answer({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        if fault.kind == "500":
            body = {"ok": False, "error_code": 500, "description": "Internal Server Error"}
            return json_answer(body, 500)
        if fault.kind == "502":
            return HttpAnswer(502, b"<html><h1>Bad Gateway</h1></html>", "text/html")
        if fault.kind == "hang before":
            await self._over.wait()
        return None

    async def _call(self, method: str, parameters: dict[str, Any], *, lost: bool) -> Any:
        if method == "sendMessage":
            return self._send_message(parameters, answered=not lost)
        if method == "getUpdates":
            return await self._get_updates(parameters)
        if method == "getMe":
            return BOT
        if method == "setMyCommands":
            return self._set_my_commands(parameters)
        if method == "answerCallbackQuery":
            self.taps_answered.append(parameters["callback_query_id"])
            return True
        if method == "setWebhook":
            return self._set_webhook(parameters)
        if method == "deleteWebhook":
            self.webhook = {}
            return True
        if method == "getWebhookInfo":
            return {
                "url": self.webhook.get("url", ""),
                "has_custom_certificate": False,
                "pending_update_count": len(self.waiting),
            }
        if method == "getFile":
            return self._get_file(parameters)
        if method == "sendChatAction":
            return True
        raise RefusedError(404, "Not Found")

    def _send_message(self, parameters: dict[str, Any], *, answered: bool) -> dict[str, Any]:
        chat = self._chat(parameters)
        text = parameters.get("text", "")
        if not text.strip():
            raise self._broken("Bad Request: message text is empty")
        if units(text) > 4096:
            raise self._broken("Bad Request: message is too long")
        markup = json.loads(parameters.get("reply_markup", "{}"))
        buttons = [button for row in markup.get("inline_keyboard", []) for button in row]
        for button in buttons:
            self._check_button(button)
        self._count("all", ALL)
        self._count(f"chat {chat.id}", CHAT)
        if chat.type != "private":
            self._count(f"group {chat.id}", GROUP)
        sent = Sent(chat.id, next(self._message_ids[chat.id]), text, buttons, answered, parameters)
        self.sent.append(sent)
        return {
            "message_id": sent.message_id,
            "date": int(time.time()),
            "chat": chat.to_json(),
            "from": BOT,
            "text": text,
        }

    def _chat(self, parameters: dict[str, Any]) -> Chat:
        chat = self.chats.get(int(parameters["chat_id"]))
        if chat is None:
            raise RefusedError(400, "Bad Request: chat not found")
        if chat.moved_to is not None:
            raise RefusedError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.moved_to,
            )
        if chat.blocked:
            word = "blocked by the user" if chat.type == "private" else "kicked from the group chat"
            raise RefusedError(403, f"Forbidden: bot was {word}")
        return chat

    def _check_button(self, button: dict[str, Any]) -> None:
        data = button.get("callback_data")
        if not button.get("text"):
            raise self._broken("Bad Request: can't parse inline keyboard button: Text is empty")
        if data is not None and not 1 <= len(data.encode()) <= 64:
            raise self._broken("Bad Request: BUTTON_DATA_INVALID")
        if (data is None) == ("url" not in button):
            raise self._broken("Bad Request: inline keyboard button must have one optional field")

    def _broken(self, description: str) -> RefusedError:
        self.violations.append(description)
        return RefusedError(400, description)

    def _count(self, key: str, limit: tuple[int, float]) -> None:
        most, seconds = limit
        now, past = self.clock(), self._past[key]
        while past and past[0] <= now - seconds:
            past.popleft()
        if len(past) >= most:
            self.violations.append(f"too many: {key}")
            raise _too_many(max(1, round(past[0] + seconds - now + 0.5)))
        past.append(now)

    async def _get_updates(self, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        if self.webhook:
            raise RefusedError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        if self._polling:
            raise RefusedError(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one "
                "bot instance is running",
            )
        offset = int(parameters.get("offset", 0))
        self.waiting = [update for update in self.waiting if update["update_id"] >= offset]
        if "allowed_updates" in parameters:
            self.allowed = json.loads(parameters["allowed_updates"])
        self.polls += 1
        self._polling += 1
        try:
            if not self._allowed():
                self._new.clear()
                seconds = float(parameters.get("timeout", 0))
                await _first_of(self._new, self._over, seconds)
        finally:
            self._polling -= 1
        return self._allowed()[: int(parameters.get("limit", 100))]

    def _allowed(self) -> list[dict[str, Any]]:
        """The updates that were asked for; those of other kinds are not kept."""
        if self.allowed:
            self.waiting = [u for u in self.waiting if set(u) & set(self.allowed)]
        return self.waiting

    def _set_webhook(self, parameters: dict[str, Any]) -> bool:
        self.webhook = dict(parameters)
        if "allowed_updates" in parameters:
            self.allowed = json.loads(parameters["allowed_updates"])
        return True

    def _set_my_commands(self, parameters: dict[str, Any]) -> bool:
        commands = json.loads(parameters["commands"])
        for command in commands:
            if not 1 <= len(command["description"]) <= 256 or len(command["command"]) > 32:
                raise self._broken("Bad Request: BOT_COMMAND_INVALID")
        language = parameters.get("language_code", "")
        self.commands[language] = {c["command"]: c["description"] for c in commands}
        return True

    def _get_file(self, parameters: dict[str, Any]) -> dict[str, Any]:
        file_id = parameters["file_id"]
        content = self.files.get(file_id)
        if content is None:
            raise RefusedError(
                400, "Bad Request: wrong file_id or the file is temporarily unavailable"
            )
        if len(content) > LARGEST_FILE:
            raise RefusedError(400, "Bad Request: file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": file_id,
            "file_size": len(content),
            "file_path": f"documents/{file_id}",
        }

    def _download(self, path: str) -> HttpAnswer:
        content = self.files.get(path.removeprefix("documents/"))
        if content is None:
            return HttpAnswer(404, b"Not Found", "text/plain")
        return HttpAnswer(200, content, "application/octet-stream")


def _too_many(seconds: int) -> RefusedError:
    return RefusedError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


async def _first_of(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    tasks = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


@asynccontextmanager
async def telegram_server(
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[TelegramServer]:
    """A server that runs within the block."""
    server = TelegramServer(clock)
    await server.http.start()
    try:
        yield server
    finally:
        await server.stop()
