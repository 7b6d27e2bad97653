"""In which script a message is, and in which language it is answered."""

from __future__ import annotations

import time

import pytest

from core.text.arabizi import Arabizi
from core.text.language import language_of, script_of


@pytest.mark.parametrize(
    ("text", "script", "language"),
    [
        ("كيف أجدد الجواز؟", "arabic", "ar"),
        ("How do I renew my passport?", "latin", "en"),
        ("kif ajadded el jawaz", "latin", "ar"),
        # mixed: a foreign word or two do not change the language of a sentence
        ("أريد تجديد passport", "arabic", "ar"),
        ("عندي مشكلة في e-mail والـ password", "arabic", "ar"),
        ("I lost my جواز yesterday, what should I do?", "latin", "en"),
        ("مرحبا hello", "arabic", "ar"),
        # other scripts, and Arabic script of other languages
        ("Привет, как продлить паспорт?", "other", None),
        ("护照怎么续期", "other", None),
        ("पासपोर्ट", "other", None),
        ("שלום", "other", None),
        ("Привет passport паспорт", "other", None),
        ("پاسپورت کی تجدید", "arabic", "ar"),
        ("Ça coûte combien, s’il vous plaît ?", "latin", "en"),
        # no letters
        ("", "none", None),
        ("12345", "none", None),
        ("👍🏽🙏", "none", None),
        ("؟!", "none", None),
        ("\u202e\u200b", "none", None),
    ],
)
def test_script_and_language(
    arabizi: Arabizi, text: str, script: str, language: str | None
) -> None:
    assert script_of(text) == script
    assert language_of(text, arabizi, "ar") == (language or "ar")
    assert language_of(text, arabizi, "en") == (language or "en")


@pytest.mark.parametrize("text", ["sh2" * 33_333, "س" * 100_000, "\u202e" * 100_000, "я" * 100_000])
def test_a_hundred_thousand_characters_take_no_long_time(arabizi: Arabizi, text: str) -> None:
    started = time.process_time()
    language_of(text, arabizi, "ar")
    assert time.process_time() - started < 1.0
