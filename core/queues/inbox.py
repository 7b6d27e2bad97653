"""The inbox: messages accepted from channels, kept until they are handled.

A channel calls `accept` and says "received" to its platform only when that returns: by then the
row is committed. The worker claims a conversation's oldest waiting message, so messages of one
conversation are handled one after another, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.db.engine import Database, retry_on_contention
from core.db.tables import ConversationRow, InboxRow
from core.logs import get_logger, new_correlation_id
from core.messages import MAX_TEXT, InboundMessage
from core.queues import holding, leases
from core.queues.leases import Lease
from core.wakeup import INBOX, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

#: How long a worker may take for one message before another may take it over. Handling costs
#: well under a second; a killed worker delays its message by this much at most.
LEASE = timedelta(seconds=15)

#: How often a claim looks again when all that it found was being changed by others, and after how
#: many seconds: they are done in a few milliseconds, and nobody wakes the worker for it.
_LOOKS = 3
_AGAIN = 0.01

#: Room in the columns, in characters. Ids and button values of our channels are far shorter.
_MAX_ID = 200
_MAX_CHOICE = 200
_MAX_MEDIA_TEXT = 1_000
_MAX_MEDIA_ITEMS = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an accepted message. `released`: what was held until then may go out now."""

    inbox_id: int
    conversation_id: int
    correlation: str
    duplicate: bool
    received_at: datetime
    released: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message under a lease, its attempt already counted; it had `waited` so many seconds since
    it was accepted."""

    row: InboxRow
    lease: Lease
    waited: float = 0.0


class Inbox:
    """Accepts, claims and finishes inbound messages."""

    def __init__(
        self, db: Database, contacts: Contacts, wakeup: Wakeup, clock: Clock = utc_now
    ) -> None:
        self._db = db
        self._contacts = contacts
        self._wakeup = wakeup
        self._clock = clock

    async def accept(self, message: InboundMessage) -> Accepted:
        """Store the message, once: the same (channel, external id) again is a duplicate.

        Returns only after the commit. Text beyond `MAX_TEXT` characters is cut; NUL and lone
        surrogates, which databases cannot store, are left out. An id that cannot be stored is kept
        as its hash, so that two such ids stay two.

        The new wording of a message (`edit_of`) replaces the old one while that waits; afterwards
        it is a message of its own. An edit that changes no word is a duplicate.

        Whatever was held until the person wrote again is released in the same transaction.
        """

        async def attempt() -> Accepted:
            async with self._db.write() as session:
                return await self._insert(session, message)

        accepted = await retry_on_contention(attempt)
        log.info(
            "message accepted",
            channel=message.channel,
            inbox=accepted.inbox_id,
            conversation=accepted.conversation_id,
            correlation=accepted.correlation,
            duplicate=accepted.duplicate,
        )
        if not accepted.duplicate:
            for topic in (INBOX, OUTBOX) if accepted.released else (INBOX,):
                await self._wakeup.wake(topic)
            await self._wakeup.wake(conversation_topic(accepted.conversation_id))
        return accepted

    async def _insert(self, session: AsyncSession, message: InboundMessage) -> Accepted:
        now = self._clock()
        external_id = _storable_id(message.external_id)
        same = select(InboxRow).where(
            InboxRow.channel == message.channel, InboxRow.external_id == external_id
        )
        known = await session.scalar(same)
        if known is not None:
            return _known(known)
        if message.edit_of is not None:
            edited = await self._edit(session, message)
            if edited is not None:
                return _known(edited)
        conversation_id = await self._contacts.conversation_of(
            session, message.channel, message.address, now, message.alias
        )
        # Held until the commit: ids are given out in the order in which rows become visible, so a
        # worker cannot see a later message of this conversation before an earlier one.
        await _hold(session, conversation_id)
        dialect = session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        correlation = new_correlation_id()
        made = await session.scalar(
            insert(InboxRow)
            .values(
                channel=message.channel,
                external_id=external_id,
                conversation_id=conversation_id,
                correlation=correlation,
                text=_storable(message.text, MAX_TEXT),
                choice=_storable_choice(message),
                language=message.language,
                sent_at=message.sent_at,
                media=None if message.media is None else _storable_json(message.media.to_payload()),
                received_at=now,
                state="new",
                not_before=now,
            )
            .on_conflict_do_nothing(index_elements=["channel", "external_id"])
            .returning(InboxRow.id)
        )
        if made is None:  # another process stored it between our look and our insert
            known = await session.scalar(same)
            assert known is not None  # noqa: S101 - the unique constraint just said so
            return _known(known)
        await session.execute(
            update(ConversationRow)
            .where(ConversationRow.id == conversation_id)
            .values(last_inbound_at=now, window_start=_later_of(message.sent_at or now, now))
        )
        released = await holding.release(session, conversation_id, now)
        return Accepted(made, conversation_id, correlation, False, now, released)

    async def _edit(self, session: AsyncSession, message: InboundMessage) -> InboxRow | None:
        """The row that the new wording went into, or that has it already; None when the new
        wording is to be handled by itself."""
        former = await session.scalar(
            select(InboxRow).where(
                InboxRow.channel == message.channel,
                InboxRow.external_id == _storable_id(message.edit_of or ""),
            )
        )
        if former is None:
            return None
        text = _storable(message.text, MAX_TEXT)
        if former.text == text:
            return former
        # A worker that claims it holds the conversation meanwhile: it works on the one wording or
        # on the other, and the new one is not lost.
        await _hold(session, former.conversation_id)
        await session.refresh(former)
        if former.text != text and (former.state != "new" or former.attempts > 0):
            return None
        former.text = text
        former.choice = _storable_choice(message)
        return former

    async def claim(self) -> Claimed | None:
        """Lease the conversation whose first waiting message is due and oldest, and count the
        attempt; None when nothing is due. Counted before the work, so that a message that kills
        its worker is not tried for ever."""
        for _ in range(_LOOKS):
            now = self._clock()
            async with self._db.read() as session:
                candidates = (await session.scalars(_due(now).limit(16))).all()
            for conversation_id in candidates:
                claimed = await self._claim(conversation_id, now)
                if claimed is not None:
                    return claimed
            if not candidates:
                return None
            await asyncio.sleep(_AGAIN)
        return None

    async def _claim(self, conversation_id: int, now: datetime) -> Claimed | None:
        async with self._db.write() as session:
            lease = await leases.claim(session, "work", conversation_id, self._clock, LEASE)
            if lease is None:
                return None
            row = await session.scalar(
                select(InboxRow)
                .where(InboxRow.conversation_id == conversation_id, InboxRow.state == "new")
                .order_by(InboxRow.id)
                .limit(1)
            )
            if row is None or row.not_before > now:
                await leases.check(session, lease, None)
                return None
            row.attempts += 1
            waited = (self._clock() - row.received_at).total_seconds()
            return Claimed(row, lease, max(waited, 0.0))

    async def finish(self, session: AsyncSession, claimed: Claimed, state: str = "done") -> None:
        """Mark the message handled and give the lease back, in the caller's transaction.

        Raises:
            StaleLeaseError: the lease was taken over; let the transaction fall.
        """
        await leases.check(session, claimed.lease, None)
        await session.execute(
            update(InboxRow)
            .where(InboxRow.id == claimed.row.id)
            .values(state=state, done_at=self._clock())
        )

    async def postpone(self, claimed: Claimed, delay: timedelta) -> None:
        """Try again later; the conversation's later messages wait behind it.

        Raises:
            StaleLeaseError: the lease was taken over.
        """
        async with self._db.write() as session:
            await leases.check(session, claimed.lease, None)
            await session.execute(
                update(InboxRow)
                .where(InboxRow.id == claimed.row.id)
                .values(not_before=self._clock() + delay)
            )

    async def waiting(self) -> int:
        """How many messages wait to be handled."""
        async with self._db.read() as session:
            count = await session.scalar(
                select(func.count()).select_from(InboxRow).where(InboxRow.state == "new")
            )
            return count or 0


async def _hold(session: AsyncSession, conversation_id: int) -> None:
    """Keep everybody else from changing the conversation until this transaction ends."""
    await session.execute(
        select(ConversationRow.id)
        .where(ConversationRow.id == conversation_id)
        .with_for_update(key_share=True)
    )


def _storable(text: str, longest: int) -> str:
    kept = text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
    return kept[:longest]


def _storable_choice(message: InboundMessage) -> str | None:
    return None if message.choice is None else _storable(message.choice, _MAX_CHOICE)


def _storable_json(value: Any) -> Any:
    """The same with every text in it storable."""
    if isinstance(value, str):
        return _storable(value, _MAX_MEDIA_TEXT)
    if isinstance(value, Mapping):
        return {key: _storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(item) for item in value[:_MAX_MEDIA_ITEMS]]
    return value


def _later_of(said: datetime, now: datetime) -> ColumnElement[datetime]:
    """The platform's time of the newest message; one that is ahead of ours is not believed."""
    said = min(said, now)
    start = ConversationRow.window_start
    return case((start.is_(None) | (start < said), said), else_=start)


def _storable_id(external_id: str) -> str:
    if _storable(external_id, _MAX_ID) == external_id:
        return external_id
    raw = external_id.encode("utf-8", "surrogatepass")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _known(row: InboxRow) -> Accepted:
    return Accepted(row.id, row.conversation_id, row.correlation, True, row.received_at)


def _due(now: datetime):  # type: ignore[no-untyped-def]
    """Conversations whose first waiting message is due and that nobody holds, oldest first."""
    earlier = aliased(InboxRow)
    return (
        select(InboxRow.conversation_id)
        .join(ConversationRow, ConversationRow.id == InboxRow.conversation_id)
        .where(
            InboxRow.state == "new",
            InboxRow.not_before <= now,
            (ConversationRow.work_until.is_(None)) | (ConversationRow.work_until <= now),
            ~exists().where(
                earlier.conversation_id == InboxRow.conversation_id,
                earlier.state == "new",
                earlier.id < InboxRow.id,
            ),
        )
        .order_by(InboxRow.id)
    )
