"""Every way a turn can go, with understanding scripted so that each branch is really taken."""

from __future__ import annotations

import pytest

from tests.support.minds import answer, clarify, entry
from tests.support.talk import Talk, buttons, refs
from tests.support.turns import LONG, TABLE


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


# -- answers and questions back ---------------------------------------------------------------


async def test_an_answer_is_the_entry_verbatim_with_its_links(talk: Talk) -> None:
    (said,) = await talk.say("سؤال أ")
    assert said.text == "جواب faq-a.\nسطر ثان."
    assert [(link.label, link.url) for link in said.links] == [("الصفحة", "https://example.org/a")]
    assert said.choices == ()


async def test_the_language_follows_the_message(talk: Talk) -> None:
    (english,) = await talk.say("what is b")
    assert (english.language, english.text) == ("en", "Answer of faq-b.")
    (arabic,) = await talk.say("سؤال أ")
    assert arabic.language == "ar"
    # A tap has no language of its own: it is answered in the conversation's.
    (tapped,) = await talk.tap("faq:faq-b")
    assert tapped.language == "ar"


async def test_a_text_without_words_keeps_the_language(talk: Talk) -> None:
    await talk.say("what is b")
    (said,) = await talk.say("👍")
    assert (said.language, refs([said])) == ("en", ["no_words"])


async def test_asking_back_offers_the_entries_and_a_way_out(talk: Talk) -> None:
    (said,) = await talk.say("سؤال مبهم")
    assert refs([said]) == ["clarify"]
    assert buttons(said) == ["faq:faq-a", "faq:faq-b", "faq:faq-c", "none"]
    assert all(len(choice.label) <= 20 for choice in said.choices)
    assert said.choices[0].description == "ما سؤال faq-a؟"


@pytest.mark.parametrize(
    ("words", "ref"),
    [
        ("1", "faq-a"),
        ("٢", "faq-b"),
        ("الأول", "faq-a"),
        ("الثاني", "faq-b"),
        ("التالت", "faq-c"),
        ("الثالثة", "faq-c"),
        ("the second", "faq-b"),
        ("First!", "faq-a"),
    ],
)
async def test_a_choice_may_be_picked_in_words(talk: Talk, words: str, ref: str) -> None:
    await talk.say("سؤال مبهم")
    assert refs(await talk.say(words)) == [ref]
    # It is used up: the same word later picks nothing.
    assert refs(await talk.say(words)) != [ref]


async def test_a_number_beyond_the_choices_picks_nothing(script) -> None:
    talk = await script({"سؤال مبهم": clarify("faq-a", "faq-b")})
    await talk.say("سؤال مبهم")
    assert refs(await talk.say("3")) == ["abstain"]


async def test_picking_by_button(talk: Talk) -> None:
    await talk.say("سؤال مبهم")
    assert refs(await talk.tap("faq:faq-c")) == ["faq-c"]
    # Buttons stay on the screen; another of them still answers.
    assert refs(await talk.tap("faq:faq-a")) == ["faq-a"]


@pytest.mark.parametrize("words", ["لا شيء من هذه", "ولا واحد", "none of these", "لا"])
async def test_none_of_these_in_words_leads_to_a_person(talk: Talk, words: str) -> None:
    await talk.say("سؤال مبهم")
    (said,) = await talk.say(words)
    assert refs([said]) == ["none_of_these"]
    assert {"yes", "cancel"} < set(buttons(said))


async def test_none_of_these_by_button_leads_to_a_ticket_with_the_question(talk: Talk) -> None:
    await talk.say("سؤال مبهم")
    assert refs(await talk.tap("none")) == ["none_of_these"]
    assert refs(await talk.press("yes")) == ["ticket_opened_human"]
    (ticket,) = await talk.tickets()
    assert ticket.kind == "human"
    assert await talk.statement(ticket) == "سؤال مبهم"


async def test_a_choice_that_was_withdrawn_meanwhile(talk: Talk) -> None:
    await talk.say("سؤال مبهم")
    index = talk.mind.faq.index
    index.entries = tuple(e for e in index.entries if e.id != "faq-a")  # type: ignore[misc]
    assert refs(await talk.tap("faq:faq-a")) == ["answer_withdrawn"]
    assert refs(await talk.say("1")) == ["answer_withdrawn"]
    assert refs(await talk.say("2")) == ["faq-b"]


async def test_a_choice_whose_days_are_over(script) -> None:
    today = entry("faq-a").review_by.replace(year=2026, month=11, day=22)
    talk = await script({"س": clarify("faq-a")}, [entry("faq-a", valid_until=today)])
    await talk.say("س")
    assert refs(await talk.tap("faq:faq-a")) == ["answer_withdrawn"]


