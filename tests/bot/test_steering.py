"""Words that steer: what they are, and above all what they are not."""

from __future__ import annotations

import pytest

from bot.steering import (
    asks,
    declines,
    is_courtesy,
    is_done,
    names_place,
    picked,
    picks_none,
    speaks_of_danger,
    steer_of,
    wants_change,
    wants_person,
)


@pytest.mark.parametrize(
    ("text", "steer"),
    [
        ("نعم", "yes"),
        ("نعم.", "yes"),
        ("  نـعـم  ", "yes"),
        ("أَيوه", "yes"),
        ("إيه", "yes"),
        ("YES!!", "yes"),
        ("Yes, send it", "yes"),
        ("إن شاء الله", "yes"),
        ("لا", "no"),
        ("لأ", "no"),
        ("لاااا", "no"),
        ("No thanks", "no"),
        ("ما أبغى", "no"),
        ("إلغاء", "cancel"),
        ("الغاء", "cancel"),
        ("stop", "cancel"),
        ("تخطّي", "skip"),
        ("Skip", "skip"),
        ("", None),
        ("😀", None),
        ("نعم عندي سؤال", None),
        ("لا أعرف رقم المعاملة", None),
        ("إلغاء الرخصة", None),
        ("no passport", None),
        ("yesterday", None),
    ],
)
def test_steering(text: str, steer: str | None) -> None:
    assert steer_of(text) == steer


@pytest.mark.parametrize(
    ("text", "count", "place"),
    [
        ("1", 3, 0),
        ("١", 3, 0),
        ("۲", 3, 1),
        ("3.", 3, 2),
        ("الأول", 3, 0),
        ("الاولى", 3, 0),
        ("الثالث", 3, 2),
        ("ثاني واحد", 3, 1),
        ("the first", 2, 0),
        ("الرابع", 5, 3),
        ("٥", 5, 4),
        ("5", 4, None),
        ("3", 2, None),
        ("1", 0, None),
        ("0", 3, None),
        ("4", 3, None),
        ("11", 3, None),
        ("الأول من مايو", 3, None),
        ("", 3, None),
    ],
)
def test_picking(text: str, count: int, place: int | None) -> None:
    assert picked(text, count) == place


@pytest.mark.parametrize(
    ("text", "none"),
    [
        ("لا شيء من هذه", True),
        ("None of these.", True),
        ("ولا واحد", True),
        ("لا", True),
        ("إلغاء", True),
        ("نعم", False),
        ("لا أدري", False),
        ("1", False),
        ("", False),
    ],
)
def test_picking_none(text: str, none: bool) -> None:
    assert picks_none(text) is none


@pytest.mark.parametrize(
    "text",
    [
        "كم رسوم تجديد الجواز",
        "وكم تأخذ المعاملة",
        "بكم الجواز",
        "متى تفتحون",
        "وين أقرب فرع",
        "فين المركز",
        "شنو المطلوب",
        "وش الأوراق المطلوبة",
        "ما هي الأوراق",
        "ما الرسوم",
        "رسوم الجواز؟",
        "the fee?",
        "How much is it",
        "kam rsoom el jawaz",
    ],
)
def test_what_reads_as_a_question(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "؟",
        "فرع المدينة",
        "ما وصلني شيء",
        "ما ردوا علي",
        "ليش ما ردوا علي؟",
        "لماذا تأخرت معاملتي؟",
        "why did nobody answer?",
        "متأخرون دائما",
        "فرعكم الكبير",
        "الموظف سألني كم دفعت",
        "I paid twice",
    ],
)
def test_what_does_not_read_as_a_question(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize(
    "text", ["لا أعرف", "مدري", "مش عارف", "ما عندي رقم", "I don't know.", "None"]
)
def test_declining(text: str) -> None:
    assert declines(text)
    assert not declines(f"{text} 482731")


@pytest.mark.parametrize(
    ("words", "yes", "no"),
    [
        (is_done, ("تم", "خلاص", "That's all!", "بس"), ("تم الدفع أمس", "بس عندي صورة")),
        (
            is_courtesy,
            ("السلام عليكم", "شُكراً", "Thank you!", "الله يعطيك العافية"),
            ("مدينة السلام", "صباح السالم", "أمس", "yesterday", "شكرا لكن لم يحل"),
        ),
        (wants_change, ("تعديل", "عدّلها", "Change it"), ("تعديل المهنة", "غيروا الموظف")),
        (
            wants_person,
            ("موظف", "أريد التحدث إلى موظف", "ابغى اكلم موظف", "I want to talk to a person"),
            ("مع المدير", "عند موظف الاستقبال", "أريد", "talk to"),
        ),
        (
            names_place,
            ("في المطار", "عند الباب", "at the airport", "In hospital"),
            ("السجن", "فيصل", ""),
        ),
        (
            speaks_of_danger,
            ("أنا في خطر", "ساعدوني", "زوجي يضربني", "help me", "بموت", "حريق", "I am trapped"),
            ("في المطار", "أمس", "مركز الخدمة", "at the office", "لا أعرف", ""),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_lists_of_words(words, yes: tuple[str, ...], no: tuple[str, ...]) -> None:
    for text in yes:
        assert words(text), text
    for text in no:
        assert not words(text), text
