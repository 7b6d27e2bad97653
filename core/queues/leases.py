"""Leases on a conversation, with fencing tokens: the one way in which order is kept.

A claim is a conditional UPDATE that goes through only where the lease is free; it raises the
token by one. Whoever works under a lease checks the token again in the very transaction that
writes the result, so that a process that was suspended and came back late writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db.tables import ConversationRow
from core.errors import StaleLeaseError

Kind = Literal["work", "send"]

#: A wait for the database that is worth a longer lease.
_WAITED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one conversation, either for handling its messages or for sending to it."""

    kind: Kind
    conversation_id: int
    token: int


async def claim(
    session: AsyncSession, kind: Kind, conversation_id: int, clock: Clock, length: timedelta
) -> Lease | None:
    """Take the lease when it is free or has run out; None when somebody else holds it, or is
    changing the conversation just now: whoever looks for work must not wait behind a process that
    is slow, or was frozen, in the middle of a transaction.

    It holds for `length` from when the database let us in, however long that took."""
    token, until = _columns(kind)
    now = clock()
    free = (
        select(ConversationRow.id)
        .where(ConversationRow.id == conversation_id, or_(until.is_(None), until <= now))
        # Not said on SQLite, which has one writer and no such locks.
        .with_for_update(key_share=True, skip_locked=True)
    )
    result = await session.execute(
        update(ConversationRow)
        .where(ConversationRow.id == free.scalar_subquery())
        .values({token: token + 1, until: now + length})
        .returning(token)
    )
    row = result.one_or_none()
    if row is None:
        return None
    lease = Lease(kind, conversation_id, row[0])
    if (inside := clock()) - now > _WAITED:
        await check(session, lease, inside + length)
    return lease


async def check(session: AsyncSession, lease: Lease, until: datetime | None) -> None:
    """Assert, in this transaction, that the lease is still ours, and set its new end
    (None gives it back). One that was given back is ours no more, so that nobody who missed the
    answer to a commit undoes what was committed.

    Raises:
        StaleLeaseError: it was taken over or given back; the transaction must not commit.
    """
    token, column = _columns(lease.kind)
    result = cast(
        CursorResult[object],
        await session.execute(
            update(ConversationRow)
            .where(
                ConversationRow.id == lease.conversation_id,
                token == lease.token,
                column.is_not(None),
            )
            .values({column: until})
        ),
    )
    if result.rowcount != 1:
        raise StaleLeaseError(f"lease on conversation {lease.conversation_id} is no longer ours")


def _columns(kind: Kind):  # type: ignore[no-untyped-def]
    if kind == "work":
        return ConversationRow.work_token, ConversationRow.work_until
    return ConversationRow.send_token, ConversationRow.send_until
