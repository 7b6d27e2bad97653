"""Dialect words: each dialect's way to ask meets in the same standard word."""

from __future__ import annotations

import pytest

from core.text.clean import fold
from core.text.dialect import _STANDARD, standard_word, standardise


@pytest.mark.parametrize(
    ("standard", "forms"),
    [
        ("ماذا", "شو ايش إيش وش شنو اش شنهو"),
        ("اين", "وين فين وينه"),
        ("متى", "امتى إمتى إيمتى وقتاش شوكت وينتا"),
        ("كيف", "ازاي إزاي كيفاش شلون ازاى"),
        ("لماذا", "ليش ليه علاش لويش"),
        ("كم", "كام قديش شحال شكد اشحال"),
        ("بكم", "بكام بشحال بقديش بقداش بيش"),
        ("اريد", "ابغى أبغى ابي أبي عايز عاوزة بدي بغيت نحب اشتي داير"),
        ("الان", "الحين هلق دلوقتي هسه توا دابا ذلحين"),
        ("ليس", "مو مش موش مب"),
        ("جواز سفر", "باسبور باسبورت بسبور جوازي"),
        ("سياره", "عربية طوموبيل كرهبة سيارتي"),
        ("ضاع", "ضيعت مفقود فقدت تاه"),
        ("دفع", "ادفع اسدد نخلص"),
        ("رسوم", "فلوس سعر تكلفة مصاري"),
    ],
)
def test_dialects_meet_in_one_word(standard: str, forms: str) -> None:
    target = fold(standard).replace(" ", "_")
    assert {standard_word(fold(form)) for form in forms.split()} == {target}


@pytest.mark.parametrize(
    ("word", "standard"),
    [
        ("والباسبور", "جواز_سفر"),
        ("هالباسبور", "جواز_سفر"),
        ("بالباسبور", "جواز_سفر"),
        ("وبكام", "بكم"),
        ("فوين", "اين"),
        ("لليسن", "رخصه"),
    ],
)
def test_what_is_joined_in_front_is_looked_through(word: str, standard: str) -> None:
    assert standard_word(fold(word)) == standard


@pytest.mark.parametrize("word", ["بلديه", "وزير", "مدرسه", "بطاقه", "ليل", "office", "123", ""])
def test_other_words_stay(word: str) -> None:
    assert standard_word(word) == word


def test_a_sentence_is_made_standard_word_by_word() -> None:
    assert standardise(fold("شلون أجدد الباسبور الحين؟")) == "كيف تجديد جواز_سفر الان"
    assert standardise(fold("إزاي أجدد الباسبور دلوقتي؟")) == "كيف تجديد جواز_سفر الان"


def test_standardising_twice_changes_nothing() -> None:
    again = {word: standard_word(target) for word, target in _STANDARD.items()}
    assert {word: target for word, target in _STANDARD.items() if again[word] != target} == {}
