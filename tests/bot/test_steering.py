"""Words that steer: what they are, and above all what they are not."""

from __future__ import annotations

import pytest

from bot.steering import picked, picks_none, steer_of


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
