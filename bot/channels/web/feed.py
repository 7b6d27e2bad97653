"""What a session sees of its conversation: the history, and the live stream of events.

Both read SQL alone. A wake-up only says when to look; without one the stream looks every two
seconds, so that a message sent by another process appears as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sse_starlette.event import ServerSentEvent

from actions import codes
from bot.channels.web.channel import WEB
from core import conversations
from core.contacts import Contacts
from core.conversations import Utterance
from core.crypto import Vault
from core.db.engine import Database
from core.logs import get_logger
from core.wakeup import Wakeup, conversation_topic

log = get_logger(__name__)

#: Outbox states in which a message is visible to the citizen.
VISIBLE = ("sent", "delivered", "read")

#: Longest time between two looks, in seconds.
POLL = 2.0

#: How long one stream lasts, in seconds; then the client comes back with its cursor.
STREAM_SECONDS = 20 * 60.0

#: Milliseconds a client is asked to wait before it reconnects.
RECONNECT_MS = 2_000

#: Most messages that the history holds.
HISTORY = 200


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as its citizen sees it: messages, who speaks, whether an answer is due."""

    messages: list[dict[str, Any]]
    mode: str
    waiting: bool

    @property
    def state(self) -> dict[str, Any]:
        """The data of a `state` event."""
        return {"mode": self.mode, "waiting": self.waiting}


class Feed:
    """Reads conversations for web sessions."""

    def __init__(self, db: Database, contacts: Contacts, wakeup: Wakeup, vault: Vault) -> None:
        self._db = db
        self._contacts = contacts
        self._wakeup = wakeup
        self._vault = vault

    async def history(self, address: str, after: int) -> dict[str, Any]:
        """The last messages, oldest first: of the answers those after the outbox id `after`, of
        the citizen's own those that came since that answer was written."""
        async with self._db.read() as session:
            conversation_id = await self._contacts.find(session, WEB, address)
            if conversation_id is None:
                return {"messages": [], "cursor": after, "mode": "bot", "waiting": False}
            said = await conversations.transcript(session, conversation_id, HISTORY)
            state = await self._state(session, conversation_id)
        since = next((u.at for u in said if u.direction == "out" and u.id == after), None)
        shown = [u for u in said if _is_news(u, after, since)]
        cursor = max((u.id for u in shown if u.direction == "out"), default=after)
        return {"messages": [as_json(u) for u in shown], "cursor": cursor, **state.state}

    async def events(
        self, address: str, after: int, seconds: float = STREAM_SECONDS, poll: float = POLL
    ) -> AsyncIterator[ServerSentEvent]:
        """`message` events for the answers after the outbox id `after`, and a `state` event at
        the start and at each change, for at most `seconds`."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        shown: set[int] = set()
        cursor = after
        state: dict[str, Any] | None = None
        conversation_id: int | None = None
        retry: int | None = RECONNECT_MS
        while (left := ends - loop.time()) > 0:
            topic = (
                conversation_topic(conversation_id)
                if conversation_id is not None
                else self.newcomer_topic(address)
            )
            # Listen first and look then: what changes in between still wakes us.
            woken = asyncio.create_task(self._wakeup.wait(topic, min(poll, left)))
            try:
                await asyncio.sleep(0)
                known_before = conversation_id is not None
                async with self._db.read() as session:
                    if conversation_id is None:
                        conversation_id = await self._contacts.find(session, WEB, address)
                    view = await self._look(session, conversation_id, after)
                for message in view.messages:
                    number = message["id"]
                    if number in shown:
                        continue
                    shown.add(number)
                    # One with a smaller id may become visible late; it must not turn the
                    # client's cursor back.
                    late = number < cursor
                    cursor = max(cursor, number)
                    yield ServerSentEvent(
                        _one_line(message), event="message", id=None if late else str(number)
                    )
                if view.state != state:
                    state = view.state
                    yield ServerSentEvent(_one_line(state), event="state", retry=retry)
                    retry = None
                if known_before or conversation_id is None:
                    await woken
            finally:
                woken.cancel()

    def newcomer_topic(self, address: str) -> str:
        """The topic on which a session waits that has no conversation yet."""
        return f"conversation:new-{self._vault.lookup(address, 'web/newcomer')}"

    async def _look(self, session: AsyncSession, conversation_id: int | None, after: int) -> View:
        if conversation_id is None:
            return View([], conversations.BOT, False)
        answers = await conversations.answers_after(session, conversation_id, after, VISIBLE)
        state = await self._state(session, conversation_id)
        return View([as_json(u) for u in answers], state.mode, state.waiting)

    async def _state(self, session: AsyncSession, conversation_id: int) -> View:
        row = await conversations.load(session, conversation_id)
        return View([], row.mode, await conversations.is_waiting(session, conversation_id))


def _one_line(data: dict[str, Any]) -> str:
    """JSON without any character that some client might take for the end of a line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "\u0085\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _is_news(utterance: Utterance, after: int, since: datetime | None) -> bool:
    if utterance.direction == "out":
        return utterance.state in VISIBLE and utterance.id > after
    return since is None or utterance.at >= since


def as_json(utterance: Utterance) -> dict[str, Any]:
    """A message in the API's form. Field by field, so that nothing else of a row can slip out:
    neither a staff member nor a ticket behind an answer."""
    text = utterance.text
    if utterance.choice == "resume":
        text = codes.blank(text)  # not handled yet; afterwards it is blanked in the row
    common = {"at": utterance.at.isoformat(timespec="microseconds"), "text": text}
    if utterance.direction == "in":
        return {
            "direction": "in",
            "id": (utterance.external_id or "").rpartition(":")[2],
            **common,
            "choice": utterance.choice,
            "language": utterance.language,
            "state": "received" if utterance.state == "new" else "done",
        }
    return {
        "direction": "out",
        "id": utterance.id,
        **common,
        "language": utterance.language,
        "from": "staff" if utterance.origin_kind == "staff" else "bot",
        "choices": [
            {
                "value": choice["value"],
                "label": choice["label"],
                "description": choice.get("description", ""),
            }
            for choice in utterance.choices
        ],
        "links": [{"label": link["label"], "url": link["url"]} for link in utterance.links],
        "state": "sent" if utterance.state == "sent" else "delivered",
    }
