"""The outbox: messages to send, kept until their channel took them or gave them up.

Rows are written in the same transaction as the action that causes them. The sender claims a
conversation's oldest unsent message, so messages arrive in order. A row is marked `sending`
before the request goes out; one found in that state later may have been delivered already, and
is sent again with `maybe_doubled` set, because no platform offers an idempotent send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from core.queues import leases
from core.queues.leases import Lease

log = get_logger(__name__)

#: Longer than any channel's time-out, so that a slow request is not sent by a second sender.
LEASE = timedelta(seconds=30)

#: How long a message waits whose address or payload cannot be read (a wrong secret key, say).
UNREADABLE = timedelta(minutes=1)

_UNSENT = ("pending", "sending")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message under a lease, with the address it goes to; its attempt already counted."""

    envelope: Envelope
    channel: str
    lease: Lease
    attempt: int


class Outbox:
    """Stores, claims and finishes outbound messages."""

    def __init__(self, db: Database, contacts: Contacts, clock: Clock = utc_now) -> None:
        self._db = db
        self._contacts = contacts
        self._clock = clock

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
        """Add a message in the caller's transaction; returns the row's id. The caller wakes
        `OUTBOX` after the commit."""
        now = self._clock()
        channel = await session.scalar(
            select(ConversationRow.channel).where(ConversationRow.id == conversation_id)
        )
        row = OutboxRow(
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
        session.add(row)
        await session.flush()
        return row.id

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
                envelope = Envelope(row.id, conversation_id, address, message, row.correlation)
                return Claimed(envelope, row.channel, lease, row.attempts)
        return None

    async def sent(self, claimed: Claimed, external_id: str | None) -> None:
        """The channel took the message.

        Raises:
            StaleLeaseError: another sender took the lease over (and may have sent it as well).
        """
        await self._settle(claimed, state="sent", sent_at=self._clock(), external_id=external_id)

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
        await self._settle(claimed, **values)

    async def give_up(self, claimed: Claimed, reason: str) -> None:
        """Stop trying; the row stays as a dead letter, shown on the desk.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        await self._settle(claimed, state="failed", failure=reason[:100])

    async def _settle(self, claimed: Claimed, **values: object) -> None:
        async with self._db.write() as session:
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
