"""A person's own words, to be shown to that very person in a quotation and nowhere else.

The one way to `OwnWords` is `own_words`, which finds the text among the messages of the
conversation: nothing else can be quoted, neither a model's words nor another person's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db.tables import InboxRow
from core.messages import Language

_MARKS: dict[Language, tuple[str, str]] = {"ar": ("«", "»"), "en": ("\u201c", "\u201d")}

#: Marks that could seem to end the quotation are shown as a plain one.
_QUOTATION_MARKS = frozenset('«»‹›"“”„‟❝❞〝〞〟＂⹂')

#: First strong isolate and its end (UAX #9): the quoted words cannot reorder what is around them.
_ISOLATE, _END = "\u2068", "\u2069"

_SEAL: Any = object()


@dataclass(frozen=True, slots=True)
class OwnWords:
    """Texts of one person, each on one line, without control or format characters and without
    quotation marks; `cut` says that more was written than is shown."""

    texts: tuple[str, ...]
    cut: bool
    seal: Any = None

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("own words come from a conversation's messages: call own_words")

    def quoted(self, language: Language) -> str:
        """The words between quotation marks."""
        begins, ends = _MARKS[language]
        return " ".join(f"{begins}{_ISOLATE}{text}{_END}{ends}" for text in self.texts)


@dataclass(frozen=True, slots=True)
class OwnPart:
    """One line of a summary: a label of the catalogue and the person's words, how many things
    they sent (`count`), or neither: something that they sent and that is no text."""

    label: str
    words: OwnWords | None = None
    count: int | None = None


async def own_words(
    session: AsyncSession, conversation_id: int, texts: Sequence[str], most: int
) -> OwnWords | None:
    """The texts, at most `most` characters in all; None unless each of them is the whole text of
    a message of this conversation, and one holds something to show."""
    shown: list[str] = []
    cut = False
    for text in texts:
        query = select(InboxRow.id).where(
            InboxRow.conversation_id == conversation_id, InboxRow.text == text
        )
        if await session.scalar(query.limit(1)) is None:
            return None
        line = _line(text)
        room = most - sum(len(before) for before in shown)
        if len(line) > room:
            line, cut = line[: max(room, 0)].rstrip(), True
        if line:
            shown.append(line)
    return OwnWords(tuple(shown), cut, _SEAL) if shown else None


def _line(text: str) -> str:
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if char in _QUOTATION_MARKS:
            kept.append("'")
        elif category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    return " ".join("".join(kept).split())
