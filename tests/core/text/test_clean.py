"""Cleaning and folding: each rule by examples, and what holds for any text at all."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.text.clean import MAX_UNDERSTOOD, clean, fold, fold_all, has_words

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
# Characters that stand in each other's way: marks, joiners, compositions, ligatures, spaces.
AWKWARD = st.text(
    st.sampled_from(
        "aeاآوءةـﬁ² \n\u0301\u0308\u0653\u0654\u064e\u200d\u200f\u00a8\u00ad\u3000\ufdfa"
    )
)


@given(ANY_TEXT | AWKWARD)
@example("ﷺ" * MAX_UNDERSTOOD)
@example("e\u200d\u0301")
@example(" \u0308")
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert len(once) <= MAX_UNDERSTOOD


@given(ANY_TEXT | AWKWARD)
def test_a_clean_text_has_nothing_that_cannot_be_seen(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    categories = {unicodedata.category(char) for char in cleaned if char != " "}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
    assert unicodedata.is_normalized("NFKC", cleaned)


@given(st.text("ابتةىءأإآئؤـَُِّگچ٠١۲۳؟،. \u200cabcABC012'!é"))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT)
def test_what_is_beyond_the_bound_is_not_looked_at(text: str) -> None:
    assert clean("س" * MAX_UNDERSTOOD + text) == "س" * MAX_UNDERSTOOD


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        (" \t\n ", ""),
        ("سطر\nثانٍ\r\nوثالث", "سطر ثانٍ وثالث"),
        ("a\u2028b\u2029c\x0bd", "a b c d"),
        ("non\u00a0breaking\u3000space", "non breaking space"),
        ("a\x00b", "a b"),
        ("\u202eevil\u202c \u2066x\u2069 \u200fy\u200e", "evil x y"),
        ("zero\u200bwidth\u2060join\ufeff", "zerowidthjoin"),
        ("soft\u00adhyphen", "softhyphen"),
        ("private\ue000use\U000f0000", "privateuse"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("tag\U000e0041s", "tags"),
        ("ﻻ ﷲ", "لا الله"),
        ("ｆｕｌｌ １２", "full 12"),
        ("ﬁle ² ①", "file 2 1"),
        ("cafe\u0301", "café"),
        ("أ" + "\u0627\u0654", "أأ"),
        ("👍🏽 ok", "👍🏽 ok"),
        ("كَتَبَ!", "كَتَبَ!"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        # hamza carriers, and the hamza alone
        ("أحمد إلى آخر ٱلكتاب", "احمد الي اخر الكتاب"),
        ("شئون شؤون", "شيون شوون"),
        ("شيء جزء سماء", "شي جز سما"),
        # ta marbuta and alif maqsura
        ("مدرسة", "مدرسه"),
        ("مستشفى", "مستشفي"),
        # Persian and other forms for Gulf, Iraqi and Maghrebi sounds, and of Persian keyboards
        ("گلت چم پاسبور ڤيزا ڨفصة ژاكيت", "كلت جم باسبور فيزا قفصه جاكيت"),
        ("کی ہو ھذا ۀ ۆ ې ڭ ݣ", "كي هو هذا ه و ي ك ك"),
        # diacritics and tatweel
        ("جَوَازُ السَّفَرِ", "جواز السفر"),
        ("هٰذا قرآنٌ", "هذا قران"),
        ("شكــــرا", "شكرا"),
        # elongation: three or more become one in Arabic, two in Latin; a real double stays
        ("شكراااااا", "شكرا"),
        ("يللا ممكن", "يللا ممكن"),
        ("ههههه", "ه"),
        ("pleaaaase", "pleaase"),
        ("address", "address"),
        # digits
        ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
        ("1000 1111", "1000 1111"),
        # case, punctuation, symbols
        ("Passport RENEWAL", "passport renewal"),
        ("كم؟! رسم، الجواز؛ (الآن)…", "كم رسم الجواز الان"),
        ("a_b-c.d/e", "a b c d e"),
        ("٥٪ «نعم»", "5 نعم"),
        ("👍👍", ""),
        ("\u202eمرحبا\u202c", "مرحبا"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("", False),
        ("؟!…", False),
        ("👍🏽🙏", False),
        ("\u202e\u200b\x00", False),
        ("5", True),
        ("٣", True),
        ("س", True),
        ("你好", True),
    ],
)
def test_words_are_letters_or_digits(text: str, has: bool) -> None:
    assert has_words(text) is has


@pytest.mark.parametrize("gap", [" ", "\n"])
def test_the_whole_of_a_long_text_is_folded(gap: str) -> None:
    words = [f"كلمة{number}" for number in range(2_000)]
    assert fold_all(gap.join(words)).split() == [fold(word) for word in words]
    assert fold_all("") == ""


@given(ANY_TEXT)
def test_folding_all_of_a_short_text_is_folding_it(text: str) -> None:
    assert fold_all(text[:MAX_UNDERSTOOD]) == fold(text[:MAX_UNDERSTOOD])
