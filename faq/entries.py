"""What the knowledge base holds: topics and entries, as the loader makes them and others read
them. Nothing here reads files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.messages import Language, text_hash


@dataclass(frozen=True, slots=True)
class Button:
    """A link under an answer."""

    label: Mapping[Language, str]
    url: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One file of the editors' room; `owner` is the department that its tickets go to."""

    id: str
    title: Mapping[Language, str]
    owner: str
    file: str


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """One approved question and its answer, in every language."""

    id: str
    topic: str
    owner: str
    question: Mapping[Language, str]
    phrasings: Mapping[Language, tuple[str, ...]]
    answer: Mapping[Language, str]
    source: str
    review_by: date
    file: str
    line: int
    valid_from: date | None = None
    valid_until: date | None = None
    buttons: tuple[Button, ...] = ()
    related: tuple[str, ...] = ()
    short: Mapping[Language, str] | None = None

    def is_valid_on(self, day: date) -> bool:
        """Whether the entry may be said on this day; `valid_until` is the first day on which it
        may not."""
        if self.valid_from is not None and day < self.valid_from:
            return False
        return self.valid_until is None or day < self.valid_until

    def answer_hash(self, language: Language) -> str:
        """SHA-256 of the exact text that citizens receive."""
        return text_hash(self.answer[language])


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """All topics and entries of one loading; `version` changes with any word of them."""

    topics: tuple[Topic, ...]
    entries: tuple[FaqEntry, ...]
    version: str

    def entry(self, faq_id: str) -> FaqEntry | None:
        """The entry with this id."""
        return next((entry for entry in self.entries if entry.id == faq_id), None)
