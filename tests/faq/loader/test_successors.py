"""An entry and the one that takes its place on a day may be asked for in the same words."""

from __future__ import annotations

from typing import Any

import pytest

_ENTRY = """
  - id: {id}
    question: {{ar: "كم رسم الجواز؟", en: "How much is a passport?"}}
    phrasings:
      ar: ["بكم الجواز", "كم ادفع للجواز", "سعر الجواز", "تكلفة الجواز", "ثمن جواز السفر"]
      en: ["passport price"]
    answer: {{ar: "{fee} دينارًا.", en: "{fee} dinars."}}
    source: "Sample"
    review_by: 2027-06-01
    {dates}
"""
_HEAD = """topic: passports
title: {ar: الجوازات, en: Passports}
owner: passports-directorate
entries:"""


def _file(first: str, second: str) -> str:
    return (
        _HEAD
        + _ENTRY.format(id="fee-2026", fee=30, dates=first)
        + _ENTRY.format(id="fee-2027", fee=40, dates=second)
    )


def test_one_ends_when_the_other_begins(load: Any) -> None:
    text = _file("valid_until: 2027-01-01", "valid_from: 2027-01-01")
    result = load({"passports.yml": text})
    assert "F045" not in {one.code for one in result.findings}
    assert result.knowledge is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("valid_until: 2027-01-02", "valid_from: 2027-01-01"),
        ("valid_until: 2027-01-01", ""),
        ("", "valid_from: 2027-01-01"),
    ],
)
def test_days_on_which_both_are_said_are_reported(load: Any, first: str, second: str) -> None:
    result = load({"passports.yml": _file(first, second)})
    assert "F045" in {one.code for one in result.findings}
