"""The topic menu, for people who would rather tap than phrase: topics, their questions, answers.

A message offers at most ten rows (WhatsApp's limit for a list). What does not fit stands on further
pages: `menu::1` is the second page of topics, `menu:<topic>:1` the second of a topic's questions.
Only what is valid today is offered; a topic that is gone leads back to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from bot.answers import entry_choice, short_label
from core.catalogue import Catalogue
from core.messages import Choice, Language, OutboundMessage
from faq.entries import FaqEntry, KnowledgeBase, Topic

#: Rows that one message may offer.
ROWS = 10


class Menu:
    """Makes the messages of the menu from the knowledge base in service."""

    def __init__(
        self,
        catalogue: Catalogue,
        knowledge: Callable[[], KnowledgeBase],
        today: Callable[[], date],
    ) -> None:
        self._catalogue = catalogue
        self._knowledge = knowledge
        self._today = today

    def show(self, choice: str, language: Language) -> OutboundMessage:
        """The message for a choice such as `menu`, `menu:passports` or `menu:passports:1`."""
        _, _, place = choice.partition(":")
        topic, _, page = place.partition(":")
        number = int(page) if page.isdecimal() and len(page) <= 4 else 0
        return self._questions(topic, number, language) if topic else self._topics(number, language)

    def _topics(self, page: int, language: Language, line: str = "menu_topics") -> OutboundMessage:
        topics = [topic for topic, entries in self._valid() if entries]
        if not topics:
            return self._catalogue.line("menu_empty", language)
        rows = [self._topic_row(topic, language) for topic in topics]
        back = self._row("menu", "menu_back", language)
        more = self._row(f"menu::{page + 1}", "menu_more", language)
        shown = _page(rows, page, more, () if page == 0 else (back,))
        if not shown:  # the topics became fewer since
            return self._topics(0, language, line)
        return self._catalogue.line(line, language, choices=tuple(shown))

    def _questions(self, topic_id: str, page: int, language: Language) -> OutboundMessage:
        found = next((one for one in self._valid() if one[0].id == topic_id and one[1]), None)
        if found is None:
            return self._topics(0, language, "menu_topic_gone")
        topic, entries = found
        rows = [entry_choice(entry, language) for entry in entries]
        back = self._row("menu", "menu_back", language)
        more = self._row(f"menu:{topic_id}:{page + 1}", "menu_more", language)
        shown = _page(rows, page, more, (back,))
        if not shown:
            return self._questions(topic_id, 0, language)
        return self._catalogue.line(
            "menu_questions", language, title=_one_line(topic.title[language]), choices=tuple(shown)
        )

    def _valid(self) -> list[tuple[Topic, list[FaqEntry]]]:
        knowledge, today = self._knowledge(), self._today()
        entries: dict[str, list[FaqEntry]] = {topic.id: [] for topic in knowledge.topics}
        for entry in knowledge.entries:
            if entry.topic in entries and entry.is_valid_on(today):
                entries[entry.topic].append(entry)
        return [(topic, entries[topic.id]) for topic in knowledge.topics]

    def _topic_row(self, topic: Topic, language: Language) -> Choice:
        title = _one_line(topic.title[language])
        label = short_label(title)
        return Choice(f"menu:{topic.id}", label, "" if label == title else title)

    def _row(self, value: str, label: str, language: Language) -> Choice:
        return Choice(value, self._catalogue.label(label, language))


def _one_line(title: str) -> str:
    """The title without marks of direction and joiners, which the slot does not take."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())[:200]


def _page(
    rows: Sequence[Choice], page: int, more: Choice, always: Sequence[Choice]
) -> list[Choice]:
    """The rows of one page, with `more` where others follow and `always` on every page but the
    first of a list that fits whole; empty when there is no such page."""
    room = ROWS - len(always)
    if page == 0 and len(rows) <= room:
        return [*rows, *always]
    # Pages are cut alike whichever is asked for: room for "more" and one row of `always`.
    each = ROWS - 2
    first = page * each
    shown = list(rows[first : first + each])
    if not shown:
        return []
    following = [more] if first + each < len(rows) else []
    return [*shown, *following, *always]
