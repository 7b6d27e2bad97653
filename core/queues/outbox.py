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

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.db.engine import Database, retry_on_contention
from core.db.tables import ConversationRow, OutboxRow
from core.errors import NatiqError
from core.logs import get_logger
from core.messages import Envelope, OutboundMessage, text_hash
from core.queues import holding, leases, receipts
from core.queues.holding import UNSENT
from core.queues.leases import Lease
from core.queues.parts import TextLimits as TextLimits
from core.queues.parts import parts_of

log = get_logger(__name__)

T = TypeVar("T")

#: Longer than any channel's time-out, so that a slow request is not sent by a second sender.
LEASE = timedelta(seconds=30)

#: How often what became of a message is written down: for about 6 seconds, well within the lease.
_SETTLING = 8

#: How long a message waits whose address or payload cannot be read (a wrong secret key, say).
UNREADABLE = timedelta(minutes=1)

#: Beside the message in a row's payload: the row whose text this one goes on with.
_AFTER = "after"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message under a lease, with the address it goes to; its attempt already counted. It had
    `waited` so many seconds since it was put here."""

    envelope: Envelope
    channel: str
    lease: Lease
    attempt: int
    window_start: datetime | None = None
    last_inbound_at: datetime | None = None
    waited: float = 0.0


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
        made: int | None = None
        for part in parts_of(message, limits):
            row = self._row(conversation_id, channel or "", part, correlation, inbox_id, ticket_id)
            if made is not None:
                row.payload[_AFTER] = made
            session.add(row)
            await session.flush()  # one by one: the ids keep the order of the parts
            made = row.id
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
            due = _first_unsent(now, channels).where(OutboxRow.not_before <= now)
            candidates = (await session.scalars(due.order_by(OutboxRow.id).limit(16))).all()
        for conversation_id in candidates:
            async with self._db.write() as session:
                lease = await leases.claim(session, "send", conversation_id, self._clock, LEASE)
                if lease is None:
                    continue
                row = await session.scalar(
                    select(OutboxRow)
                    .where(
                        OutboxRow.conversation_id == conversation_id, OutboxRow.state.in_(UNSENT)
                    )
                    .order_by(OutboxRow.id)
                    .limit(1)
                )
                if row is None or row.not_before > now:
                    await leases.check(session, lease, None)
                    continue
                if holding.NOTICE in row.payload and not await holding.holds(
                    session, conversation_id
                ):
                    await session.delete(row)  # the person wrote before it went out
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
                person = await session.get_one(ConversationRow, conversation_id)
                envelope = Envelope(row.id, conversation_id, address, message, row.correlation)
                return Claimed(
                    envelope,
                    row.channel,
                    lease,
                    row.attempts,
                    person.window_start,
                    person.last_inbound_at,
                    max((self._clock() - row.created_at).total_seconds(), 0.0),
                )
        return None

    async def sent(self, claimed: Claimed, external_id: str | None) -> str:
        """The channel took the message. What the platform said of it meanwhile is taken up;
        returns the state that the message has by that.

        Raises:
            StaleLeaseError: another sender took the lease over (and may have sent it as well).
        """

        async def settle(session: AsyncSession) -> str:
            now = self._clock()
            early = None
            if external_id is not None:
                early = await receipts.take(session, claimed.channel, external_id)
            if early is not None and early[0] == receipts.WINDOW:
                await self._settle(session, claimed, state="pending", not_before=now)
                conversation_id, since = claimed.envelope.conversation_id, claimed.last_inbound_at
                if not await holding.wrote_since(session, conversation_id, since):
                    await receipts.close_window(session, conversation_id, now)
                return "pending"
            state, failure = early or ("sent", None)
            await self._settle(
                session,
                claimed,
                state=state,
                failure=failure,
                sent_at=now,
                external_id=external_id,
            )
            return state

        return await self._finish(settle)

    async def defer(self, claimed: Claimed, delay: timedelta) -> None:
        """Not now, for the sake of the platform's pace: nothing was tried, no attempt is counted.

        Raises:
            StaleLeaseError: the lease was taken over.
        """

        async def settle(session: AsyncSession) -> None:
            await self._settle(
                session,
                claimed,
                state="pending",
                not_before=self._clock() + delay,
                attempts=claimed.attempt - 1,
            )

        await self._finish(settle)

    async def hold(self, claimed: Claimed, notice: OutboundMessage | None, reason: str) -> bool:
        """The platform's window is closed: keep the message until the person writes again (each
        that follows comes here in its turn), and put the notice unless one is out since they last
        wrote. If they wrote while it was in our hands, it goes out after all. Returns whether a
        notice was put.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        conversation_id = claimed.envelope.conversation_id

        async def settle(session: AsyncSession) -> bool:
            attempts = claimed.attempt - 1
            await self._settle(
                session, claimed, state="held", failure=reason[:100], attempts=attempts
            )
            since = claimed.last_inbound_at
            if await holding.wrote_since(session, conversation_id, since):
                await holding.release(session, conversation_id, self._clock())
                return False
            # The platform may know better than we: what follows must not overtake what is held.
            await receipts.close_window(session, conversation_id, self._clock())
            if notice is None or await holding.noticed(session, conversation_id, since):
                return False
            correlation = claimed.envelope.correlation_id
            row = self._row(conversation_id, claimed.channel, notice, correlation, None, None)
            row.payload[holding.NOTICE] = True
            session.add(row)
            return True

        return await self._finish(settle)

    async def postpone(
        self, claimed: Claimed, delay: timedelta, reason: str, *, uncertain: bool
    ) -> None:
        """Try again later; the conversation's later messages wait behind it.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        values: dict[str, object] = {"maybe_doubled": True} if uncertain else {}

        async def settle(session: AsyncSession) -> None:
            not_before = self._clock() + delay
            await self._settle(
                session,
                claimed,
                state="pending",
                not_before=not_before,
                failure=reason[:100],
                **values,
            )

        await self._finish(settle)

    async def give_up(self, claimed: Claimed, reason: str, *, uncertain: bool = False) -> None:
        """Stop trying; the row stays as a dead letter, shown on the desk. So do the parts that go
        on with it: nobody gets the end of a text without its beginning. Where it was a notice, what
        is held says so.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        values: dict[str, object] = {"maybe_doubled": True} if uncertain else {}

        async def settle(session: AsyncSession) -> None:
            await self._settle(session, claimed, state="failed", failure=reason[:100], **values)
            failed = {claimed.envelope.outbox_id}
            rows = await session.scalars(
                select(OutboxRow)
                .where(
                    OutboxRow.conversation_id == claimed.envelope.conversation_id,
                    OutboxRow.state.in_(("pending", "held")),
                )
                .order_by(OutboxRow.id)
            )
            for row in rows:
                if row.payload.get(_AFTER) in failed:
                    row.state, row.failure = "failed", "earlier_part"
                    failed.add(row.id)
                elif row.state == "held" and claimed.envelope.message.template is not None:
                    row.failure = f"notice: {reason}"[:100]

        await self._finish(settle)

    async def _finish(self, settle: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Neither writers that collide nor a database that begins anew must make us forget what the
        platform has taken."""

        async def attempt() -> T:
            async with self._db.write() as session:
                return await settle(session)

        return await retry_on_contention(attempt, _SETTLING)

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

    async def next_due(self, channels: Sequence[str]) -> datetime | None:
        """When the next message on one of the channels may be tried; None when nothing waits."""
        query = _first_unsent(self._clock(), channels).with_only_columns(
            func.min(OutboxRow.not_before)
        )
        async with self._db.read() as session:
            due: datetime | None = await session.scalar(query)
            return due

    async def waiting(self, channels: Sequence[str] | None = None) -> int:
        """How many messages wait to be sent, on all channels or on some."""
        query = select(func.count()).select_from(OutboxRow).where(OutboxRow.state.in_(UNSENT))
        if channels is not None:
            query = query.where(OutboxRow.channel.in_(channels))
        async with self._db.read() as session:
            return await session.scalar(query) or 0


def _first_unsent(now: datetime, channels: Sequence[str]):  # type: ignore[no-untyped-def]
    """Of each conversation that nobody holds, the row whose turn it is."""
    earlier = aliased(OutboxRow)
    return (
        select(OutboxRow.conversation_id)
        .join(ConversationRow, ConversationRow.id == OutboxRow.conversation_id)
        .where(
            OutboxRow.state.in_(UNSENT),
            OutboxRow.channel.in_(channels),
            (ConversationRow.send_until.is_(None)) | (ConversationRow.send_until <= now),
            ~exists().where(
                earlier.conversation_id == OutboxRow.conversation_id,
                earlier.state.in_(UNSENT),
                earlier.id < OutboxRow.id,
            ),
        )
    )
