"""Forms with the served model over the sample FAQ: what people really answer, and what they do not
mean by it."""

from __future__ import annotations

import pytest

from bot.evaluation import read_cases
from bot.forms import REMEDY_AT
from bot.mind import Mind
from tests.support.places import EVALS
from tests.support.talk import Talk, refs

COMPLAINT = "معاملة جوازي من شهرين وكل مرة يقولون تعال بكرة وما حد يرد علي"


@pytest.mark.parametrize(
    ("where", "when"),
    [
        ("في المطار", "أمس"),
        ("في الشارع", "اليوم"),
        ("in hospital", "yesterday"),
        ("مركز مدينة الندى", "الأسبوع الماضي"),
        ("مدينة السلام", "الساعة 9 صباحا"),
        ("في مكتب الشكاوى", "قبل شهرين"),
        ("مع المدير", "last night"),
    ],
)
async def test_places_and_days_are_answers(talk: Talk, where: str, when: str) -> None:
    assert refs(await talk.say(COMPLAINT)) == ["complaint_begun"]
    assert refs(await talk.say(where)) == ["ask_when"]
    assert refs(await talk.say(when)) == ["ask_reference"]
    assert refs(await talk.say("ما معي رقم")) == ["ask_attachments"]
    (summary,) = await talk.say("تخطي")
    assert where in summary.text and when in summary.text


@pytest.mark.parametrize("text", ["لا أعرف", "مدري", "I don't know", "لا يوجد", "ما عندي"])
async def test_not_knowing_is_no_emergency(talk: Talk, text: str) -> None:
    await talk.say(COMPLAINT)
    assert refs(await talk.say(text)) == ["ask_when"]


@pytest.mark.parametrize("text", ["أنا في خطر", "زوجي يضربني", "ساعدوني بسرعة", "he will kill me"])
async def test_danger_is_heard_where_a_place_is_asked_for(talk: Talk, text: str) -> None:
    await talk.say(COMPLAINT)
    assert refs(await talk.say(text)) == ["emergency", "ticket_opened_urgent"]


@pytest.mark.parametrize("question", ["كم رسوم تجديد جواز السفر؟", "do you have opening hours?"])
async def test_a_question_meanwhile(talk: Talk, question: str) -> None:
    await talk.say(COMPLAINT)
    answer, again = refs(await talk.say(question))
    assert (answer in {e.id for e in talk.mind.faq.knowledge.entries}, again) == (True, "ask_where")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("رخصة القيادة ضاعت واريد ارفع شكوى", "licence-lost"),
        ("شكوى: توقف عني الدعم من غير سبب", "support-stopped"),
    ],
)
async def test_the_faqs_remedy_comes_first(talk: Talk, text: str, remedy: str) -> None:
    assert refs(await talk.say(text)) == [remedy, "intake_remedy"]
    assert refs(await talk.say("لا")) == ["ask_where"]


def test_a_complaint_that_no_entry_solves_is_offered_none(mind: Mind) -> None:
    """The reason for `REMEDY_AT`."""
    cases = [case for case in read_cases(EVALS) if case.expect == "complaint"]
    assert len(cases) == 55
    found = mind.understanding.decide_many([case.text for case in cases])
    offered = [
        case.text
        for case, decision in zip(cases, found, strict=True)
        if decision.search.verdict == "answer" and decision.search.right >= REMEDY_AT
    ]
    assert offered == []
