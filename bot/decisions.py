"""A decision as bytes, for a cache, and back.

What is written holds ids of entries and numbers, never the message nor anything taken from it: a
decision whose message names something (a ticket number) is not written at all. Reading finds the
entries in the knowledge base in service, so that what is said is always what is approved now; bytes
that are damaged, of another form, or name an entry that is gone are a miss.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from bot.understanding import Decision, Outcome
from core.messages import Language
from faq.entries import FaqEntry
from faq.index import Match, SearchResult, Verdict
from nlu.interpreter import ParseResult

#: Raised whenever the form changes, or the rules in `bot/understanding.py`.
FORM = 1


def to_bytes(decision: Decision) -> bytes | None:
    """The bytes, or None when this decision is not to be kept."""
    parse, search = decision.parse, decision.search
    if parse.entities:
        return None
    document = {
        "form": FORM,
        "outcome": decision.outcome,
        "intent": decision.intent,
        "confidence": decision.confidence,
        "language": decision.language,
        "urgent": decision.urgent,
        "matches": _matches(decision.matches),
        "offers": list(decision.offers),
        "parse": [parse.intent, parse.confidence, [list(pair) for pair in parse.ranking]],
        "parsed_language": parse.language,
        "search": [_matches(search.matches), search.right, search.among, search.verdict],
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def from_bytes(data: bytes, entries: Mapping[str, FaqEntry]) -> Decision | None:
    """The decision, with `entries` (by id) for its answers; None when it cannot be read."""
    try:
        document = json.loads(data)
        if document["form"] != FORM:
            return None
        intent, confidence, ranking = document["parse"]
        found, right, among, verdict = document["search"]
        return Decision(
            outcome=_one_of(document["outcome"], Outcome),
            intent=str(document["intent"]),
            confidence=float(document["confidence"]),
            language=_one_of(document["language"], Language),
            urgent=document["urgent"] is True,
            matches=_entries(document["matches"], entries),
            offers=tuple(str(offer) for offer in document["offers"]),
            parse=ParseResult(
                intent=str(intent),
                confidence=float(confidence),
                ranking=tuple((str(name), float(share)) for name, share in ranking),
                entities=(),
                language=_one_of(document["parsed_language"], Language),
            ),
            search=SearchResult(
                matches=_entries(found, entries),
                right=float(right),
                among=float(among),
                verdict=_one_of(verdict, Verdict),
            ),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _matches(matches: tuple[Match, ...]) -> list[list[Any]]:
    return [[match.entry.id, float(match.score)] for match in matches]


def _entries(pairs: Any, entries: Mapping[str, FaqEntry]) -> tuple[Match, ...]:
    return tuple(Match(entries[name], float(score)) for name, score in pairs)


def _one_of(value: Any, words: Any) -> Any:
    if value not in get_args(words):
        raise ValueError("not one of the known words")
    return value
