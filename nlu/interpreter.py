"""What understanding a message means: the `Interpreter` protocol and its result.

An interpreter says what a message wants (intent), in which language, and with what entities. It
does not know the FAQ: which entry answers a question is the index's affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.messages import Language

#: Intents of a conversation; `out_of_scope` is what no ministry answers.
INTENTS = (
    "question",
    "complaint",
    "suggestion",
    "rumour",
    "status",
    "human",
    "greeting",
    "thanks",
    "goodbye",
    "urgent",
    "out_of_scope",
)


@dataclass(frozen=True, slots=True)
class Entity:
    """Something named in the message: `kind` such as `ticket_number`, and its normalised value."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class ParseResult:
    """What a message wants. `ranking` holds every intent with its probability, best first."""

    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    entities: tuple[Entity, ...]
    language: Language

    def probability(self, intent: str) -> float:
        """The probability of one intent, 0 when the model does not know it."""
        return next((share for name, share in self.ranking if name == intent), 0.0)


class Interpreter(Protocol):
    """Understands messages."""

    @property
    def version(self) -> str | None:
        """Changes whenever what is understood of any text may change; part of every cache key.
        None while it is not known: then nothing is kept."""
        ...

    def parse(self, text: str, default: Language = "ar") -> ParseResult:
        """Understand one message; `default` is the language when the text does not show one.

        Takes any text, of any length, in bounded time.
        """
        ...

    def parse_many(self, texts: Sequence[str], default: Language = "ar") -> list[ParseResult]:
        """`parse` for several messages at once."""
        ...
