"""What an action is: something done for a citizen in one turn, in the turn's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import ConversationRow
from core.messages import Language, OutboundMessage


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a citizen, with what an action needs to know of it.

    `department` is the owner of the topic that the message is about, where that is known.
    `ticket_number` is the number named in the message, if any. `inbox_id` is the message's row.
    """

    session: AsyncSession
    conversation: ConversationRow
    text: str
    language: Language
    department: str | None = None
    ticket_number: str | None = None
    inbox_id: int = 0


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What to say, and the form that stays open in the conversation (None: no form)."""

    messages: tuple[OutboundMessage, ...]
    form: dict[str, Any] | None = None
    ticket_id: int | None = None


class Action(Protocol):
    """Does its work in the turn's transaction and says what to answer. Sends nothing itself."""

    async def run(self, turn: Turn) -> ActionResult:
        """Do it."""
        ...