async def test_an_unknown_button_does_nothing_surprising(talk: Talk) -> None:
    for value in ("faq:no-such", "drop", "faq:", "yes;no", ""):
        (said,) = await talk.tap(value)
        assert said.origin.ref in ("answer_withdrawn", "nothing_to_confirm")
    assert await talk.tickets() == []


# -- not understood ---------------------------------------------------------------------------


async def test_the_second_miss_in_a_row_proposes_a_person(talk: Talk) -> None:
    (first,) = await talk.say("قرمزة الأولى")
    assert refs([first]) == ["abstain"]
    assert buttons(first)[0] == "human"
    (second,) = await talk.say("قرمزة الثانية")
    assert refs([second]) == ["abstain_again"]
    assert {"yes", "cancel"} < set(buttons(second))
    assert refs(await talk.say("نعم")) == ["ticket_opened_human"]
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == "قرمزة الأولى\nقرمزة الثانية"


async def test_a_miss_is_forgotten_once_something_was_understood(talk: Talk) -> None:
    await talk.say("قرمزة")
    await talk.say("سؤال أ")
    assert refs(await talk.say("قرمزة")) == ["abstain"]


async def test_the_offered_person_by_button_takes_the_question_along(talk: Talk) -> None:
    await talk.say("قرمزة طويلة فيها خمس كلمات بالضبط")
    assert refs(await talk.tap("human")) == ["human_confirm"]
    await talk.press("yes")
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == "قرمزة طويلة فيها خمس كلمات بالضبط"


async def test_yes_to_the_offered_person(talk: Talk) -> None:
    await talk.say("قرمزة طويلة فيها خمس كلمات بالضبط")
    assert refs(await talk.say("ايوه")) == ["human_confirm"]


async def test_no_to_the_offered_person(talk: Talk) -> None:
    await talk.say("قرمزة")
    assert refs(await talk.say("لا شكرا")) == ["intake_cancelled"]


async def test_other_scripts_are_told_which_languages_there_are(talk: Talk) -> None:
    for text in ("我的护照在哪里", "איפה הדרכון שלי", "где мой паспорт"):
        said = await talk.say(text, who=text)
        assert refs(said) == ["other_language"]


# -- steering words with nothing open -----------------------------------------------------------


@pytest.mark.parametrize("choice", ["yes", "no", "cancel", "skip"])
async def test_a_button_after_its_form_ended(talk: Talk, choice: str) -> None:
    await talk.say(LONG)
    await talk.press("cancel")
    for value in (choice, f"{choice}:1"):
        assert refs(await talk.tap(value)) == ["nothing_to_confirm"]
    assert await talk.tickets() == []


@pytest.mark.parametrize("word", ["إلغاء", "نعم", "تخطي", "تمام", "cancel"])
async def test_a_bare_steering_word_is_never_searched_for(talk: Talk, word: str) -> None:
    talk.mind.understanding.table[word] = answer("faq-a")  # type: ignore[attr-defined]
    assert refs(await talk.say(word)) == ["nothing_to_confirm"]


# -- courtesies and status ----------------------------------------------------------------------


async def test_the_greeting_marks_the_sample(script) -> None:
    sample = await script(TABLE)
    (said,) = await sample.say("السلام عليكم")
    assert refs([said]) == ["greeting_sample"]
    assert "خيالية" in said.text and "وزارة الخدمات العامة" in said.text
    (english,) = await sample.say("hello")
    assert "fictional" in english.text
    real = await script(TABLE, sample=False, ministry_name_ar="وزارة البحر")
    (said,) = await real.say("السلام عليكم")
    assert refs([said]) == ["greeting"]
    assert "وزارة البحر" in said.text and "خيالية" not in said.text


async def test_thanks(talk: Talk) -> None:
    assert refs(await talk.say("شكرا")) == ["thanks"]


async def test_status_without_a_ticket_offers_a_complaint(talk: Talk) -> None:
    (said,) = await talk.say("وش صار على شكواي")
    assert (refs([said]), buttons(said)) == (["status_none"], ["complaint", "resume"])
    assert refs(await talk.say("نعم")) == ["complaint_details"]


async def test_an_offer_lapses_with_the_next_message(talk: Talk) -> None:
    await talk.say("وش صار على شكواي")
    await talk.say("شكرا")
    assert refs(await talk.say("نعم")) == ["nothing_to_confirm"]
