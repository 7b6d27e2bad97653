"""From decisions to messages: approved answers verbatim, questions back, and the admission that
nothing was understood. Says nothing that is not an approved text or a line of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from bot.understanding import Decision
from core.catalogue import MAX_LABEL, Catalogue
from core.messages import Choice, Language, Link, Origin, OutboundMessage
from core.text.clean import has_words
from core.text.language import script_of
from faq.entries import FaqEntry
from faq.index import FaqIndex


class Answers:
    """Makes messages from the knowledge base in service."""

    def __init__(
        self, catalogue: Catalogue, index: Callable[[], FaqIndex], today: Callable[[], date]
    ) -> None:
        self._catalogue = catalogue
        self._index = index
        self._today = today

    def of_decision(self, decision: Decision) -> tuple[OutboundMessage, ...]:
        """The answer or answers of a decision whose outcome is `answer`."""
        choices: tuple[Choice, ...] = ()
        if "ticket" in decision.offers:
            choices = (self._choice("complaint", decision.language),)
        return tuple(
            approved_answer(match.entry, decision.language, choices) for match in decision.matches
        )

    def by_id(self, faq_id: str, language: Language) -> OutboundMessage | None:
        """The answer of a tapped choice, or None when the entry is no longer served."""
        entry = next((entry for entry in self._index().entries if entry.id == faq_id), None)
        if entry is None or not entry.is_valid_on(self._today()):
            return None
        return approved_answer(entry, language)

    def ask_back(self, decision: Decision) -> OutboundMessage:
        """Up to three entries to choose from, and a way out."""
        language = decision.language
        choices = [entry_choice(match.entry, language) for match in decision.matches]
        choices.append(self._choice("none", language))
        return self._catalogue.line("clarify", language, choices=tuple(choices))

    def not_understood(self, text: str, language: Language) -> OutboundMessage:
        """Says why nothing was understood, as far as that shows; offers a person and the menu."""
        choices = (self._choice("human", language), self._choice("menu", language))
        return self._catalogue.line(abstention_line(text), language, choices=choices)

    def _choice(self, value: str, language: Language) -> Choice:
        return Choice(value, self._catalogue.label(value, language))


def abstention_line(text: str) -> str:
    """The catalogue's line for a text that was not understood."""
    if not has_words(text):
        return "no_words"
    return "other_language" if script_of(text) == "other" else "abstain"


def approved_answer(
    entry: FaqEntry, language: Language, choices: tuple[Choice, ...] = ()
) -> OutboundMessage:
    """The entry's answer, verbatim, with its links."""
    return OutboundMessage(
        text=entry.answer[language],
        origin=Origin("faq", entry.id, entry.answer_hash(language)),
        language=language,
        choices=choices,
        links=tuple(Link(button.label[language], button.url) for button in entry.buttons),
    )


def entry_choice(entry: FaqEntry, language: Language) -> Choice:
    """A button for an entry: its short label, or as much of the question as fits; the question
    in full stands beside it where the channel has room."""
    question = entry.question[language]
    label = short_label(entry.short[language] if entry.short is not None else question)
    return Choice(f"faq:{entry.id}", label, question)


def short_label(text: str) -> str:
    """As much of a text as fits on a button."""
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1].rstrip() + "…"
