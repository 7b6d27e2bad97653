"""Both queues over one database, with short ways to write to them and to look into them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from core.contacts import Contacts
from core.db.engine import Database
from core.db.tables import InboxRow, OutboxRow
from core.messages import InboundMessage, Origin, OutboundMessage, text_hash
from core.queues import inbox as inbox_module
from core.queues import outbox as outbox_module
from core.queues.inbox import Accepted, Inbox
from core.queues.outbox import Outbox
from core.queues.parts import TextLimits
from core.queues.receipts import Receipts
from core.wakeup import LocalWakeup
from tests.support.clock import MovableClock

CHANNELS = ("web",)


def reply(text: str = "تُجدَّد الجوازات في كل فرع.") -> OutboundMessage:
    """An approved answer to put into the outbox."""
    return OutboundMessage(text, Origin("faq", "passport-renew", text_hash(text)), "ar")


@dataclass
class Queues:
    """What one process has of the queues; several may stand on one database."""

    db: Database
    contacts: Contacts
    clock: MovableClock
    wakeup: LocalWakeup = field(default_factory=LocalWakeup)
    ids: itertools.count[int] = field(default_factory=itertools.count)
    limits: Mapping[str, TextLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.db, self.contacts, self.wakeup, self.clock)
        self.outbox = Outbox(self.db, self.contacts, self.clock, self.limits)
        self.receipts = Receipts(self.db, self.clock)

    async def says(
        self,
        text: str = "مرحبا",
        who: str = "citizen-1",
        external_id: str | None = None,
        *,
        edit_of: str | None = None,
        sent_at: datetime | None = None,
    ) -> Accepted:
        """A citizen writes on the web."""
        made = external_id or f"m{next(self.ids)}"
        return await self.inbox.accept(
            InboundMessage("web", made, who, text, edit_of=edit_of, sent_at=sent_at)
        )

    async def answer(self, conversation_id: int, *texts: str) -> list[int]:
        """Put answers into the outbox, each in a transaction of its own."""
        made = []
        for text in texts:
            async with self.db.write() as session:
                made.append(
                    await self.outbox.put(session, conversation_id, reply(text), correlation="c")
                )
        return made

    async def claim_work(self) -> inbox_module.Claimed:
        """Claim a message that must be there."""
        claimed = await self.inbox.claim()
        assert claimed is not None
        return claimed

    async def claim_send(self, channels: Sequence[str] = CHANNELS) -> outbox_module.Claimed:
        """Claim an answer that must be there."""
        claimed = await self.outbox.claim(channels)
        assert claimed is not None
        return claimed

    async def finish(self, claimed: inbox_module.Claimed, state: str = "done") -> None:
        """Finish in a transaction of its own."""
        async with self.db.write() as session:
            await self.inbox.finish(session, claimed, state)

    async def inbox_rows(self) -> list[InboxRow]:
        """All inbox rows by id."""
        async with self.db.read() as session:
            return list(await session.scalars(select(InboxRow).order_by(InboxRow.id)))

    async def outbox_rows(self) -> list[OutboxRow]:
        """All outbox rows by id."""
        async with self.db.read() as session:
            return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.id)))
