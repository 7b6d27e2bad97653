"""Cleaning and folding: what may differ in writing without differing in meaning is made alike.

`clean` keeps a text readable (for storage and the encoder); `fold` goes further and is for
comparing only. Sources: the Unicode normalization form NFKC (UAX #15) and bidirectional format
characters (UAX #9); the letters folded are those commonly confused in Arabic typing (hamza
carriers, ta marbuta, alif maqsura, Persian letters for Gulf and Iraqi sounds).
"""

from __future__ import annotations

import re
import unicodedata

#: Characters of a message that understanding looks at; the rest of a longer one is ignored.
MAX_UNDERSTOOD = 2_000

_SPACES = re.compile(r"\s+")
_DIACRITICS = re.compile(r"[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u08d3-\u08ff]")
_ELONGATED_ARABIC = re.compile(r"([\u0621-\u064a])\1{2,}")
_ELONGATED_LATIN = re.compile(r"([a-z])\1{2,}")
_NOT_WORD = re.compile(r"[^\w]+|_+")

_LETTERS = str.maketrans(
    {
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ې": "ي",
        "ئ": "ي",
        "ؤ": "و",
        "ة": "ه",
        "ۀ": "ه",
        "ہ": "ه",
        "ھ": "ه",
        "ک": "ك",
        "گ": "ك",
        "ڭ": "ك",
        "ݣ": "ك",
        "چ": "ج",
        "ژ": "ج",
        "پ": "ب",
        "ڤ": "ف",
        "ڨ": "ق",
        "ۆ": "و",
        "ء": None,
        "ـ": None,
        **{chr(0x0660 + digit): str(digit) for digit in range(10)},
        **{chr(0x06F0 + digit): str(digit) for digit in range(10)},
    }
)


class _Visible(dict[int, str | int | None]):
    """What becomes of each character, found when it is first met: controls and separators become a
    blank; format characters, surrogates and what has no meaning go; the rest stays."""

    def __missing__(self, code: int) -> str | int | None:
        category = unicodedata.category(chr(code))
        becomes: str | int | None = code
        if category in ("Cc", "Zl", "Zp", "Zs"):
            becomes = " "
        elif category in ("Cf", "Cs", "Co", "Cn"):
            becomes = None
        self[code] = becomes
        return becomes


_VISIBLE = _Visible()


def clean(text: str) -> str:
    """Readable text: NFKC, without control, format and bidirectional characters, spaces single.

    At most `MAX_UNDERSTOOD` characters are looked at and given back, so the time is bounded.
    Cleaning what is clean changes nothing.
    """
    # Normalized after the invisible ones went: a letter and its mark may stand on both sides.
    text = unicodedata.normalize("NFKC", text[:MAX_UNDERSTOOD].translate(_VISIBLE))
    return _SPACES.sub(" ", text).strip()[:MAX_UNDERSTOOD].rstrip()


def fold(text: str) -> str:
    """Comparable text: lower case, no diacritics or tatweel, letters folded, elongation undone,
    Western digits, punctuation and symbols turned into single spaces."""
    text = clean(text).lower()
    text = _DIACRITICS.sub("", text).translate(_LETTERS)
    text = _ELONGATED_ARABIC.sub(r"\1", text)
    text = _ELONGATED_LATIN.sub(r"\1\1", text)
    return _SPACES.sub(" ", _NOT_WORD.sub(" ", text)).strip()


def fold_all(text: str) -> str:
    """`fold` of the whole of a text, however long."""
    pieces = []
    while text:
        piece = text[:MAX_UNDERSTOOD]
        if len(text) > MAX_UNDERSTOOD:  # cut between words where there is a blank
            piece = piece[: max(piece.rfind(" "), piece.rfind("\n")) + 1] or piece
        pieces.append(fold(piece))
        text = text[len(piece) :]
    return " ".join(piece for piece in pieces if piece)


def has_words(text: str) -> bool:
    """Whether there is at least one letter or digit (of any script)."""
    return any(char.isalnum() for char in clean(text))
