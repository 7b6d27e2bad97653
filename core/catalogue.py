"""The reply catalogue: every sentence of the bot's own, in each language, with typed slots.

Nothing else may be said to a citizen but approved answers and what staff write. A template's
slots are `{number}`, `{code}`, `{date}`, `{span}`, `{title}` and `{own}` and nothing else; a line
must exist in every language with the same slots, so that a language can never fall silent.
`{own}` shows people their own words, as a quotation (docs/adr/0007-own-words.md).
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from core.errors import ConfigError
from core.messages import Choice, Language, Link, Origin, OutboundMessage, text_hash
from core.own_words import OwnPart, OwnWords

LANGUAGES: tuple[Language, ...] = ("ar", "en")

#: WhatsApp's limit for a reply button.
MAX_LABEL = 20

#: Left-to-right mark: invisible, and taken off by whoever reads a number from a text.
LRM = "\u200e"

_SLOTS = frozenset({"number", "code", "date", "span", "title", "own"})
_CODE = re.compile(r"[0-9]{4}-[0-9]{4}")
_NUMBER = re.compile(r"(?=.{1,20}$)[0-9]+(?:-[0-9]+)*", re.DOTALL)
_MONTHS_AR = (
    "يناير",
    "فبراير",
    "مارس",
    "أبريل",
    "مايو",
    "يونيو",
    "يوليو",
    "أغسطس",
    "سبتمبر",
    "أكتوبر",
    "نوفمبر",
    "ديسمبر",
)
_DAYS_AR = ["الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"]
_MONTHS_EN = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True, slots=True)
class Book:
    """One language's lines and button labels."""

    lines: Mapping[str, str]
    labels: Mapping[str, str]


class Catalogue:
    """Looks up lines and fills their slots."""

    def __init__(self, books: Mapping[Language, Book], zone: ZoneInfo) -> None:
        self._books = books
        self._zone = zone
        _check_alike(books)

    @classmethod
    def load(cls, folder: Path, zone: ZoneInfo) -> Catalogue:
        """Read `ar.yml` and `en.yml`.

        Raises:
            ConfigError: a file is missing or malformed, a line lacks a language, a slot is unknown,
                a label is too long. The message names the file and the key.
        """
        return cls({language: _read(folder / f"{language}.yml") for language in LANGUAGES}, zone)

    @property
    def keys(self) -> frozenset[str]:
        """All lines there are."""
        return frozenset(self._books["ar"].lines)

    def line(
        self,
        key: str,
        language: Language,
        *,
        number: str | int | None = None,
        code: str | None = None,
        date: datetime | None = None,
        span: timedelta | None = None,
        title: str | None = None,
        own: Sequence[OwnPart] | None = None,
        choices: tuple[Choice, ...] = (),
        links: tuple[Link, ...] = (),
    ) -> OutboundMessage:
        """The line with its slots filled, as a message.

        Raises:
            KeyError: no such line. ValueError: a slot is missing, superfluous or not of its type.
        """
        template = self._books[language].lines[key]
        values: dict[str, str] = {}
        if number is not None:
            values["number"] = _number(number)
        if code is not None:
            values["code"] = _code(code)
        if span is not None:
            values["span"] = say_span(span, language)
        if date is not None:
            if not isinstance(date, datetime) or date.tzinfo is None:
                raise ValueError("the slot date takes a moment with its zone")
            values["date"] = say_date(date, language, self._zone)
        if title is not None:
            values["title"] = _title(title)
        if own is not None:
            values["own"] = self._own(own, language)
        if set(values) != _slots_of(template):
            raise ValueError(
                f"line {key} takes {sorted(_slots_of(template))}, got {sorted(values)}"
            )
        return OutboundMessage(
            text=template.format(**values),
            origin=Origin("line", key, text_hash(template)),
            language=language,
            choices=choices,
            links=links,
        )

    def label(self, key: str, language: Language) -> str:
        """The words on a button, at most 20 characters."""
        return self._books[language].labels[key]

    def _own(self, parts: Sequence[OwnPart], language: Language) -> str:
        """One line for each part: its label, and the person's words in quotation marks."""
        if not parts or not all(isinstance(part, OwnPart) for part in parts):
            raise ValueError("the slot own takes at least one part, and nothing else")
        lines = []
        for part in parts:
            if part.count is not None:
                said = _number(part.count)
            elif part.words is None:
                said = self.label("as_sent", language)
            elif isinstance(part.words, OwnWords):
                said = part.words.quoted(language)
                if part.words.cut:
                    said = f"{said} {self.label('shortened', language)}"
            else:
                raise ValueError("the slot own takes the person's own words and nothing else")
            lines.append(f"{self.label(part.label, language)}: {said}")
        return "\n".join(lines)


