"""A decision as the document that `natiq ask` prints: the contract stands in the README."""

from __future__ import annotations

from typing import Any

from actions.intake import opening_line
from bot.answers import abstention_line, approved_answer
from bot.greeting import Names, greeting
from bot.understanding import Decision
from core.catalogue import Catalogue

_LINES = {"thanks": "thanks", "goodbye": "goodbye", "status": "status_none", "urgent": "emergency"}


def result_of(text: str, decision: Decision, catalogue: Catalogue, names: Names) -> dict[str, Any]:
    """The result with its keys `outcome`, `intent`, `confidence`, `language`, `urgent`, `answers`,
    `choices`, `offers` and `text` (what a citizen with no history would be told)."""
    language = decision.language
    answered = decision.outcome == "answer"
    offered = decision.outcome == "clarify"
    return {
        "outcome": decision.outcome,
        "intent": decision.intent,
        "confidence": round(decision.confidence, 4),
        "language": language,
        "urgent": decision.urgent,
        "answers": [
            {
                "faq_id": match.entry.id,
                "score": round(decision.search.right, 4),
                "text": match.entry.answer[language],
            }
            for match in decision.matches
            if answered
        ],
        "choices": [
            {
                "faq_id": match.entry.id,
                "label": match.entry.question[language],
                "score": round(match.score, 4),
            }
            for match in decision.matches
            if offered
        ],
        "offers": list(decision.offers),
        "text": _text(text, decision, catalogue, names),
    }


def _text(text: str, decision: Decision, catalogue: Catalogue, names: Names) -> str:
    language = decision.language
    if decision.outcome == "answer":
        return "\n\n".join(
            approved_answer(match.entry, language).text for match in decision.matches
        )
    if decision.outcome == "clarify":
        return catalogue.line("clarify", language).text
    if decision.outcome == "intake" or decision.intent == "rumour":
        return catalogue.line(opening_line(decision.intent, text), language).text
    if decision.outcome == "action" and decision.intent == "greeting":
        return greeting(catalogue, names, language).text
    if decision.outcome == "action":
        return catalogue.line(_LINES[decision.intent], language).text
    return catalogue.line(abstention_line(text), language).text
