"""Commands: what a slash, or a few words written alone, ask for on every channel; and those
commands that are answered at once by a line of the catalogue.

A command is the value of a choice (`start`, `menu`, `status`, ...), whether it was tapped, typed
as `/menu`, or said by one of the words below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import or_, select

from actions.base import ActionResult, Turn
from core.catalogue import LANGUAGES, Catalogue
from core.db.tables import InboxRow, OutboxRow
from core.messages import Choice, Language, Link, OutboundMessage
from core.text.clean import clean, fold

#: Commands as Telegram lists them, in the order of its menu.
SLASH = ("start", "menu", "status", "human", "privacy", "language")
#: More that may be typed.
_TYPED = frozenset({*SLASH, "complaint", "suggestion"})
_SLASH = re.compile(r"/([a-z]+)(?:@\w+)?(?:\s.*)?", re.DOTALL | re.IGNORECASE)

_WORDS: dict[str, str] = {
    "menu": "القائمة|قائمة|القائمة الرئيسية|قائمة الموضوعات|الموضوعات|كل الموضوعات"
    "|قائمة المواضيع|المواضيع|مواضيع|menu|main menu|topics|all topics",
    "start": "ابدأ|البداية|start",
    "privacy": "الخصوصية|سياسة الخصوصية|privacy|privacy policy",
    "language": "اللغة|تغيير اللغة|غير اللغة|language|change language",
    "language:ar": "العربية|عربي|بالعربي|بالعربية|اللغة العربية|arabic|in arabic",
    "language:en": "الإنجليزية|إنجليزي|بالإنجليزي|اللغة الإنجليزية|english|in english",
}
_COMMANDS = {fold(word): name for name, words in _WORDS.items() for word in words.split("|")}
_LONGEST_WORD = 40
_ARABIC = re.compile(r"[\u0621-\u064a]")

#: What makes sense while a human has the conversation; all else is for the human.
BESIDE_HUMAN = frozenset({"privacy", "language", "status"})
#: What no citizen's matter is in, whoever has the conversation.
ANYWHERE = frozenset({"group", "read_reply"})


def slash_of(text: str) -> str | None:
    """The command of a text such as `/menu` or `/menu@bot more`, or None."""
    found = _SLASH.fullmatch(clean(text))
    name = found[1].lower() if found else ""
    return name if name in _TYPED else None


def word_of(text: str) -> str | None:
    """The command that a text written alone asks for by a word, or None."""
    if len(text) > _LONGEST_WORD or "/" in text:
        return None
    return _COMMANDS.get(fold(text))


def language_of_word(text: str) -> Language | None:
    """The language in which such a word was said (the label of a button, say), or None."""
    if word_of(text) is None:
        return None
    return "ar" if _ARABIC.search(text) else "en"


class Commands:
    """Answers commands that need neither a form nor a ticket. `private_chat` gives the address of
    the spokesperson's private chat on a channel, where there is one."""

    def __init__(
        self,
        catalogue: Catalogue,
        welcome: Callable[[Language], OutboundMessage],
        private_chat: Callable[[str], str | None] = lambda _channel: None,
    ) -> None:
        self._catalogue = catalogue
        self.welcome = welcome
        self._private_chat = private_chat
        self._lines: Mapping[str, Callable[[Turn, str], OutboundMessage]] = {
            "start": lambda turn, _value: self.welcome(turn.language),
            "privacy": lambda turn, _value: self._catalogue.line("privacy", turn.language),
            "language": self._language,
            "group": self._group,
        }

    async def run(
        self, turn: Turn, row: InboxRow, choice: str, form: dict[str, Any] | None
    ) -> ActionResult | None:
        """The answer, which leaves an open form as it is; None when it is no such command."""
        name, _, value = choice.partition(":")
        if name == "read_reply":
            return ActionResult(await self._read_reply(turn, row), form)
        line = self._lines.get(name)
        return None if line is None else ActionResult((line(turn, value),), form)

    def _language(self, turn: Turn, value: str) -> OutboundMessage:
        chosen = next((code for code in LANGUAGES if code == value), None)
        if chosen is not None:
            turn.conversation.language = chosen
            turn.conversation.language_chosen = True
            return self._catalogue.line("language_set", chosen)
        label = self._catalogue.label
        choices = tuple(
            Choice(f"language:{code}", label(f"language_{code}", turn.language))
            for code in LANGUAGES
        )
        return self._catalogue.line("language_ask", turn.language, choices=choices)

    def _group(self, turn: Turn, _value: str) -> OutboundMessage:
        address = self._private_chat(turn.conversation.channel)
        label = self._catalogue.label("private_chat", turn.language)
        links = (Link(label, address),) if address is not None else ()
        return self._catalogue.line("group_private", turn.language, links=links)

    async def _read_reply(self, turn: Turn, row: InboxRow) -> tuple[OutboundMessage, ...]:
        """The button beneath "a reply is waiting": the reply itself was let go when the tap came
        in, so there is something to say only when there is none."""
        on_its_way = OutboxRow.state.in_(("pending", "sending", "held"))
        came = await turn.session.scalar(
            select(OutboxRow.id)
            .where(
                OutboxRow.conversation_id == turn.conversation.id,
                or_(on_its_way, OutboxRow.sent_at >= row.received_at),
            )
            .limit(1)
        )
        if came is not None:
            return ()
        return (self._catalogue.line("no_reply_waiting", turn.language),)
