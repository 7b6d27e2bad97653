"""Conversations: who speaks (bot or human), in which language, and what was said.

The transcript is not stored twice: it is the inbox and outbox rows of the conversation, in the
order of their time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import ConversationRow, InboxRow, OutboxRow
from core.errors import NotFoundError

BOT = "bot"
HUMAN = "human"

#: State of an outbox row that was taken back before it was sent, because the same words go
#: elsewhere or are out of date.
WITHDRAWN = "withdrawn"

#: A ticket's secret code as a line of the catalogue says it.
_CODE = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{4}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a conversation, as the chat page and the desk show it.

    `state` is new|done|poison for what the citizen wrote, and
    pending|held|sending|sent|delivered|read|failed|withdrawn for what was said to the citizen.
    `origin_kind` is empty for the citizen's, else faq|line|staff|statement. `media` is what the
    citizen sent besides words, as `core.messages.Media.to_payload` writes it.
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
    media: dict[str, Any] | None = None


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
    entries.sort(key=_by_time)
    return entries[-limit:]


async def transcript_of(
    session: AsyncSession,
    places: Mapping[int, datetime | None],
    limit: int = 200,
    *,
    for_staff: bool = False,
) -> list[Utterance]:
    """The last `limit` utterances of several conversations by time. A place's value is when it was
    left (what was said there later belongs to another matter), None: it was not. With `for_staff`
    secret codes are not shown, nor what was taken back."""
    entries: list[Utterance] = []
    for conversation_id, left_at in places.items():
        said_there = await transcript(session, conversation_id, limit)
        entries += [u for u in said_there if left_at is None or u.at <= left_at]
    if for_staff:
        entries = [_masked(entry) for entry in entries if entry.state != WITHDRAWN]
    entries.sort(key=_by_time)
    return entries[-limit:]


def _by_time(entry: Utterance) -> tuple[datetime, bool, int]:
    return entry.at, entry.direction == "out", entry.id


def _masked(entry: Utterance) -> Utterance:
    if entry.origin_kind != "line" or not _CODE.search(entry.text):
        return entry
    return replace(entry, text=_CODE.sub("••••-••••", entry.text))


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
        media=row.media,
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
