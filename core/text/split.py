"""Cuts a text that is too long for one message into several, at the ends of sentences.

Nothing is added and nothing but the white space at a cut is left out, so the parts together are
the text. Lengths are in UTF-16 code units, which is how Telegram counts
(https://core.telegram.org/api/entities#utf-16); where a platform counts characters this is the
stricter count.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

#: Where a text may be cut, the best places first: between paragraphs, lines, sentences, words.
_PLACES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"(?<=[.!?؟…。])[\"'»”)\]]*\s+"),
    re.compile(r"(?<=[،؛,;:])\s+"),
    re.compile(r"\s+"),
)

#: A part shorter than this share of the room is not worth a better place to cut.
_FULL_ENOUGH = 0.4

_ZWJ = "\u200d"


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(char > "\uffff" for char in text)


def split(text: str, most: int, last: int | None = None) -> list[str]:
    """The text in parts of at most `most` units, the last of at most `last` (default: `most`).

    Raises:
        ValueError: a limit is below 16 units, where no sensible cut is left.
    """
    last = most if last is None else min(last, most)
    if last < 16:
        raise ValueError(f"{last} units are too few for a part")
    parts: list[str] = []
    rest = text.strip()
    while units(rest) > last:
        # What follows must hold something, so a text that fits but for the last limit is cut too.
        room = most if units(rest) > most else units(rest) - 1
        head, rest = _cut(rest, room)
        if head:
            parts.append(head)
    if rest or not parts:
        parts.append(rest)
    return parts


def _cut(text: str, room: int) -> tuple[str, str]:
    window = _prefix(text, room)
    for place in _PLACES:
        ends = [match for match in place.finditer(text, 0, len(window) + 1) if match.start() > 0]
        fitting = [match for match in ends if match.start() <= len(window)]
        if fitting and fitting[-1].start() >= _FULL_ENOUGH * len(window):
            cut = fitting[-1]
            return text[: cut.start()].rstrip(), text[cut.start() :].lstrip()
    at = len(window)
    while at > 1 and _joins(text[at - 1], text[at]):
        at -= 1
    return text[:at], text[at:]


def _prefix(text: str, room: int) -> str:
    """As much of the beginning as has `room` units."""
    window = text[:room]
    excess = units(window) - room
    while excess > 0:
        window = "".join(islice(window, len(window) - max(1, excess // 2)))
        excess = units(window) - room
    return window


def _joins(before: str, after: str) -> bool:
    """Whether the two characters are parts of one sign."""
    return _ZWJ in (before, after) or unicodedata.combining(after) != 0 or after == "\ufe0f"
