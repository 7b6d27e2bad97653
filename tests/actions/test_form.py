"""What an open form remembers: pure, and readable whatever version wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions import form as forms
from actions.form import EARLIER, MAX_STATEMENT, attach, clear, new, onward, read, tell


def test_the_questions_come_in_order_and_once() -> None:
    form = new("complaint", "1", None)
    steps = []
    while form["step"] != "confirm":
        steps.append(form["step"])
        form = onward(form)
    assert steps == ["what", "where", "when", "reference", "attachments"]
    assert onward(form)["step"] == "confirm"


def test_what_was_told_is_not_asked_for() -> None:
    form = tell(tell(new("complaint", "1", None), "what", "تأخرت"), "when", "أمس")
    steps = []
    while form["step"] != "confirm":
        form = onward(form)
        steps.append(form["step"])
    assert steps == ["where", "reference", "attachments", "confirm"]


@pytest.mark.parametrize("kind", ["suggestion", "human", "rumour"])
def test_other_kinds_ask_one_thing(kind: str) -> None:
    assert onward(new(kind, "1", None))["step"] == "confirm"


def test_a_form_is_never_changed_in_place() -> None:
    form = new("complaint", "1", None)
    before = json.dumps(form)
    tell(form, "what", "نص")
    attach(form, 7)
    onward(form)
    clear(form, "what")
    assert json.dumps(form) == before


def test_statement_and_details() -> None:
    form = new("complaint", "1", None)
    for part, text in (("when", "أمس"), ("what", "تأخرت"), ("what", "كثيرًا"), ("where", "الفرع")):
        form = tell(form, part, text)
    assert forms.statement(form) == "تأخرت\nكثيرًا\nالفرع\nأمس"
    assert forms.details(form) == {"what": "تأخرت\nكثيرًا", "where": "الفرع", "when": "أمس"}
    assert forms.details(clear(form, "what")) == {"where": "الفرع", "when": "أمس"}


def test_nobody_fills_the_database_with_one_form() -> None:
    form = new("complaint", "1", None)
    for _ in range(20):
        form = tell(form, "what", "ك" * 3000)
    assert len(forms.statement(form)) <= MAX_STATEMENT + 20


def test_a_form_survives_being_stored() -> None:
    form = attach(tell(new("complaint", "31", "passports"), "where", "الفرع"), 4)
    assert read(json.loads(json.dumps(form))) == form


@pytest.mark.parametrize(
    ("stored", "step", "texts"),
    [
        ({"kind": "complaint", "step": "details", "texts": [], "department": None}, "what", ()),
        (
            {"kind": "complaint", "step": "confirm", "texts": ["أ", "ب"], "department": "x"},
            "confirm",
            ("أ", "ب"),
        ),
        ({"kind": "human", "step": "confirm", "texts": [], "department": None}, "confirm", ()),
        ({"kind": "rumour", "step": "confirm", "texts": ["خبر"]}, "confirm", ("خبر",)),
    ],
)
def test_forms_of_the_first_version_are_read_on(
    stored: dict[str, Any], step: str, texts: tuple[str, ...]
) -> None:
    form = read(stored)
    assert form is not None
    assert (form["id"], form["step"], forms.pieces(form, "what")) == (EARLIER, step, texts)
    assert form["department"] == stored.get("department")
    # It waited for a yes and goes on waiting for it: no question is put before it.
    assert step != "confirm" or onward(form)["step"] == "confirm"
    assert read(form) == form


@pytest.mark.parametrize("stored", [None, {}, {"kind": "no such"}, {"step": "what"}])
def test_what_is_no_form(stored: dict[str, Any] | None) -> None:
    assert read(stored) is None
