"""A ticket's secret code: with it and the number its writer follows the ticket from anywhere.

Eight digits, shown as two groups of four, drawn at random and kept as a keyed hash alone. Also
finds number and code in what people write, in any digits and with words around them, and blanks
the code where it must not stay.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from actions import numbers
from core.crypto import Vault

_HALF = 10_000

#: Digits of any script, and what may stand between the groups of one number: blanks, dashes, dots
#: and the invisible marks that keep digits in order.
_RUN = re.compile(r"\d+")
_GAP = re.compile(r"[\s\-–—‐‑.\u200e\u200f\u2066-\u2069]{1,4}")


@dataclass(frozen=True, slots=True)
class Named:
    """What a text names: ticket numbers (as they are stored; the check digit is looked at where
    they are used) and codes (digits alone), each in order."""

    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def draw() -> str:
    """A new code, such as 0173-4652."""
    return f"{secrets.randbelow(_HALF):04d}-{secrets.randbelow(_HALF):04d}"


def hash_of(vault: Vault, number: str, code: str) -> str:
    """Keyed hash of a ticket's code, as 64 hexadecimal digits; the same code on another ticket has
    another."""
    return vault.lookup(f"{number}\n{_digits(code)}", "ticket/code")


def named_in(text: str) -> Named:
    """Ticket numbers and codes in a text."""
    found = list(_groups(text))
    return Named(
        tuple(numbers.normalise(digits) for kind, digits, _, _ in found if kind == "number"),
        tuple(digits for kind, digits, _, _ in found if kind == "code"),
    )


def blank(text: str) -> str:
    """The text with the digits of every code in it replaced by dots."""
    kept = list(text)
    for kind, _, start, end in _groups(text):
        if kind == "code":
            for place in range(start, end):
                if text[place].isdecimal():
                    kept[place] = "•"
    return "".join(kept)


def blank_beside_number(text: str) -> str:
    """`blank`, where the text names a ticket too; eight digits alone are a telephone number."""
    named = named_in(text)
    return blank(text) if any(numbers.is_valid(number) for number in named.numbers) else text


def words_besides(text: str) -> int:
    """How many words a text has besides digits."""
    return len(re.findall(r"[^\W\d_]+", text))


def _groups(text: str):  # type: ignore[no-untyped-def]
    """(kind, digits, start, end) of each number and code, by the lengths of runs of digits: 6 or
    3+3 is a number, 8 or 4+4 a code, 14 both without anything between."""
    runs = [(m.start(), m.end()) for m in _RUN.finditer(text)]
    place = 0
    while place < len(runs):
        start, end = runs[place]
        place += 1
        length = end - start
        if length == 14:
            yield "number", _digits(text[start : start + 6]), start, start + 6
            yield "code", _digits(text[start + 6 : end]), start + 6, end
        elif length in (6, 8):
            yield "number" if length == 6 else "code", _digits(text[start:end]), start, end
        elif length in (3, 4) and place < len(runs):
            next_start, next_end = runs[place]
            if next_end - next_start == length and _GAP.fullmatch(text[end:next_start]):
                place += 1
                kind = "number" if length == 3 else "code"
                yield kind, _digits(text[start:next_end]), start, next_end


def _digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())
