"""The outbox: messages to send, kept until their channel took them or gave them up.

Rows are written in the same transaction as the action that causes them. The sender claims a
conversation's oldest unsent message, so messages arrive in order. A row is marked `sending`
before the request goes out; one found in that state later may have been delivered already, and
is sent again with `maybe_doubled` set, because no platform offers an idempotent send.

A text that is longer than its channel takes becomes several rows, so that each part is sent, and
tried again, by itself. Where a platform lets us speak freely only for a while after the person
wrote, a message that comes too late is `held`: a notice goes out in its stead, once, and what is
held goes out, in order, when the person writes or taps again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.db.engine import Database
from core.db.tables import ConversationRow, OutboxRow
from core.errors import NatiqError
from core.logs import get_logger
from core.messages import Envelope, OutboundMessage, text_hash
from core.queues import leases, receipts
from core.queues.leases import Lease
from core.text.split import split, units

log = get_logger(__name__)

#: Longer than any channel's time-out, so that a slow request is not sent by a second sender.
LEASE = timedelta(seconds=30)

#: How long a message waits whose address or payload cannot be read (a wrong secret key, say).
UNREADABLE = timedelta(minutes=1)

_UNSENT = ("pending", "sending")


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How long a text a channel takes in one message, in UTF-16 code units: without buttons, and
    with them. `links_in_text`: links stand as lines beneath the text and count with it."""

    text: int
    with_choices: int
    links_in_text: bool = False


