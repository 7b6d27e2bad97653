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
#: The cut is at the group, the white space, so that closing quotes stay with their sentence.
_PLACES = (
    re.compile(r"((?<!\s)[^\S\n]*\n[^\S\n]*\n\s*)"),
    re.compile(r"((?<!\s)[^\S\n]*\n\s*)"),
    re.compile(r"[.!?؟…。][\"'»”’)\]]*(\s+)"),
    re.compile(r"[،؛,;:](\s+)"),
    re.compile(r"(\s+)"),
)

#: A part shorter than this share of the room is not worth a better place to cut.
_FULL_ENOUGH = 0.4

#: How far back from the end of the room we look for a place between two signs, in characters.
#: No sign that people write is longer; heaps of marks are, and are cut.
_LONGEST_SIGN = 64

_ZWJ = "\u200d"


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(char > "\uffff" for char in text)


def split(text: str, most: int, last: int | None = None) -> list[str]:
    """The text in parts of at most `most` units, the last of at most `last` (default: `most`).
    One that fits comes back as it is.

    Raises:
        ValueError: a limit is below 16 units, where no sensible cut is left.
    """
    last = most if last is None else min(last, most)
    if last < 16:
        raise ValueError(f"{last} units are too few for a part")
    if units(text) <= last:
        return [text]
    parts: list[str] = []
    rest = text.strip()
    while (length := units(rest)) > last:
        # What follows must hold something, so a text that fits but for the last limit is cut too.
        head, rest = _cut(rest, min(most, length - 1))
        parts.append(head)
    if rest or not parts:
        parts.append(rest)
    return parts


def _cut(text: str, room: int) -> tuple[str, str]:
    """The beginning, of at most `room` units, and what follows; the text is longer than that."""
    window = len(_prefix(text, room))
    for place in _PLACES:
        cuts = [match.start(1) for match in place.finditer(text, 0, window + 1)]
        if cuts and cuts[-1] >= max(1, _FULL_ENOUGH * window):
            return text[: cuts[-1]], text[cuts[-1] :].lstrip()
    at = window
    while at > max(1, window - _LONGEST_SIGN) and _joins(text[:at], text[at]):
        at -= 1
    if _joins(text[:at], text[at]):
        at = window
    return text[:at].rstrip(), text[at:].lstrip()


def _prefix(text: str, room: int) -> str:
    """As much of the beginning as has `room` units."""
    window = text[:room]
    excess = units(window) - room
    while excess > 0:
        window = "".join(islice(window, len(window) - max(1, excess // 2)))
        excess = units(window) - room
    return window


def _joins(before: str, after: str) -> bool:
    """Whether a character belongs to the same sign as the end of what stands before it: marks,
    joined emoji, their colours and variants, the two letters of a flag."""
    if _ZWJ in (before[-1], after) or unicodedata.category(after).startswith("M"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    if not _is_flag_letter(after):
        return False
    letters = 0
    while letters < len(before) and _is_flag_letter(before[-1 - letters]):
        letters += 1
    return letters % 2 == 1


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
