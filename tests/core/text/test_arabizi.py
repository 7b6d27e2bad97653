"""Arabizi: digits and digraphs sound like their Arabic letters, and English is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.arabizi import Arabizi, skeleton, skeletons
from core.text.clean import fold


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        # digits
        ("so2al", "سؤال"),
        ("wara2a", "ورقة"),  # 2 for qaf, in the cities of the Levant and Egypt
        ("3arabi", "عربي"),
        ("4ahab", "ذهب"),
        ("5adamat", "خدمات"),
        ("6alab", "طلب"),
        ("7ajz", "حجز"),
        ("8alam", "قلم"),
        ("9adi8", "صديق"),
        ("9adim", "قديم"),  # 9 for qaf, in the Maghreb
        # digits with an apostrophe
        ("3'arama", "غرامة"),
        ("7'edma", "خدمة"),
        ("9'aman", "ضمان"),
        ("6'arf", "ظرف"),
        # digraphs
        ("shahada", "شهادة"),
        ("chahada", "شهادة"),
        ("mekhalfa", "مخالفة"),
        ("gharama", "غرامة"),
        ("thalatha", "ثلاثة"),
        ("dhahab", "ذهب"),
        ("rousoum", "رسوم"),
        ("rosoom", "رسوم"),
        ("tajdeed", "تجديد"),
        # letters with several sounds
        ("gawab", "جواب"),
        ("galam", "قلم"),
        ("passpor", "باسبور"),
        ("viza", "فيزا"),
        ("qanoun", "قانون"),
        ("taxi", "تاكسي"),
        # the article, and doubled letters
        ("eljawaz", "جواز"),
        ("al-jawaz", "جواز"),
        ("mowazzaf", "موظف"),
    ],
)
def test_a_word_sounds_alike_in_both_scripts(latin: str, arabic: str) -> None:
    assert skeleton(fold(arabic)) in skeletons(latin)


@pytest.mark.parametrize(
    ("one", "other"), [("7ajz", "5ubz"), ("3arabi", "gharbi"), ("shakwa", "sakwa")]
)
def test_different_sounds_stay_different(one: str, other: str) -> None:
    assert not set(skeletons(one)) & set(skeletons(other))


@pytest.mark.parametrize(
    "text",
    [
        "kif ajadded el jawaz",
        "shu lazem a3mel",
        "3ayez ajadid el passport bta3i",
        "bghit njadded lpasseport dyali",
        "wein maktab el rukhsa",
        "bkam tajdid el ro5sa",
        "mar7aba",
        "abgha maw3id",
        "SHLON AJADED JAWAZI",
        "kam rosoom tajdid",
        "3\u2019arama",
    ],
)
def test_arabizi_is_known(arabizi: Arabizi, text: str) -> None:
    assert arabizi.is_arabizi(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I renew my passport?",
        "passport renewal",
        "I need 2 copies of the form",
        "my son was born on 3 May 2024",
        "where is the office",
        "hello, thanks",
        "renew",
        "fees",
        "Can I pay with Visa or Mastercard?",
        "2 3 5 7",
        "",
        "كيف أجدد الجواز",
        "كيف kif",
    ],
)
def test_what_is_not_arabizi(arabizi: Arabizi, text: str) -> None:
    assert not arabizi.is_arabizi(text)


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("kif ajadded jawaz el safar?", "كيف اجدد جواز سفر"),
        ("chahada milad", "شهاده ميلاد"),
        ("7ajz maw3ed", "حجز موعد"),
        ("el gharama kam", "غرامه كم"),
        ("3enwan el far3", "عنوان فرع"),
        ("kam 40 dinar", "كم 40 دنر"),
        ("كيف kif", "كيف كيف"),
    ],
)
def test_words_become_those_of_the_knowledge_base(
    arabizi: Arabizi, latin: str, arabic: str
) -> None:
    assert fold(arabizi.to_arabic(latin)) == arabic


def test_an_unknown_word_is_spelt_letter_by_letter(arabizi: Arabizi) -> None:
    assert arabizi.to_arabic("zarbut") == "زربت"


@given(st.text("abcdefghijklmnopqrstuvwxyz23456789' "))
def test_any_latin_text_is_read_without_fail(text: str) -> None:
    arabizi = Arabizi(["جواز السفر"], ["passport"])
    arabizi.is_arabizi(text)
    arabizi.to_arabic(text)
    for word in text.split():
        assert 1 <= len(skeletons(word)) <= 48
        assert skeleton(word) == skeletons(word)[0]


@pytest.mark.parametrize("text", ["a" * 100_000, "sh2g9" * 20_000, "ch " * 33_000, "9'" * 50_000])
def test_a_long_text_takes_no_long_time(arabizi: Arabizi, text: str) -> None:
    started = time.process_time()
    arabizi.is_arabizi(text)
    arabizi.to_arabic(text)
    skeletons(text)
    assert time.process_time() - started < 1.0