def parts_of(message: OutboundMessage, limits: TextLimits | None) -> list[OutboundMessage]:
    """The message as the channel takes it; choices and links stay with the last part."""
    if limits is None or message.template is not None:
        return [message]
    last = limits.with_choices if message.choices else limits.text
    if limits.links_in_text:
        last -= sum(units(f"\n{link.label}\n{link.url}") + 1 for link in message.links)
    texts = split(message.text, limits.text, max(last, 16))
    parts = [replace(message, text=text, choices=(), links=()) for text in texts[:-1]]
    return [*parts, replace(message, text=texts[-1])]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message under a lease, with the address it goes to; its attempt already counted."""

    envelope: Envelope
    channel: str
    lease: Lease
    attempt: int
    window_start: datetime | None = None
    last_inbound_at: datetime | None = None


class Outbox:
    """Stores, claims and finishes outbound messages. `limits` names the channels whose texts are
    cut into parts."""

    def __init__(
        self,
        db: Database,
        contacts: Contacts,
        clock: Clock = utc_now,
        limits: Mapping[str, TextLimits] | None = None,
    ) -> None:
        self._db = db
        self._contacts = contacts
        self._clock = clock
        self._limits = limits or {}

    async def put(
        self,
        session: AsyncSession,
        conversation_id: int,
        message: OutboundMessage,
        *,
        correlation: str,
        inbox_id: int | None = None,
        ticket_id: int | None = None,
    ) -> int:
        """Add a message in the caller's transaction; returns the row's id (of the last part, where
        it becomes several). The caller wakes `OUTBOX` after the commit."""
        channel = await session.scalar(
            select(ConversationRow.channel).where(ConversationRow.id == conversation_id)
        )
        limits = self._limits.get(channel or "")
        for part in parts_of(message, limits):
            row = self._row(conversation_id, channel or "", part, correlation, inbox_id, ticket_id)
            session.add(row)
            await session.flush()  # one by one: the ids keep the order of the parts
        return row.id

    def _row(
        self,
        conversation_id: int,
        channel: str,
        message: OutboundMessage,
        correlation: str,
        inbox_id: int | None,
        ticket_id: int | None,
    ) -> OutboxRow:
        now = self._clock()
        return OutboxRow(
            conversation_id=conversation_id,
            channel=channel,
            inbox_id=inbox_id,
            ticket_id=ticket_id,
            correlation=correlation,
            payload=message.to_payload(),
            origin_kind=message.origin.kind,
            origin_ref=message.origin.ref,
            approved_hash=message.origin.approved_hash,
            text_hash=text_hash(message.text),
            state="pending",
            not_before=now,
            created_at=now,
        )

    async def claim(self, channels: Sequence[str]) -> Claimed | None:
        """Lease the conversation (on one of the channels) whose first unsent message is due and
        oldest, and mark that message `sending`; None when nothing is due.

        A message whose address or payload cannot be read waits, so that it holds up no other
        conversation."""
        now = self._clock()
        async with self._db.read() as session:
            candidates = (await session.scalars(_due(now, channels).limit(16))).all()
        for conversation_id in candidates:
            async with self._db.write() as session:
                lease = await leases.claim(session, "send", conversation_id, now, LEASE)
                if lease is None:
                    continue
                row = await session.scalar(
                    select(OutboxRow)
                    .where(
                        OutboxRow.conversation_id == conversation_id, OutboxRow.state.in_(_UNSENT)
                    )
                    .order_by(OutboxRow.id)
                    .limit(1)
                )
                if row is None or row.not_before > now:
                    await leases.check(session, lease, None)
                    continue
                try:
                    address = await self._contacts.address_of(session, conversation_id)
                    message = OutboundMessage.from_payload(row.payload)
                except (NatiqError, KeyError, TypeError, ValueError) as error:
                    log.error("message cannot be read", outbox=row.id, reason=type(error).__name__)
                    row.not_before = now + UNREADABLE
                    row.failure = type(error).__name__
                    await leases.check(session, lease, None)
                    continue
                row.maybe_doubled = row.maybe_doubled or row.state == "sending"
                row.state = "sending"
                row.attempts += 1
                person = (
                    await session.execute(
                        select(ConversationRow.window_start, ConversationRow.last_inbound_at).where(
                            ConversationRow.id == conversation_id
                        )
                    )
                ).one()
                envelope = Envelope(row.id, conversation_id, address, message, row.correlation)
                return Claimed(envelope, row.channel, lease, row.attempts, *person)
        return None

    async def sent(self, claimed: Claimed, external_id: str | None) -> None:
        """The channel took the message; what the platform said of it meanwhile is taken up.

        Raises:
            StaleLeaseError: another sender took the lease over (and may have sent it as well).
        """
        values: dict[str, object] = {"state": "sent", "failure": None}
        async with self._db.write() as session:
            if external_id is not None:
                early = await receipts.take(session, claimed.channel, external_id)
                if early is not None:
                    values = {"state": early[0], "failure": early[1]}
            await self._settle(
                session, claimed, **values, sent_at=self._clock(), external_id=external_id
            )

    async def defer(self, claimed: Claimed, delay: timedelta) -> None:
        """Not now, for the sake of the platform's pace: nothing was tried, no attempt is counted.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        async with self._db.write() as session:
            await self._settle(
                session,
                claimed,
                state="pending",
                not_before=self._clock() + delay,
                attempts=claimed.attempt - 1,
            )

    async def hold(self, claimed: Claimed, notice: OutboundMessage | None, reason: str) -> bool:
        """The platform's window is closed: keep the message, and whatever else waits for this
        person, until they write again; put the notice first unless one is out since then already.
        Returns whether a notice was put.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        conversation_id = claimed.envelope.conversation_id
        async with self._db.write() as session:
            await self._settle(
                session,
                claimed,
                state="held",
                failure=reason[:100],
                attempts=claimed.attempt - 1,
            )
            if notice is None or await self._noticed(session, claimed, notice):
                return False
            await self.put(
                session, conversation_id, notice, correlation=claimed.envelope.correlation_id
            )
            return True

    async def _noticed(
        self, session: AsyncSession, claimed: Claimed, notice: OutboundMessage
    ) -> bool:
        query = select(OutboxRow.id).where(
            OutboxRow.conversation_id == claimed.envelope.conversation_id,
            OutboxRow.origin_kind == notice.origin.kind,
            OutboxRow.origin_ref == notice.origin.ref,
            OutboxRow.state.in_((*_UNSENT, *receipts.PROGRESS)),
        )
        if claimed.last_inbound_at is not None:
            query = query.where(OutboxRow.created_at >= claimed.last_inbound_at)
        return await session.scalar(query.limit(1)) is not None

    async def postpone(
        self, claimed: Claimed, delay: timedelta, reason: str, *, uncertain: bool
    ) -> None:
        """Try again later; the conversation's later messages wait behind it.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        values: dict[str, object] = {
            "state": "pending",
            "not_before": self._clock() + delay,
            "failure": reason[:100],
        }
        if uncertain:
            values["maybe_doubled"] = True
        async with self._db.write() as session:
            await self._settle(session, claimed, **values)

    async def give_up(self, claimed: Claimed, reason: str) -> None:
        """Stop trying; the row stays as a dead letter, shown on the desk.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        async with self._db.write() as session:
            await self._settle(session, claimed, state="failed", failure=reason[:100])

    async def _settle(self, session: AsyncSession, claimed: Claimed, **values: object) -> None:
        await leases.check(session, claimed.lease, None)
        await session.execute(
            update(OutboxRow).where(OutboxRow.id == claimed.envelope.outbox_id).values(**values)
        )

    async def mark_delivered(
        self, session: AsyncSession, ids: Sequence[int], conversation_id: int
    ) -> None:
        """The channel says that these messages reached the person's device."""
        await session.execute(
            update(OutboxRow)
            .where(
                OutboxRow.id.in_(ids),
                OutboxRow.conversation_id == conversation_id,
                OutboxRow.state == "sent",
            )
            .values(state="delivered")
        )

    async def waiting(self, channels: Sequence[str] | None = None) -> int:
        """How many messages wait to be sent, on all channels or on some."""
        query = select(func.count()).select_from(OutboxRow).where(OutboxRow.state.in_(_UNSENT))
        if channels is not None:
            query = query.where(OutboxRow.channel.in_(channels))
        async with self._db.read() as session:
            return await session.scalar(query) or 0


async def release_held(session: AsyncSession, conversation_id: int, now: datetime) -> None:
    """The person wrote, so what was held may go out, in the caller's transaction. Whoever calls
    wakes `OUTBOX` after the commit."""
    await session.execute(
        update(OutboxRow)
        .where(OutboxRow.conversation_id == conversation_id, OutboxRow.state == "held")
        .values(state="pending", not_before=now, failure=None)
    )


def _due(now: datetime, channels: Sequence[str]):  # type: ignore[no-untyped-def]
    earlier = aliased(OutboxRow)
    return (
        select(OutboxRow.conversation_id)
        .join(ConversationRow, ConversationRow.id == OutboxRow.conversation_id)
        .where(
            OutboxRow.state.in_(_UNSENT),
            OutboxRow.channel.in_(channels),
            OutboxRow.not_before <= now,
            (ConversationRow.send_until.is_(None)) | (ConversationRow.send_until <= now),
            ~exists().where(
                earlier.conversation_id == OutboxRow.conversation_id,
                earlier.state.in_(_UNSENT),
                earlier.id < OutboxRow.id,
            ),
        )
        .order_by(OutboxRow.id)
    )
