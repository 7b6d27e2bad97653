"""Splitting: nothing lost, nothing added, no part too long, no sign cut in two."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.text.split import split, units

#: White space, sentence ends, closing quotes, marks, joined and coloured emoji, flags.
PIECES = [
    *("\n\n", "\n", " \n\t\n ", " ", "\u00a0", "\t", "."),
    *("؟", "!", "،", "؛", "»", ")", '"', "كلمة", "a", "ministry", "1.5", "«نعم.»"),
    *("بَّ", "é", "e\u0301\u0302", "👍🏽", "👨‍👩‍👧", "🇸🇦", "🇸🇦🇪🇬", "❤\ufe0f", "1\ufe0f\u20e3", "𐎀"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=120)


def _without_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(TEXTS, st.integers(16, 60), st.integers(16, 60) | st.none())
@example("x" * 40 + "\u0301" * 100, 16, None)
@example("\u200d" * 100, 16, None)
@example(" " * 50, 16, 16)
@example("😀" * 50, 17, 16)
def test_the_parts_are_the_text_and_fit(text: str, most: int, last: int | None) -> None:
    parts = split(text, most, last)
    limit = min(most, last or most)
    assert _without_space("".join(parts)) == _without_space(text)
    assert all(units(part) <= most for part in parts)
    assert units(parts[-1]) <= limit
    if len(parts) > 1:
        assert all(part and part == part.strip() for part in parts)
    # Each part stands in the text as it is, so inner white space was not touched either.
    at = 0
    for part in parts:
        at = text.index(part, at) + len(part)


SIGNS = ["بَّ", "e\u0301", "👍🏽", "👨‍👩‍👧", "🇸🇦", "❤\ufe0f", "1\ufe0f\u20e3", "x", "𐎀"]


@given(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=60), st.integers(16, 40))
def test_no_sign_is_cut_in_two(signs: list[str], most: int) -> None:
    text = "".join(signs)
    borders = {0}
    for sign in signs:
        borders.add(max(borders) + len(sign))
    at = 0
    for part in split(text, most):
        assert at in borders, f"cut inside a sign before {part!r}"
        at += len(part)


def test_a_text_that_fits_comes_back_as_it_is() -> None:
    text = "\n  أهلًا \n"
    assert split(text, 100) == [text]
    assert split("", 100) == [""]
    assert split("x" * 4096, 4096) == ["x" * 4096]


def test_emoji_count_as_two() -> None:
    assert units("a😀") == 3
    assert split("😀" * 8, 16) == ["😀" * 8]
    assert split("😀" * 9, 16) == ["😀" * 8, "😀"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # A paragraph goes before a line, a line before a sentence, a sentence before a word.
        (
            "First part here.\n\nSecond. Third one\nis longer",
            ["First part here.", "Second. Third one\nis longer"],
        ),
        (
            "First line is this\nSecond. Third one is longer",
            ["First line is this", "Second. Third one is longer"],
        ),
        (
            "هذه جملة أولى. وهذه جملة ثانية طويلة قليلًا",
            ["هذه جملة أولى.", "وهذه جملة ثانية طويلة قليلًا"],
        ),
        (
            "هل هذا سؤال واضح؟ هذا جوابه الطويل قليلًا جدًا",
            ["هل هذا سؤال واضح؟", "هذا جوابه الطويل قليلًا جدًا"],
        ),
        # The closing quote stays with its sentence.
        (
            "قال الموظف «نعم.» ثم مضى في طريقه إلى البيت",
            ["قال الموظف «نعم.»", "ثم مضى في طريقه إلى البيت"],
        ),
        ("word " * 10, ["word " * 5 + "word", "word " * 3 + "word"]),
        # A better place too near the beginning is not worth a nearly empty message.
        (
            "Hi.\n\nThis sentence has no end for a long while",
            ["Hi.\n\nThis sentence has no end", "for a long while"],
        ),
    ],
)
def test_it_is_cut_where_a_reader_pauses(text: str, parts: list[str]) -> None:
    assert split(text, 30) == parts


def test_the_last_part_may_have_less_room() -> None:
    text = "One sentence. Another sentence. And the last one."
    assert split(text, 100, 100) == [text]
    assert split(text, 100, 20) == ["One sentence. Another sentence.", "And the last one."]
    assert split("x" * 50, 100, 20) == ["x" * 49, "x"]


def test_too_little_room_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        split("text", 15)
    with pytest.raises(ValueError, match="too few"):
        split("text", 100, 15)
