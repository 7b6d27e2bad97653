"""The desk's own words, in Arabic and English, from `strings/<language>.yml`.

Both files have the same keys with the same slots; this is checked when they are read, so that a
page never lacks a word in one language. What citizens and staff write is not the affair of this
module.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from markupsafe import Markup, escape
from ruamel.yaml import YAML

from core.errors import ConfigError
from core.messages import Language

LANGUAGES: tuple[Language, ...] = ("ar", "en")

_FOLDER = Path(__file__).parent / "strings"


class Words:
    """One language's words."""

    def __init__(self, language: Language, table: Mapping[str, str]) -> None:
        self.language = language
        self.direction = "rtl" if language == "ar" else "ltr"
        self._table = table

    def __getitem__(self, key: str) -> str:
        """The words of this key.

        Raises:
            KeyError: there is no such key.
        """
        return self._table[key]

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def say(self, key: str, **values: object) -> Markup:
        """The words with their slots filled, for a page: values are escaped unless they are
        markup already."""
        return escape(self._table[key]).format(**values)

    def named(self, group: str, name: str) -> str:
        """The words for one of the fixed names of a group (`kind_`, `state_` ...); a name that is
        not known is shown as it is, because hiding it would help nobody."""
        return self._table.get(f"{group}_{name}", name)

    def count(self, unit: str, n: int) -> str:
        """A number with its noun in the form that the language's grammar asks for."""
        return self._table[f"{unit}_{_plural(self.language, n)}"].format(n=n)

    def span(self, length: timedelta) -> str:
        """A length of time as one would say it: minutes, then hours, then days, rounded down."""
        minutes = max(0, int(length.total_seconds() // 60))
        if minutes < 1:
            return self._table["span_now"]
        if minutes < 60:
            return self.count("minutes", minutes)
        if minutes < 48 * 60:
            return self.count("hours", minutes // 60)
        return self.count("days", minutes // (24 * 60))


def _plural(language: Language, n: int) -> str:
    """The plural class of Unicode's CLDR: one, two, few, many or other."""
    if language != "ar":
        return "one" if n == 1 else "other"
    if n in (1, 2):
        return "one" if n == 1 else "two"
    if 3 <= n % 100 <= 10:
        return "few"
    return "many" if 11 <= n % 100 <= 99 else "other"


def load_words(folder: Path = _FOLDER) -> dict[Language, Words]:
    """Read all languages.

    Raises:
        ConfigError: a file is malformed, or its keys or slots are not those of the other.
    """
    tables = {language: _read(folder / f"{language}.yml") for language in LANGUAGES}
    first, second = (tables[language] for language in LANGUAGES)
    for key in sorted(set(first) ^ set(second)):
        raise ConfigError(f"{folder}: {key} is missing in one of the languages")
    for key, text in first.items():
        if _slots(text) != _slots(second[key]) and not _PLURALS.intersection(key.split("_")[-1:]):
            raise ConfigError(f"{folder}: {key} has different slots in the two languages")
    return {language: Words(language, table) for language, table in tables.items()}


#: Arabic says "one hour" and "two hours" without a numeral.
_PLURALS = {"one", "two"}


def _slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _read(path: Path) -> dict[str, str]:
    data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not all(
        isinstance(key, str) and isinstance(text, str) and text.strip()
        for key, text in data.items()
    ):
        raise ConfigError(f"{path}: every line must be a key and its words")
    return {key: text.strip() for key, text in data.items()}
