"""Telegram as a channel of the sender.

Texts go out as they stand: no `parse_mode` is ever given, so nothing in them is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.telegram.buttons import Button, data_of, label_of
from bot.channels.telegram.identity import TELEGRAM, ChatMovedError, Me
from core.contacts import Contacts
from core.db.engine import Database, retry_on_contention
from core.errors import ChannelError
from core.logs import get_logger
from core.messages import Delivery, Envelope, Pace
from core.queues.outbox import TextLimits

if TYPE_CHECKING:  # the client library is loaded only where Telegram is on
    from bot.channels.telegram.client import BotClient

log = get_logger(__name__)

#: 4,096 UTF-16 units, with buttons or without (https://core.telegram.org/bots/api#sendmessage).
TEXT_LIMITS = TextLimits(4096, 4096)

#: Telegram's figures (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this):
#: about 30 messages a second over all, one a second in a chat, 20 a minute in a group. The counts
#: stay a little below, because what leaves evenly does not arrive evenly.
ALL = (26, 1.0)
CHAT = (1, 1.0)
GROUP = (19, 60.0)


class TelegramChannel:
    """Sends to Telegram and fetches files from it (`core.messages.Channel`, `MediaSource`)."""

    def __init__(self, client: BotClient, me: Me, db: Database, contacts: Contacts) -> None:
        self._client = client
        self._me = me
        self._db = db
        self._contacts = contacts

    @property
    def name(self) -> str:
        """`telegram`."""
        return TELEGRAM

    @property
    def private_link(self) -> str | None:
        """Where people can write to the bot alone; None until its name is known."""
        return self._me.link

    @property
    def reply_window(self) -> timedelta | None:
        """None: who has written once may be written to at any time."""
        return None

    def pace(self) -> Pace | None:
        """See `ALL`."""
        return Pace(TELEGRAM, *ALL)

    def paces(self, envelope: Envelope) -> Sequence[Pace]:
        """See `CHAT` and `GROUP`. A group's chat id is negative."""
        key = f"{TELEGRAM}:{envelope.conversation_id}"
        paces = [Pace(key, *CHAT)]
        if envelope.address.startswith("-"):
            paces.append(Pace(f"{key}:group", *GROUP))
        return paces

    async def send(self, envelope: Envelope) -> Delivery:
        """Send the text with its choices and links as buttons, one in a row.

        A group that has become a supergroup is sent to again under its new id, and the contact
        keeps that.

        Raises:
            ChannelError: permanent for a chat that has blocked the bot (`blocked`) and for what
                Telegram refuses; `uncertain` where no answer came.
        """
        try:
            await self._send(envelope, envelope.address)
        except ChatMovedError as moved:
            await self._move(envelope.address, moved.address)
            await self._send(envelope, moved.address)
        return Delivery()

    async def fetch(self, ref: str, path: Path, most: int) -> None:
        """Write the file with this `file_id` to `path`; see `MediaSource.fetch`."""
        await self._client.download(ref, path, most)

    async def _send(self, envelope: Envelope, address: str) -> None:
        message = envelope.message
        buttons = [
            Button(label_of(choice), data=data_of(choice, envelope.outbox_id, place))
            for place, choice in enumerate(message.choices)
        ]
        buttons += [Button(link.label, url=link.url) for link in message.links]
        try:
            chat_id = int(address)
        except ValueError:
            raise ChannelError("bad_address", permanent=True) from None
        await self._client.send(chat_id, message.text, buttons)

    async def _move(self, old: str, new: str) -> None:
        async def attempt() -> None:
            async with self._db.write() as session:
                await self._contacts.move(session, TELEGRAM, old, new)

        await retry_on_contention(attempt)
        log.info("group has a new id", channel=TELEGRAM)
