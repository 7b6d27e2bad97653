"""Every text that may be sent, derived from the files again, with nothing of the bot's own code."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_DAY_AR = "الاثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت|الأحد"
_MONTH_AR = "يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"
_DAY_EN = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTH_EN = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATES = {
    "ar": rf"(?:{_DAY_AR}) [0-9]{{1,2}} (?:{_MONTH_AR}) [0-9]{{4}} الساعة [0-9]{{1,2}}:[0-9]{{2}}",
    "en": rf"(?:{_DAY_EN}) [0-9]{{1,2}} (?:{_MONTH_EN}) [0-9]{{4}} at [0-9]{{1,2}}:[0-9]{{2}}",
}
# The mark keeps the groups in order among Arabic letters.
_NUMBER = "\u200e[0-9]{3}-[0-9]{3}"
_CODE = "\u200e[0-9]{4}-[0-9]{4}"
_SPANS = {
    "ar": "(?:[0-9]+ )?(?:ساعة|ساعة واحدة|ساعتين|ساعات|دقيقة|دقيقة واحدة|دقيقتين|دقائق)",
    "en": "[0-9]+ (?:hour|minute)s?",
}


#: The person's own words, set off as a quotation.
_QUOTED = {
    "ar": "«\u2068[^\u2068\u2069«»\n]+\u2069»",
    "en": "\u201c\u2068[^\u2068\u2069\u201c\u201d\n]+\u2069\u201d",
}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass
class Approved:
    """`answers`: FAQ id and language to text; `lines`: key and language to template; `labels`:
    label key and language to text; `topics`: titles of topics by language; `said`: all that the one
    person wrote who may be quoted."""

    answers: dict[tuple[str, str], str]
    lines: dict[tuple[str, str], str]
    titles: dict[str, str]
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    topics: dict[str, set[str]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, faq: Path, replies: Path, titles: dict[str, str]) -> Approved:
        answers = {}
        topics: dict[str, set[str]] = {"ar": set(), "en": set()}
        for path in sorted(faq.glob("*.yml")):
            topic = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
            for language in ("ar", "en"):
                topics[language].add(topic["title"][language])
                for item in topic["entries"]:
                    answers[item["id"], language] = item["answer"][language]
        lines, labels = {}, {}
        for language in ("ar", "en"):
            text = (replies / f"{language}.yml").read_text(encoding="utf-8")
            book = YAML(typ="safe").load(text)
            lines |= {(key, language): line for key, line in book["lines"].items()}
            labels |= {(key, language): label for key, label in book["labels"].items()}
        return cls(answers, lines, titles, labels, topics)

    def why_not(self, row: Any, staff_replies: set[str]) -> str | None:
        """What is wrong with an outbox row, or None when it is approved in every respect."""
        text, language = row.payload["text"], row.payload["language"]
        if row.text_hash != sha(text):
            return "text_hash is not the hash of the text"
        if row.payload["origin"]["hash"] != row.approved_hash:
            return "payload and row name different approved hashes"
        if row.origin_kind == "faq":
            approved = self.answers.get((row.origin_ref, language))
            if approved is None or text != approved.strip():
                return "not the approved answer"
        elif row.origin_kind == "line":
            approved = self.lines.get((row.origin_ref, language))
            if approved is None or not self.pattern(approved, language).fullmatch(text):
                return "not the catalogue's line with its slots filled"
            if "{own}" in approved and not self.all_own(text):
                return "quotes what this person never wrote"
        elif row.origin_kind == "staff":
            approved = text
            if text not in staff_replies:
                return "no member of staff wrote this"
        else:
            return f"unknown origin {row.origin_kind}"
        if row.approved_hash != sha(approved.strip()):
            return "approved_hash is not the hash of the approved text"
        return None

    def pattern(self, template: str, language: str) -> re.Pattern[str]:
        slots = {
            "{number}": _NUMBER,
            "{code}": _CODE,
            "{date}": _DATES[language],
            "{span}": _SPANS[language],
            "{title}": self._title(language),
            "{own}": self._own(language),
        }
        parts = re.split(r"(\{[a-z]+\})", template.strip())
        return re.compile("".join(slots.get(part, re.escape(part)) for part in parts))

    def _title(self, language: str) -> str:
        """The ministry's name or a topic's title."""
        names = [self.titles[language], *sorted(self.topics.get(language, ()))]
        return "(?:" + "|".join(map(re.escape, names)) + ")"

    def _own(self, language: str) -> str:
        """Lines of a label and quotations, or of a label and what is no text."""

        def named(prefix: str) -> str:
            found = [
                text
                for (key, lang), text in self.labels.items()
                if lang == language and key.startswith(prefix)
            ]
            return "(?:" + "|".join(map(re.escape, found)) + ")"

        quoted = _QUOTED[language]
        said = f"{quoted}(?: {quoted})*(?: {named('shortened')})?|{named('as_sent')}|[0-9]+"
        line = f"{named('part_')}: (?:{said})"
        return f"{line}(?:\n{line})*"

    def all_own(self, text: str) -> bool:
        """Whether each quotation in the text begins as something does that the person wrote,
        letter by letter."""
        wrote = [_letters(said) for said in self.said]
        quotations = re.findall("\u2068(.*?)\u2069", text)
        return all(any(own.startswith(_letters(q)) for own in wrote) for q in quotations)


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
