"""Conversations: who speaks (bot or human), in which language, and what was said.

The transcript is not stored twice: it is the inbox and outbox rows of the conversation, in the
order of their time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import ConversationRow, InboxRow, OutboxRow
from core.errors import NotFoundError

BOT = "bot"
HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a conversation, as the chat page and the desk show it.

    `state` is new|done|poison for what the citizen wrote, and
    pending|sending|sent|delivered|read|failed for what was said to the citizen.
    `origin_kind` is empty for the citizen's, else faq|line|staff|statement.
    """

    direction: Literal["in", "out"]
    id: int
    at: datetime
    text: str
    state: str
    external_id: str | None
    choice: str | None = None
    language: str | None = None
    origin_kind: str = ""
    origin_ref: str = ""
    failure: str | None = None
    choices: tuple[dict[str, Any], ...] = ()
    links: tuple[dict[str, Any], ...] = ()


async def load(
    session: AsyncSession, conversation_id: int, *, lock: bool = False
) -> ConversationRow:
    """The conversation's row; with `lock` nobody else changes it until the transaction ends.

    Raises:
        NotFoundError: there is none with this id.
    """
    row = await session.get(ConversationRow, conversation_id, with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"no conversation {conversation_id}")
    return row


async def transcript(
    session: AsyncSession, conversation_id: int, limit: int = 200
) -> list[Utterance]:
    """The last `limit` utterances, oldest first."""
    inbound = await session.scalars(
        select(InboxRow)
        .where(InboxRow.conversation_id == conversation_id)
        .order_by(InboxRow.id.desc())
        .limit(limit)
    )
    outbound = await session.scalars(
        select(OutboxRow)
        .where(OutboxRow.conversation_id == conversation_id)
        .order_by(OutboxRow.id.desc())
        .limit(limit)
    )
    entries = [said(row) for row in inbound] + [answered(row) for row in outbound]
    entries.sort(key=lambda entry: (entry.at, entry.direction == "out", entry.id))
    return entries[-limit:]


async def answers_after(
    session: AsyncSession, conversation_id: int, outbox_id: int, states: Sequence[str]
) -> list[Utterance]:
    """What was said to the citizen after the given outbox row, in those states, in order."""
    rows = await session.scalars(
        select(OutboxRow)
        .where(
            OutboxRow.conversation_id == conversation_id,
            OutboxRow.id > outbox_id,
            OutboxRow.state.in_(states),
        )
        .order_by(OutboxRow.id)
    )
    return [answered(row) for row in rows]


async def is_waiting(session: AsyncSession, conversation_id: int) -> bool:
    """True while something the citizen wrote is not yet handled, or an answer not yet sent."""
    unhandled = exists().where(InboxRow.conversation_id == conversation_id, InboxRow.state == "new")
    unsent = exists().where(
        OutboxRow.conversation_id == conversation_id, OutboxRow.state.in_(("pending", "sending"))
    )
    return bool(await session.scalar(select(or_(unhandled, unsent))))


def said(row: InboxRow) -> Utterance:
    """An inbox row as an utterance of the citizen."""
    return Utterance(
        direction="in",
        id=row.id,
        at=row.received_at,
        text=row.text,
        state=row.state,
        external_id=row.external_id,
        choice=row.choice,
        language=row.language,
    )


def answered(row: OutboxRow) -> Utterance:
    """An outbox row as an utterance of the institution."""
    payload = row.payload
    return Utterance(
        direction="out",
        id=row.id,
        at=row.created_at,
        text=payload["text"],
        state=row.state,
        external_id=row.external_id,
        language=payload.get("language"),
        origin_kind=row.origin_kind,
        origin_ref=row.origin_ref,
        failure=row.failure,
        choices=tuple(payload.get("choices", ())),
        links=tuple(payload.get("links", ())),
    )
