"""The questions of a form, and putting right what was told; with understanding scripted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.minds import action, answer, intake
from tests.support.talk import Talk, buttons, refs

LONG = "عندي شكوى عن تأخر معاملتي شهرين"
TABLE = {
    "سؤال أ": answer("faq-a"),
    "شكوى": intake("complaint"),
    LONG: intake("complaint", "faq-a"),
    "أريد موظفا": intake("human"),
    "اقتراح": intake("suggestion"),
    "هل صحيح أن الرسوم ستلغى": action("rumour"),
}
WHERE, WHEN, REFERENCE, FILES = "ask_where", "ask_when", "ask_reference", "ask_attachments"


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


async def form_of(talk: Talk) -> dict[str, Any] | None:
    return (await talk.conversation()).state.get("form")


async def opened(talk: Talk) -> dict[str, str]:
    """Details of the one ticket there is."""
    (ticket,) = await talk.tickets()
    return dict(ticket.details or {})


# -- the questions -----------------------------------------------------------------------------


async def test_one_short_question_at_a_time(talk: Talk) -> None:
    (said,) = await talk.say("شكوى")
    assert (refs([said]), buttons(said)) == (["complaint_details"], ["cancel"])
    for text, ref in (
        ("تأخرت معاملتي", WHERE),
        ("فرع المدينة", WHEN),
        ("الأحد الماضي", REFERENCE),
        ("55/2026", FILES),
    ):
        (said,) = await talk.say(text)
        assert (refs([said]), buttons(said)) == ([ref], ["skip", "cancel"])
    (said,) = await talk.say("تخطي")
    assert (refs([said]), buttons(said)) == (["intake_summary"], ["yes", "change", "cancel"])
    for told in ("تأخرت معاملتي", "فرع المدينة", "الأحد الماضي", "55/2026"):
        assert told in said.text
    assert await talk.tickets() == []
    assert refs(await talk.press("yes")) == ["ticket_opened_complaint"]
    assert await opened(talk) == {
        "what": "تأخرت معاملتي",
        "where": "فرع المدينة",
        "when": "الأحد الماضي",
        "reference": "55/2026",
    }


async def test_what_was_told_at_once_is_not_asked_again(talk: Talk) -> None:
    assert refs(await talk.say(LONG)) == ["complaint_begun"]
    for ref in (WHEN, REFERENCE, FILES, "intake_summary"):
        assert refs(await talk.press("skip")) == [ref]
    await talk.say("نعم")
    assert await opened(talk) == {"what": LONG}


@pytest.mark.parametrize(
    "word", ["تخطي", "skip", "لا", "لا أعرف", "مدري", "ما عندي", "I don't know", "لا يوجد"]
)
async def test_every_question_but_what_can_be_passed_over(talk: Talk, word: str) -> None:
    await talk.say(LONG)
    for ref in (WHEN, REFERENCE, FILES):
        assert refs(await talk.say(word)) == [ref]
    assert await form_of(talk) is not None


async def test_a_complaint_is_nothing_without_what_happened(talk: Talk) -> None:
    await talk.say("شكوى")
    for word in ("تخطي", "نعم"):
        assert refs(await talk.say(word)) == ["complaint_details"]
    assert await talk.tickets() == []


@pytest.mark.parametrize("done", ["تم", "خلاص", "بس", "done", "that's all", "تخطي", "لا"])
async def test_after_the_last_file(talk: Talk, done: str) -> None:
    """ "خلاص" says "enough" here; elsewhere it drops the matter."""
    await talk.say(LONG)
    for _ in range(3):
        await talk.press("skip")
    assert refs(await talk.say(done)) == ["intake_summary"]


async def test_words_instead_of_a_file_are_kept(talk: Talk) -> None:
    await talk.say(LONG)
    for _ in range(3):
        await talk.press("skip")
    (said,) = await talk.say("ليس عندي إلا ورقة قديمة")
    assert refs([said]) == ["intake_summary"]
    assert "ورقة قديمة" in said.text


async def test_a_human_may_be_asked_for_without_a_word(talk: Talk) -> None:
    (said,) = await talk.say("أريد موظفا")
    assert (refs([said]), buttons(said)) == (["human_details"], ["skip", "cancel"])
    assert refs(await talk.say("تخطي")) == ["human_confirm"]
    # "Skip" is no yes (a button tapped twice, say).
    assert refs(await talk.say("تخطي")) == ["confirm_again"]
    assert await talk.tickets() == []
    assert refs(await talk.press("yes")) == ["ticket_opened_human"]


async def test_a_suggestion_asks_one_thing(talk: Talk) -> None:
    (said,) = await talk.say("اقتراح")
    assert (refs([said]), buttons(said)) == (["suggestion_details"], ["cancel"])
    assert refs(await talk.say("افتحوا الفرع مساء")) == ["suggestion_confirm"]
    assert refs(await talk.say("نعم")) == ["ticket_opened_suggestion"]


async def test_a_rumour_is_neither_confirmed_nor_denied(talk: Talk) -> None:
    assert refs(await talk.say("هل صحيح أن الرسوم ستلغى")) == ["rumour_confirm"]
    assert refs(await talk.say("نعم")) == ["ticket_opened_rumour"]
    (ticket,) = await talk.tickets()
    assert (ticket.kind, await talk.statement(ticket)) == ("rumour", "هل صحيح أن الرسوم ستلغى")


async def test_the_department_is_the_topics(script) -> None:
    talk = await script(
        {LONG: intake("complaint", "faq-a"), "ب": intake("human", "faq-a", among=0.2)}
    )
    await talk.complain(LONG)
    await talk.say("ب")
    await talk.say("تخطي")
    await talk.say("نعم")
    assert [t.department for t in await talk.tickets()] == ["department", None]


# -- yes, no, cancel ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "yes",
    ["نعم", "أيوه", "إي", "اه", "أجل", "تمام", "واخا", "Yes!", "ok", "aywa", "نعم، أرسل", "ماشي"],
)
async def test_yes_in_every_dialect_sends(talk: Talk, yes: str) -> None:
    await talk.say(LONG)
    await talk.skip_to_summary()
    assert refs(await talk.say(yes)) == ["ticket_opened_complaint"]


@pytest.mark.parametrize(
    "no", ["لا", "إلغاء", "لا شكرًا", "كنسل", "مش عايز", "ما بدي", "no", "Cancel.", "never mind"]
)
async def test_no_and_cancel_send_nothing(talk: Talk, no: str) -> None:
    await talk.say(LONG)
    await talk.skip_to_summary()
    assert refs(await talk.say(no)) == ["intake_cancelled"]
    assert await talk.tickets() == []
    assert await form_of(talk) is None
    assert refs(await talk.say("سؤال أ")) == ["faq-a"]


@pytest.mark.parametrize("steps", range(6))
async def test_cancel_works_at_every_step(talk: Talk, steps: int) -> None:
    await talk.say("شكوى")
    for number in range(steps):
        await talk.say(f"الجواب {number}")
    assert refs(await talk.say("إلغاء")) == ["intake_cancelled"]
    assert await form_of(talk) is None


async def test_yes_to_a_question_asks_it_again(talk: Talk) -> None:
    """ "Do you have a number?" "Yes": it is still to be written."""
    await talk.say(LONG)
    await talk.say("تخطي")
    await talk.say("تخطي")
    assert refs(await talk.say("نعم")) == [REFERENCE]
    assert refs(await talk.say("77")) == [FILES]
    assert await talk.tickets() == []


# -- putting right -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["change:where", "2", "المكان", "place", "الثاني"])
async def test_a_part_is_put_right(talk: Talk, way: str) -> None:
    await talk.say(LONG)
    await talk.say("فرع البحر")
    await talk.skip_to_summary()
    (said,) = await talk.press("change")
    parts = ["what", "where", "when", "reference", "attachments"]
    assert refs([said]) == ["intake_correct"]
    assert buttons(said) == [*(f"change:{part}" for part in parts), "skip"]
    (said,) = await (talk.press(way) if ":" in way else talk.say(way))
    assert (refs([said]), buttons(said)) == ([WHERE], ["remove", "skip", "cancel"])
    (said,) = await talk.say("فرع الجبل")
    assert refs([said]) == ["intake_summary"]
    assert "فرع الجبل" in said.text and "فرع البحر" not in said.text
    await talk.say("نعم")
    assert await opened(talk) == {"what": LONG, "where": "فرع الجبل"}


async def test_a_part_is_kept_or_left_out(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.say("فرع البحر")
    await talk.skip_to_summary()
    await talk.say("تعديل")
    await talk.press("change:where")
    (said,) = await talk.press("skip")
    assert "فرع البحر" in said.text
    await talk.press("change")
    await talk.press("change:where")
    (said,) = await talk.press("remove")
    assert refs([said]) == ["intake_summary"]
    assert "فرع البحر" not in said.text
    await talk.press("change")
    (said,) = await talk.press("skip")
    assert refs([said]) == ["intake_summary"]


async def test_what_happened_may_be_written_anew_but_not_left_out(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.skip_to_summary()
    await talk.press("change")
    (said,) = await talk.press("change:what")
    assert buttons(said) == ["skip", "cancel"]
    form = await form_of(talk)
    assert form is not None
    assert refs(await talk.tap(f"remove:{form['id']}")) == ["complaint_details"]
    (said,) = await talk.say("تأخرت رخصتي لا معاملتي")
    assert "رخصتي" in said.text and LONG not in said.text


async def test_the_one_part_of_a_suggestion_is_put_right_at_once(talk: Talk) -> None:
    await talk.say("اقتراح")
    await talk.say("افتحوا الفرع مساء")
    assert refs(await talk.press("change")) == ["suggestion_details"]
    (said,) = await talk.say("افتحوا الفرع صباح السبت")
    assert refs([said]) == ["intake_summary"]
    await talk.say("نعم")
    assert await opened(talk) == {"what": "افتحوا الفرع صباح السبت"}


async def test_more_may_be_added_to_a_summary(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.skip_to_summary()
    assert refs(await talk.say("وكان الموظف غير مهذب معي أيضا")) == ["details_added"]
    await talk.say("نعم")
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == f"{LONG}\nوكان الموظف غير مهذب معي أيضا"
