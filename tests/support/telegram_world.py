"""People and chats on a Telegram server for tests: who writes what, and what they were told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx

from core.text.split import units

TOKEN = "700100200:AAH-not-a-real-token_only-for-tests00"
BOT = {
    "id": 700100200,
    "is_bot": True,
    "first_name": "Natiq",
    "username": "natiq_test_bot",
    "can_join_groups": True,
}


@dataclass
class Chat:
    """One chat as the server knows it."""

    id: int
    type: str = "private"
    blocked: bool = False
    moved_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        name = {"first_name": "Citizen"} if self.type == "private" else {"title": "Group"}
        return {"id": self.id, "type": self.type, **name}


@dataclass(frozen=True)
class Sent:
    """A message that the bot sent. `answered`: the bot was told so."""

    chat_id: int
    message_id: int
    text: str
    buttons: list[dict[str, Any]]
    answered: bool
    parameters: dict[str, Any] = field(repr=False)

    def data(self, label: str) -> str:
        """The data of the button with this label."""
        return str(next(b["callback_data"] for b in self.buttons if b["text"] == label))


class TelegramWorld:
    """Chats, what was sent to them, and the updates that wait for the bot.

    What people do returns the update, which waits until it is asked for or delivered.
    """

    def __init__(self) -> None:
        self.chats: dict[int, Chat] = {}
        self.sent: list[Sent] = []
        self.files: dict[str, bytes] = {}
        self.webhook: dict[str, Any] = {}
        self.waiting: list[dict[str, Any]] = []
        self._new = asyncio.Event()
        self._update_ids = itertools.count(880_000_001)
        self._message_ids: dict[int, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._query_ids = itertools.count(1)

    def meet(self, chat_id: int, type_: str = "private") -> Chat:
        """A chat that the bot may write to."""
        return self.chats.setdefault(chat_id, Chat(chat_id, type_))

    def says(
        self, who: int, text: str | None = None, *, chat: Chat | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Somebody writes (in `chat`, or to the bot alone); `fields` are of the message."""
        return self.put("message", self.message(who, text, chat=chat, **fields))

    def edits(self, update: dict[str, Any], text: str, after: int = 1) -> dict[str, Any]:
        """The writer of a message changes it."""
        former = update.get("message") or update["edited_message"]
        date = former.get("edit_date", former["date"]) + after
        return self.put("edited_message", {**former, "text": text, "edit_date": date})

    def taps(self, sent: Sent, data: str, who: int | None = None) -> dict[str, Any]:
        """Somebody taps a button of a message of the bot's."""
        message = {
            "message_id": sent.message_id,
            "date": int(time.time()),
            "chat": self.chats[sent.chat_id].to_json(),
            "from": BOT,
            "text": sent.text,
            "reply_markup": {"inline_keyboard": [[button] for button in sent.buttons]},
        }
        query = {
            "id": f"{(who or sent.chat_id) << 32 | next(self._query_ids)}",
            "from": person(who or sent.chat_id),
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        return self.put("callback_query", query)

    def membership(self, who: int, chat: Chat, before: str, now: str) -> dict[str, Any]:
        """The bot is added, removed, blocked or unblocked."""
        return self.put(
            "my_chat_member",
            {
                "chat": chat.to_json(),
                "from": person(who),
                "date": int(time.time()),
                "old_chat_member": {"status": before, "user": BOT},
                "new_chat_member": {"status": now, "user": BOT},
            },
        )

    def message(
        self, who: int, text: str | None = None, *, chat: Chat | None = None, **fields: Any
    ) -> dict[str, Any]:
        """A message as Telegram writes it, its commands and mentions marked."""
        place = chat or self.meet(who)
        made = {
            "message_id": next(self._message_ids[place.id]),
            "date": int(time.time()),
            "chat": place.to_json(),
            "from": person(who),
            **fields,
        }
        if text is not None:
            made["text"] = text
            entities = _entities(text)
            if entities:
                made.setdefault("entities", entities)
        return made

    def put(self, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        """An update that waits."""
        update = {"update_id": next(self._update_ids), kind: value}
        self.waiting.append(update)
        self._new.set()
        return update

    def file(self, content: bytes, name: str) -> dict[str, Any]:
        """A file that somebody sent, as its fields in a message."""
        file_id = f"file-{name}"
        self.files[file_id] = content
        return {
            "file_id": file_id,
            "file_unique_id": f"u-{name}",
            "file_size": len(content),
            "file_name": name,
        }

    def told(self, chat_id: int) -> list[str]:
        """The texts that the bot sent to a chat."""
        return [sent.text for sent in self.sent if sent.chat_id == chat_id]

    async def deliver(self) -> list[int]:
        """Give what waits to the webhook, in order; what it does not take waits on."""
        statuses = []
        for update in list(self.waiting):
            status = await self.post(update)
            statuses.append(status)
            if status == 200:
                self.waiting.remove(update)
        return statuses

    async def post(self, update: Any) -> int:
        """Give one update to the webhook; returns the status."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                self.webhook["url"],
                json=update,
                headers={"X-Telegram-Bot-Api-Secret-Token": self.webhook["secret_token"]},
                timeout=30,
            )
        return answer.status_code


def person(user_id: int, language: str = "ar") -> dict[str, Any]:
    """A user who is no bot."""
    return {
        "id": user_id,
        "is_bot": False,
        "first_name": "Citizen",
        "language_code": language,
    }


def _entities(text: str) -> list[dict[str, Any]]:
    """Commands and mentions, their places in UTF-16 units."""
    found, at = [], 0
    for word in text.split(" "):
        kind = {"/": "bot_command", "@": "mention"}.get(word[:1])
        if kind is not None and len(word) > 1:
            found.append({"type": kind, "offset": at, "length": units(word)})
        at += units(word) + 1
    return found
