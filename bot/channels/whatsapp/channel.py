"""WhatsApp as a channel of the sender, and as a source of the files that people send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bot.channels.whatsapp.compose import ListLabel, compose
from bot.channels.whatsapp.graph import Graph
from bot.channels.whatsapp.identity import WHATSAPP, hashed_id
from core.crypto import Vault
from core.messages import Delivery, Envelope, Pace

#: Meta takes a free text for 24 hours after the person's last message
#: (https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages);
#: a few minutes less, because clocks differ and a message may wait to be sent.
REPLY_WINDOW = timedelta(hours=24) - timedelta(minutes=5)

#: Meta's figure is 80 messages a second for one number, received ones included
#: (https://developers.facebook.com/docs/whatsapp/throughput); the rest is left to those.
PER_SECOND = 60

#: To one person: one message in six seconds on average; bursts of up to 45 are borrowed from the
#: time after them (https://developers.facebook.com/docs/whatsapp/cloud-api/overview, "pair rate
#: limits"). So many in so many seconds is that average, with room for a lively talk.
PER_PERSON = 20
PER_PERSON_SECONDS = 120.0


class WhatsAppChannel:
    """Implements `core.messages.Channel` and `core.messages.MediaSource`."""

    def __init__(self, graph: Graph, vault: Vault, list_label: ListLabel) -> None:
        self._graph = graph
        self._vault = vault
        self._list_label = list_label

    @property
    def name(self) -> str:
        """See `Channel.name`."""
        return WHATSAPP

    @property
    def reply_window(self) -> timedelta | None:
        """See `Channel.reply_window`."""
        return REPLY_WINDOW

    def pace(self) -> Pace | None:
        """See `Channel.pace`."""
        return Pace(WHATSAPP, PER_SECOND, 1.0)

    def paces(self, envelope: Envelope) -> Sequence[Pace]:
        """See `Channel.paces`; the key is the conversation, never the address."""
        key = f"{WHATSAPP}:{envelope.conversation_id}"
        return (Pace(key, PER_PERSON, PER_PERSON_SECONDS),)

    async def send(self, envelope: Envelope) -> Delivery:
        """See `Channel.send`. The id that is kept is the hash of Meta's, by which its receipts are
        found."""
        kind, content = compose(envelope.message, self._list_label)
        message_id = await self._graph.send(envelope.address, kind, content)
        return Delivery(hashed_id(self._vault, message_id) if message_id else None)

    async def fetch(self, ref: str, path: Path, most: int) -> None:
        """See `MediaSource.fetch`."""
        await self._graph.download(ref, path, most)

    async def close(self) -> None:
        """Close the connections to Meta."""
        await self._graph.close()
