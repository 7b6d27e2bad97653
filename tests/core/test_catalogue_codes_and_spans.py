"""The slots for secret codes and lengths of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.catalogue import Book, Catalogue, say_span
from core.messages import Language

LINES = {"kept": "{code}", "quiet": "{span}"}
MADE = Catalogue({"ar": Book(LINES, {}), "en": Book(LINES, {})}, ZoneInfo("Asia/Riyadh"))


def test_a_code_is_said_with_its_groups_in_order() -> None:
    """After Arabic letters the groups would be shown exchanged without the mark."""
    assert MADE.line("kept", "ar", code="0173-4652").text == "\u200e0173-4652"


@pytest.mark.parametrize(
    "code",
    ["", "01734652", "173-4652", "0173-46521", "0173 4652", "٠١٧٣-٤٦٥٢", 1734652, b"0173-4652"],
)
def test_a_code_is_two_groups_of_four_digits(code: Any) -> None:
    with pytest.raises(ValueError, match="slot code"):
        MADE.line("kept", "en", code=code)


@pytest.mark.parametrize(
    ("minutes", "ar", "en"),
    [
        (1, "دقيقة واحدة", "1 minute"),
        (2, "دقيقتين", "2 minutes"),
        (30, "30 دقيقة", "30 minutes"),
        (60, "ساعة واحدة", "1 hour"),
        (90, "90 دقيقة", "90 minutes"),
        (105, "105 دقائق", "105 minutes"),
        (120, "ساعتين", "2 hours"),
        (180, "3 ساعات", "3 hours"),
        (600, "10 ساعات", "10 hours"),
        (660, "11 ساعة", "11 hours"),
        (720, "12 ساعة", "12 hours"),
        (22 * 60, "22 ساعة", "22 hours"),
    ],
)
def test_a_length_of_time_agrees_with_its_noun(minutes: int, ar: str, en: str) -> None:
    said: dict[Language, str] = {"ar": ar, "en": en}
    for language, words in said.items():
        assert say_span(timedelta(minutes=minutes), language) == words
        assert MADE.line("quiet", language, span=timedelta(minutes=minutes)).text == words


def test_no_time_at_all_is_not_said() -> None:
    with pytest.raises(ValueError, match="slot span"):
        MADE.line("quiet", "en", span=timedelta(seconds=20))
