"""Ticket numbers that are easy to read aloud: two groups of three digits, such as 482-731.

Drawn at random, so that a number tells nothing of how many tickets there are, and closed by a
Damm check digit (H. M. Damm, 2004), so that one wrong digit or two exchanged neighbours are
noticed and never lead to somebody else's ticket.
"""

from __future__ import annotations

import re
import secrets

_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_SHAPE = re.compile(r"(?<![0-9])([0-9]{3})[\s\-–.]?([0-9]{3})(?![0-9])")


def draw() -> str:
    """A new random number; the caller makes sure that it is not taken."""
    body = f"{secrets.randbelow(90_000) + 10_000}"
    digits = body + str(_check(body))
    return f"{digits[:3]}-{digits[3:]}"


def is_valid(number: str) -> bool:
    """Whether it has the shape and the check digit of a ticket number."""
    digits = number.replace("-", "")
    return bool(re.fullmatch(r"[0-9]{6}", digits)) and _check(digits) == 0


def normalise(number: str) -> str:
    """The number as it is stored, from what a person typed (Arabic digits, spaces, no hyphen)."""
    found = _SHAPE.search(number.translate(_DIGITS))
    return f"{found[1]}-{found[2]}" if found else number.strip()


def _check(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return interim