def say_date(moment: datetime, language: Language, zone: ZoneInfo) -> str:
    """A date and time as a person would say it, in the ministry's zone."""
    local = moment.astimezone(zone)
    clock = f"{local.hour}:{local.minute:02d}"
    if language == "ar":
        day, month = _DAYS_AR[local.weekday()], _MONTHS_AR[local.month - 1]
        return f"{day} {local.day} {month} {local.year} الساعة {clock}"
    day, month = _DAYS_EN[local.weekday()], _MONTHS_EN[local.month - 1]
    return f"{day} {local.day} {month} {local.year} at {clock}"


def say_span(span: timedelta, language: Language) -> str:
    """A length of time of at least one minute as a person would say it, in whole hours where it is
    such; in Arabic as it stands after a preposition."""
    minutes = round(span / timedelta(minutes=1))
    if minutes < 1:
        raise ValueError("the slot span takes a length of at least one minute")
    whole_hours = minutes % 60 == 0
    count = minutes // 60 if whole_hours else minutes
    if language == "en":
        unit = "hour" if whole_hours else "minute"
        return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    one, two, few = ("ساعة", "ساعتين", "ساعات") if whole_hours else ("دقيقة", "دقيقتين", "دقائق")
    if count == 1:
        return f"{one} واحدة"
    if count == 2:
        return two
    return f"{count} {few if 3 <= count % 100 <= 10 else one}"


def _code(value: str) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise ValueError("the slot code takes two groups of four digits")
    return LRM + value


def _number(value: str | int) -> str:
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not _NUMBER.fullmatch(text):
        raise ValueError("the slot number takes digits, with hyphens between them")
    # After Arabic letters the bidirectional algorithm (UAX #9, W2) would show 123-456 with its
    # groups exchanged; a left-to-right mark in front keeps them in order on every channel.
    return LRM + text if "-" in text else text


def _title(value: str) -> str:
    fits = isinstance(value, str) and value.strip() and len(value) <= 200 and value.isprintable()
    if not fits:
        raise ValueError("the slot title takes one line of 1 to 200 printable characters")
    return value


def _slots_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _read(path: Path) -> Book:
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"The reply catalogue {path} cannot be read: {error}") from None
    if not isinstance(data, dict) or set(data) != {"language", "lines", "labels"}:
        raise ConfigError(f"{path}: the keys must be language, lines and labels")
    if data["language"] != path.stem:
        raise ConfigError(f"{path}: language must be {path.stem}")
    for part in ("lines", "labels"):
        if not isinstance(data[part], dict):
            raise ConfigError(f"{path}: {part} must be a mapping of keys to texts")
        for key, text in data[part].items():
            if not isinstance(key, str):
                raise ConfigError(f"{path}: {part}.{key} must be a word")
            if not isinstance(text, str) or not text.strip():
                raise ConfigError(f"{path}: {part}.{key} must be a text")
    for key, text in data["lines"].items():
        try:
            unknown = _slots_of(text) - _SLOTS
        except ValueError as error:
            raise ConfigError(f"{path}: lines.{key}: {error}") from None
        if unknown:
            raise ConfigError(f"{path}: lines.{key} has unknown slots {sorted(unknown)}")
        if any(spec or conversion for _, _, spec, conversion in string.Formatter().parse(text)):
            raise ConfigError(f"{path}: lines.{key}: a slot is its name in braces, nothing more")
    for key, text in data["labels"].items():
        if len(text) > MAX_LABEL:
            raise ConfigError(f"{path}: labels.{key} has {len(text)} characters; 20 is the most")
    return Book(
        {key: text.strip() for key, text in data["lines"].items()},
        {key: text.strip() for key, text in data["labels"].items()},
    )


def _check_alike(books: Mapping[Language, Book]) -> None:
    first, *others = LANGUAGES
    for other in others:
        for part in ("lines", "labels"):
            here: Mapping[str, str] = getattr(books[first], part)
            there: Mapping[str, str] = getattr(books[other], part)
            for key in sorted(set(here) ^ set(there)):
                missing = other if key in here else first
                raise ConfigError(f"The reply catalogue lacks {part}.{key} in {missing}.yml")
        for key, template in books[first].lines.items():
            if _slots_of(template) != _slots_of(books[other].lines[key]):
                raise ConfigError(f"lines.{key} has other slots in {other}.yml than in {first}.yml")
