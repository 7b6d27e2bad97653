"""Which language a message is answered in: Arabic or English. Arabizi is Arabic."""

from __future__ import annotations

from typing import Literal

from core.messages import Language
from core.text.arabizi import Arabizi
from core.text.clean import clean

Script = Literal["arabic", "latin", "other", "none"]


def script_of(text: str) -> Script:
    """The script of most of a text's letters; `other` for scripts that are neither Arabic nor
    Latin, `none` when there are no letters."""
    arabic = latin = other = 0
    for char in clean(text):
        if not char.isalpha():
            continue
        if "\u0600" <= char <= "\u06ff" or "\u0750" <= char <= "\u077f":
            arabic += 1
        elif char.isascii() or "\u00c0" <= char <= "\u024f":
            latin += 1
        else:
            other += 1
    if arabic + latin + other == 0:
        return "none"
    if other > arabic + latin:
        return "other"
    return "arabic" if arabic * 2 >= latin else "latin"


def language_of(text: str, arabizi: Arabizi, default: Language) -> Language:
    """The language to answer in; `default` when the text does not show it."""
    script = script_of(text)
    if script == "arabic":
        return "ar"
    if script == "latin":
        return "ar" if arabizi.is_arabizi(text) else "en"
    return default
