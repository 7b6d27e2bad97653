"""From a text to a decision: the interpreter and the FAQ index, weighed against each other.

Pure: no database, no conversation, no side effects. The dispatcher, `natiq ask` and `natiq eval`
all decide by this one function. Rules and thresholds are explained where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.messages import Language
from core.text.clean import clean, has_words
from core.text.language import script_of
from faq.index import FaqIndex, Match, SearchResult
from nlu.interpreter import Interpreter, ParseResult

Outcome = Literal["answer", "clarify", "abstain", "intake", "action"]

#: Intents that begin an intake: a form that ends in a ticket.
INTAKES = ("complaint", "suggestion", "human")
#: Intents that an action answers at once.
ACTIONS = ("greeting", "thanks", "goodbye", "status", "rumour")

#: An urgent message that is missed costs more than a false alarm: well below one half.
URGENT_AT = 0.35
#: A complaint that the FAQ could answer is still a complaint when the model is this sure.
SURE_COMPLAINT = 0.80
#: Any other intent, when the FAQ has a sure answer as well.
SURE_ACTION = 0.60
#: An action or intake without a rival needs no more than this.
PLAIN_ACTION = 0.40
#: Nothing is answered or asked back when the model is this sure that no ministry answers it.
SURE_STRAY = 0.90
LIKELY_STRAY = 0.50
#: How likely the topic must be found, and how much of it one department's, to get the ticket.
DEPARTMENT_AT = 0.5


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a message. `matches` are the entries to answer with (one) or to offer
    (two or three)."""

    outcome: Outcome
    intent: str
    confidence: float
    language: Language
    urgent: bool
    matches: tuple[Match, ...]
    offers: tuple[str, ...]
    parse: ParseResult
    search: SearchResult

    @property
    def department(self) -> str | None:
        """The department to which most of what was found belongs, where that is clear."""
        if self.search.among < DEPARTMENT_AT:
            return None
        shares: dict[str, float] = {}
        for match in self.search.matches:
            shares[match.entry.owner] = shares.get(match.entry.owner, 0.0) + match.score
        owner = max(shares, key=lambda name: shares[name], default=None)
        return owner if owner is not None and shares[owner] >= DEPARTMENT_AT else None

    @property
    def ticket_number(self) -> str | None:
        """The ticket number that the message names, if any."""
        return next((entity.value for entity in self.parse.entities), None)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a decision rests on besides the text and the conversation's language. `model` is the
    interpreter's version, None where it is not known."""

    index: FaqIndex
    day: date
    model: str | None


class Understanding:
    """Decides about texts by one interpreter and one index."""

    def __init__(
        self, interpreter: Interpreter, index: Callable[[], FaqIndex], today: Callable[[], date]
    ) -> None:
        self._interpreter = interpreter
        self._index = index
        self._today = today

    def grounds(self) -> Grounds:
        """What would be decided by now."""
        return Grounds(self._index(), self._today(), self._interpreter.version)

    def decide(
        self, text: str, default: Language = "ar", grounds: Grounds | None = None
    ) -> Decision:
        """Decide about one message; `default` is the conversation's language. `grounds` are those
        of now, or those taken before."""
        return self.decide_many([text], default, grounds)[0]

    def decide_many(
        self, texts: Sequence[str], default: Language = "ar", grounds: Grounds | None = None
    ) -> list[Decision]:
        """`decide` for several messages at once."""
        grounds = grounds or self.grounds()
        cleaned = [clean(text) for text in texts]
        parses = self._interpreter.parse_many(cleaned, default)
        searches = grounds.index.search_many(cleaned, grounds.day)
        return [
            _decide(text, parse, search)
            for text, parse, search in zip(cleaned, parses, searches, strict=True)
        ]


def _decide(text: str, parse: ParseResult, search: SearchResult) -> Decision:
    intent, confidence = parse.intent, parse.confidence
    sure_answer = search.verdict == "answer"
    if not has_words(text) or script_of(text) == "other":
        return _decision("abstain", "out_of_scope", 1.0, parse, search, (), ("human",))
    urgent_p = parse.probability("urgent")
    if urgent_p >= URGENT_AT and not (sure_answer and urgent_p < SURE_ACTION):
        return _decision("action", "urgent", urgent_p, parse, search, urgent=True)
    if intent in INTAKES:
        needed = PLAIN_ACTION
        if sure_answer:
            needed = SURE_COMPLAINT if intent == "complaint" else SURE_ACTION
        if confidence >= needed:
            return _decision("intake", intent, confidence, parse, search)
    if intent in ACTIONS and confidence >= (SURE_ACTION if sure_answer else PLAIN_ACTION):
        return _decision("action", intent, confidence, parse, search)
    stray = parse.probability("out_of_scope")
    if sure_answer and stray < SURE_STRAY:
        offers = ("ticket",) if parse.probability("complaint") >= 0.25 else ()
        return _decision(
            "answer", "question", search.right, parse, search, search.matches[:1], offers
        )
    if search.verdict != "abstain" and stray < LIKELY_STRAY:
        return _decision(
            "clarify", "question", search.among, parse, search, search.matches[:3], ("human",)
        )
    return _decision("abstain", intent, confidence, parse, search, (), ("human",))


def _decision(
    outcome: Outcome,
    intent: str,
    confidence: float,
    parse: ParseResult,
    search: SearchResult,
    matches: tuple[Match, ...] = (),
    offers: tuple[str, ...] = (),
    *,
    urgent: bool = False,
) -> Decision:
    return Decision(
        outcome, intent, confidence, parse.language, urgent, matches, offers, parse, search
    )
