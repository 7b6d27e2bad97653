"""Invisible characters: which of them no text of ours may hold, and how they are named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from faq.findings import Finding, Words, finding

#: How many invisible characters of one file are named.
MAX_HIDDEN = 50

#: Characters that no text of ours may hold: control characters (but not the line feed),
#: embeddings, overrides and isolates of direction, line and paragraph separators, byte order
#: marks, halves of surrogate pairs. Marks of direction (U+200E, U+200F, U+061C) and joiners
#: are part of how Arabic, Kurdish and Persian are written.
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    "\ud800-\udfff]"
)
#: The same without the tab, which may stand between two values of a file, though not in a text.
HIDDEN_IN_FILE = re.compile(HIDDEN.pattern.replace("\x00-\x09", "\x00-\x08"))


def hidden_name(char: str) -> Words:
    """How a finding names an invisible character."""
    number = f"U+{ord(char):04X}"
    name = unicodedata.name(char, "control character")
    return {"en": f"{number} ({name.lower()})", "ar": number}


def hidden_in(text: str, file: str) -> Iterator[Finding]:
    """A finding for each in a file's text, the first fifty."""
    for match in islice(HIDDEN_IN_FILE.finditer(text), MAX_HIDDEN):
        start = text.rfind("\n", 0, match.start()) + 1
        yield finding(
            "F011",
            file=file,
            line=text.count("\n", 0, match.start()) + 1,
            column=match.start() - start + 1,
            name=hidden_name(match.group()),
        )
