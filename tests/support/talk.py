"""A whole system over a SQLite file, driven one step at a time, with a clock that tests move."""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.mind import Mind
from bot.root import Root, build_app
from core.db.tables import (
    AttachmentRow,
    ConversationRow,
    InboxRow,
    OutboxRow,
    TicketEventRow,
    TicketRow,
)
from core.errors import ChannelError
from core.messages import (
    Delivery,
    Envelope,
    InboundMessage,
    Language,
    Media,
    OutboundMessage,
    Unlimited,
)
from core.settings import Settings

#: Sunday, half past nine in Riyadh: staff are at work until 15:00.
WORKDAY = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


class ManualClock:
    """The time, moved by hand."""

    def __init__(self, start: datetime = WORKDAY) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


class RecordingChannel(Unlimited):
    """Keeps what is sent; errors put into `troubles` are raised first, None lets one through.
    `files` is what people sent, by its id: the bytes, or the error to raise, or several of these,
    one for each attempt."""

    def __init__(self, name: str = "test") -> None:
        self._name = name
        self.sent: list[Envelope] = []
        self.troubles: deque[BaseException | None] = deque()
        self.files: dict[str, bytes | BaseException | list[bytes | BaseException]] = {}
        self.fetched: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    async def send(self, envelope: Envelope) -> Delivery:
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble is not None:
            raise trouble
        self.sent.append(envelope)
        return Delivery(f"ext-{envelope.outbox_id}")

    async def fetch(self, ref: str, path: Path, most: int) -> None:
        self.fetched.append(ref)
        held = self.files[ref]
        found = held.pop(0) if isinstance(held, list) else held
        if isinstance(found, BaseException):
            raise found
        if len(found) > most:
            path.write_bytes(found[:most])  # noqa: ASYNC240 - a test
            raise ChannelError("too_large", permanent=True)
        path.write_bytes(found)  # noqa: ASYNC240 - a test


class Talk:
    """Citizens who talk to a system. Each turn is carried through inbox, worker, outbox and
    sender; what it returns is what the citizen was sent."""

    def __init__(self, folder: Path, mind: Mind, **settings: Any) -> None:
        self.clock = ManualClock()
        self.channel = RecordingChannel()
        values: dict[str, Any] = {"data_dir": folder, "secret_key": "k" * 40, **settings}
        self.settings = Settings(_env_file=None, **values)
        self.root: Root = build_app(
            self.settings, channels={"test": self.channel}, mind=mind, clock=self.clock
        )
        assert self.root.worker is not None
        self.worker = self.root.worker
        self.mind = mind

    async def start(self) -> Talk:
        await self.root.db.migrate()
        return self

    async def stop(self) -> None:
        await self.root.stop()

    async def accept(
        self,
        text: str = "",
        choice: str | None = None,
        *,
        who: str = "citizen",
        external_id: str | None = None,
        language: Language | None = None,
        media: Media | None = None,
    ) -> int:
        """Only store a message; returns its conversation."""
        accepted = await self.root.inbox.accept(
            InboundMessage(
                channel="test",
                external_id=external_id or uuid.uuid4().hex,
                address=who,
                text=text,
                choice=choice,
                language=language,
                media=media,
            )
        )
        return accepted.conversation_id

    async def handle(self) -> int:
        """Let the worker handle what is due; returns how many it took."""
        count = 0
        while await self.worker.step():
            count += 1
        return count

    async def deliver(self) -> list[OutboundMessage]:
        """Let the sender send what is due."""
        before = len(self.channel.sent)
        while await self.root.sender.step():
            pass
        return [envelope.message for envelope in self.channel.sent[before:]]

    async def say(self, text: str, **more: Any) -> list[OutboundMessage]:
        """One turn."""
        await self.accept(text, **more)
        await self.handle()
        return await self.deliver()

    async def tap(self, choice: str, **more: Any) -> list[OutboundMessage]:
        """One turn with a button."""
        return await self.say("", choice=choice, **more)

    async def send(self, media: Media, caption: str = "", **more: Any) -> list[OutboundMessage]:
        """One turn with something besides words; its file is not fetched yet."""
        return await self.say(caption, media=media, **more)

    async def fetch(self) -> int:
        """Let the fetcher fetch what is due; returns how many it took."""
        count = 0
        while await self.root.fetcher.step():
            count += 1
        await self.root.fetcher.remove_discarded()
        return count

    async def attachments(self) -> list[AttachmentRow]:
        return await self.rows(AttachmentRow)

    def stored(self) -> list[Path]:
        """The files in the folder of attachments."""
        return sorted((self.settings.data_dir / "attachments").glob("*"))

    async def press(self, name: str, **more: Any) -> list[OutboundMessage]:
        """One turn with a button of the last message that had any, by its value without the form's
        id: `yes`, `change:where`."""
        for envelope in reversed(self.channel.sent):
            for choice in envelope.message.choices:
                if _without_id(choice.value) == name:
                    return await self.tap(choice.value, **more)
            if envelope.message.choices:
                break
        raise AssertionError(f"there is no button {name}")

    async def skip_to_summary(self, **more: Any) -> list[OutboundMessage]:
        """Skip what an open form still asks for; returns what was sent last."""
        for _ in range(8):
            said = await self.say("تخطي", **more)
            if "yes" in buttons(said[-1]):
                return said
        raise AssertionError("the form never came to its summary")

    async def complain(self, text: str, **more: Any) -> list[OutboundMessage]:
        """A whole complaint, with nothing but what happened."""
        await self.say(text, **more)
        await self.skip_to_summary(**more)
        return await self.say("نعم", **more)

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.root.db.read() as session:
            return list(await session.scalars(select(table).where(*where).order_by(table.id)))

    async def conversation(self, who: str = "citizen") -> ConversationRow:
        async with self.root.db.read() as session:
            found = await self.root.contacts.find(session, "test", who)
            assert found is not None
            row = await session.get(ConversationRow, found)
            assert row is not None
            return row

    async def tickets(self) -> list[TicketRow]:
        return await self.rows(TicketRow)

    async def outbox(self) -> list[OutboxRow]:
        return await self.rows(OutboxRow)

    async def inbox(self) -> list[InboxRow]:
        return await self.rows(InboxRow)

    async def statement(self, ticket: TicketRow) -> str:
        """What the ticket was opened with."""
        events = await self.rows(TicketEventRow, TicketEventRow.ticket_id == ticket.id)
        return str(events[0].text)


def refs(messages: Sequence[OutboundMessage]) -> list[str]:
    """Which approved texts they are."""
    return [message.origin.ref for message in messages]


def buttons(message: OutboundMessage) -> list[str]:
    """The values of its choices, without the id of the form that they belong to."""
    return [_without_id(choice.value) for choice in message.choices]


def _without_id(value: str) -> str:
    return re.sub(r"^(yes|no|cancel|skip|change|remove):[0-9]+", r"\1", value)
