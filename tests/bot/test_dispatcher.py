"""Every way a turn can go, with understanding scripted so that each branch is really taken."""

from __future__ import annotations

import pytest

from core import conversations
from core.conversations import BOT, HUMAN
from tests.support.minds import URGENT, action, answer, clarify, entry, intake
from tests.support.talk import Talk, buttons, refs

TABLE = {
    "سؤال أ": answer("faq-a"),
    "what is b": answer("faq-b"),
    "سؤال مبهم": clarify("faq-a", "faq-b", "faq-c"),
    "شكوى": intake("complaint"),
    "عندي شكوى عن تأخر معاملتي شهرين": intake("complaint", "faq-a"),
    "شكوى لا يعرف قسمها ولا موضوعها": intake("complaint", "faq-a", among=0.2),
    "أريد موظفا": intake("human"),
    "اقتراح": intake("suggestion"),
    "هل صحيح أن الرسوم ستلغى": action("rumour"),
    "وش صار على شكواي": action("status"),
    "السلام عليكم": action("greeting"),
    "hello": action("greeting"),
    "شكرا": action("thanks"),
    "خطر": URGENT,
    "خطر آخر": URGENT,
    "سؤال ينتهي بعرض": answer("faq-a", offers=("ticket",)),
}
LONG = "عندي شكوى عن تأخر معاملتي شهرين"


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
    assert buttons(said) == ["yes", "cancel"]


async def test_none_of_these_by_button_leads_to_a_ticket_with_the_question(talk: Talk) -> None:
    await talk.say("سؤال مبهم")
    assert refs(await talk.tap("none")) == ["none_of_these"]
    assert refs(await talk.tap("yes")) == ["ticket_opened_human"]
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
    assert (refs([first]), buttons(first)) == (["abstain"], ["human"])
    (second,) = await talk.say("قرمزة الثانية")
    assert (refs([second]), buttons(second)) == (["abstain_again"], ["yes", "cancel"])
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
    await talk.tap("yes")
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
    await talk.tap("cancel")
    assert refs(await talk.tap(choice)) == ["nothing_to_confirm"]
    assert await talk.tickets() == []


@pytest.mark.parametrize("word", ["إلغاء", "نعم", "تخطي", "تمام", "cancel"])
async def test_a_bare_steering_word_is_never_searched_for(talk: Talk, word: str) -> None:
    talk.mind.understanding.table[word] = answer("faq-a")  # type: ignore[attr-defined]
    assert refs(await talk.say(word)) == ["nothing_to_confirm"]


# -- the intake -------------------------------------------------------------------------------


async def test_a_bare_complaint_asks_for_details(talk: Talk) -> None:
    (said,) = await talk.say("شكوى")
    assert (refs([said]), buttons(said)) == (["complaint_details"], ["cancel"])
    (asked,) = await talk.say("تأخرت معاملتي")
    assert (refs([asked]), buttons(asked)) == (["complaint_confirm"], ["yes", "cancel"])
    assert await talk.tickets() == []
    assert refs(await talk.tap("yes")) == ["ticket_opened_complaint"]
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == "تأخرت معاملتي"


async def test_a_told_complaint_is_only_confirmed_and_may_grow(talk: Talk) -> None:
    assert refs(await talk.say(LONG)) == ["complaint_confirm"]
    assert refs(await talk.say("والفرع هو فرع المدينة")) == ["details_added"]
    assert refs(await talk.say("وكان يوم الأحد")) == ["details_added"]
    await talk.say("نعم")
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == f"{LONG}\nوالفرع هو فرع المدينة\nوكان يوم الأحد"


@pytest.mark.parametrize(
    "yes",
    ["نعم", "أيوه", "إي", "اه", "أجل", "تمام", "واخا", "Yes!", "ok", "aywa", "نعم، أرسل", "ماشي"],
)
async def test_yes_in_every_dialect_sends(talk: Talk, yes: str) -> None:
    await talk.say(LONG)
    assert refs(await talk.say(yes)) == ["ticket_opened_complaint"]


@pytest.mark.parametrize(
    "no", ["لا", "إلغاء", "لا شكرًا", "كنسل", "مش عايز", "ما بدي", "no", "Cancel.", "never mind"]
)
async def test_no_and_cancel_send_nothing(talk: Talk, no: str) -> None:
    await talk.say(LONG)
    assert refs(await talk.say(no)) == ["intake_cancelled"]
    assert await talk.tickets() == []
    assert "form" not in (await talk.conversation()).state
    assert refs(await talk.say("سؤال أ")) == ["faq-a"]


@pytest.mark.parametrize("choice", ["cancel", "no"])
async def test_cancelling_by_button(talk: Talk, choice: str) -> None:
    await talk.say("شكوى")
    assert refs(await talk.tap(choice)) == ["intake_cancelled"]


async def test_yes_before_anything_was_told_asks_again(talk: Talk) -> None:
    await talk.say("شكوى")
    assert refs(await talk.say("نعم")) == ["complaint_details"]
    assert refs(await talk.tap("yes")) == ["complaint_details"]
    assert await talk.tickets() == []


@pytest.mark.parametrize("word", ["تخطي", "skip"])
async def test_skipping_the_details(talk: Talk, word: str) -> None:
    (said,) = await talk.say("أريد موظفا")
    assert buttons(said) == ["skip", "cancel"]
    assert refs(await talk.say(word)) == ["human_confirm"]


async def test_skip_is_not_a_yes(talk: Talk) -> None:
    """A button tapped twice must not send what nobody agreed to."""
    await talk.say("أريد موظفا")
    await talk.tap("skip")
    assert refs(await talk.tap("skip")) == ["confirm_again"]
    assert await talk.tickets() == []
    assert refs(await talk.tap("yes")) == ["ticket_opened_human"]


async def test_a_stale_button_does_not_drop_an_open_form(talk: Talk) -> None:
    await talk.say("سؤال مبهم")
    await talk.say(LONG)
    assert refs(await talk.tap("none")) == ["confirm_again"]
    assert refs(await talk.tap("complaint")) == ["confirm_again"]
    # Another kind is another wish: what was written goes along.
    assert refs(await talk.tap("human")) == ["human_confirm"]
    await talk.tap("yes")
    (ticket,) = await talk.tickets()
    assert (ticket.kind, await talk.statement(ticket)) == ("human", LONG)


async def test_a_stale_button_while_details_are_asked(talk: Talk) -> None:
    await talk.say("شكوى")
    assert refs(await talk.tap("none")) == ["complaint_details"]
    assert refs(await talk.tap("human")) == ["human_details"]


async def test_a_question_inside_a_confirmation_is_answered(talk: Talk) -> None:
    await talk.say(LONG)
    said = await talk.say("سؤال أ")
    assert refs(said) == ["faq-a", "confirm_again"]
    assert buttons(said[-1]) == ["yes", "cancel"]
    assert refs(await talk.tap("faq:faq-b")) == ["faq-b"]
    await talk.say("نعم")
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == LONG


async def test_status_inside_a_confirmation(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.say("نعم")
    await talk.say(LONG)
    assert refs(await talk.say("وش صار على شكواي")) == ["status_open", "confirm_again"]
    await talk.say("نعم")
    assert len(await talk.tickets()) == 2


async def test_a_text_without_words_keeps_the_form(talk: Talk) -> None:
    await talk.say(LONG)
    assert refs(await talk.say("🙏🙏")) == ["no_words"]
    assert refs(await talk.say("نعم")) == ["ticket_opened_complaint"]


async def test_a_rumour_is_neither_confirmed_nor_denied(talk: Talk) -> None:
    assert refs(await talk.say("هل صحيح أن الرسوم ستلغى")) == ["rumour_confirm"]
    assert refs(await talk.say("نعم")) == ["ticket_opened_rumour"]
    (ticket,) = await talk.tickets()
    assert (ticket.kind, await talk.statement(ticket)) == ("rumour", "هل صحيح أن الرسوم ستلغى")


async def test_a_suggestion(talk: Talk) -> None:
    assert refs(await talk.say("اقتراح")) == ["suggestion_details"]
    assert refs(await talk.say("افتحوا الفرع مساء")) == ["suggestion_confirm"]
    assert refs(await talk.say("نعم")) == ["ticket_opened_suggestion"]


async def test_the_department_is_the_topics(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.say("نعم")
    await talk.say("شكوى لا يعرف قسمها ولا موضوعها")
    await talk.say("نعم")
    assert [t.department for t in await talk.tickets()] == ["department", None]


async def test_a_ticket_may_follow_an_answer(talk: Talk) -> None:
    (said,) = await talk.say("سؤال ينتهي بعرض")
    assert buttons(said) == ["complaint"]
    assert refs(await talk.tap("complaint")) == ["complaint_details"]


async def test_a_form_survives_a_new_process(talk: Talk) -> None:
    """The form is in the database, not in anybody's memory."""
    await talk.say(LONG)
    again = Talk(talk.settings.data_dir, talk.mind)
    try:
        assert refs(await again.say("نعم")) == ["ticket_opened_complaint"]
    finally:
        await again.stop()


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


async def test_thanks_are_no_part_of_a_complaint(talk: Talk) -> None:
    await talk.say(LONG)
    assert refs(await talk.say("شكرا")) == ["confirm_again"]
    await talk.say("نعم")
    (ticket,) = await talk.tickets()
    view = await talk.root.tickets.show(ticket.number)
    assert [event.text for event in view.events] == [LONG]


async def test_status_without_a_ticket_offers_a_complaint(talk: Talk) -> None:
    (said,) = await talk.say("وش صار على شكواي")
    assert (refs([said]), buttons(said)) == (["status_none"], ["complaint"])
    assert refs(await talk.say("نعم")) == ["complaint_details"]


async def test_an_offer_lapses_with_the_next_message(talk: Talk) -> None:
    await talk.say("وش صار على شكواي")
    await talk.say("شكرا")
    assert refs(await talk.say("نعم")) == ["nothing_to_confirm"]


# -- urgent -----------------------------------------------------------------------------------


async def test_an_urgent_message_opens_a_ticket_at_once(talk: Talk) -> None:
    said = await talk.say("خطر")
    assert refs(said) == ["emergency", "ticket_opened_urgent"]
    (ticket,) = await talk.tickets()
    assert (ticket.urgent, ticket.kind, await talk.statement(ticket)) == (True, "urgent", "خطر")


async def test_a_second_urgent_message_goes_to_the_same_ticket(talk: Talk) -> None:
    await talk.say("خطر")
    said = await talk.say("خطر آخر")
    assert refs(said) == ["emergency", "urgent_noted"]
    (ticket,) = await talk.tickets()
    assert ticket.number in said[1].text
    view = await talk.root.tickets.show(ticket.number)
    assert [(e.kind, e.text) for e in view.events] == [("opened", "خطر"), ("told more", "خطر آخر")]


async def test_danger_goes_before_an_open_form(talk: Talk) -> None:
    await talk.say(LONG)
    assert refs(await talk.say("خطر")) == ["emergency", "ticket_opened_urgent"]
    assert refs(await talk.tap("yes")) == ["nothing_to_confirm"]
    assert len(await talk.tickets()) == 1


# -- a human has the conversation -----------------------------------------------------------------


async def with_a_human(talk: Talk) -> str:
    await talk.say(LONG)
    await talk.say("نعم")
    (ticket,) = await talk.tickets()
    await talk.root.tickets.reply(ticket.number, "نحن ننظر في شكواك.", None)
    await talk.deliver()
    return ticket.number


async def test_the_bot_is_mute_while_a_human_has_the_conversation(talk: Talk) -> None:
    number = await with_a_human(talk)
    for text in ("سؤال أ", "السلام عليكم", "قرمزة", "نعم", "👍"):
        assert await talk.say(text) == []
    assert await talk.tap("faq:faq-a") == []
    view = await talk.root.tickets.show(number)
    said = [u.text for u in view.conversation if u.direction == "in"]
    assert said[-6:-1] == ["سؤال أ", "السلام عليكم", "قرمزة", "نعم", "👍"]
    assert view.ticket.state == "open", "the ticket waits for an answer again"
    assert (await talk.conversation()).mode == HUMAN


async def test_danger_is_answered_even_then(talk: Talk) -> None:
    number = await with_a_human(talk)
    before = (await talk.root.tickets.show(number)).ticket
    assert refs(await talk.say("خطر")) == ["emergency"]
    after = (await talk.root.tickets.show(number)).ticket
    assert after.urgent and after.due_at < before.due_at
    assert len(await talk.tickets()) == 1
    # Once is enough to move it; the text comes every time.
    assert refs(await talk.say("خطر آخر")) == ["emergency"]


async def test_closing_gives_the_conversation_back(talk: Talk) -> None:
    number = await with_a_human(talk)
    await talk.root.tickets.close(number, None)
    assert refs(await talk.deliver()) == ["ticket_closed"]
    assert (await talk.conversation()).mode == BOT
    assert refs(await talk.say("سؤال أ")) == ["faq-a"]


async def test_a_conversation_whose_ticket_is_gone_is_the_bots(talk: Talk) -> None:
    await with_a_human(talk)
    async with talk.root.db.write() as session:
        row = await conversations.load(session, (await talk.conversation()).id)
        row.ticket_id = None
    assert refs(await talk.say("سؤال أ")) == ["faq-a"]
    assert (await talk.conversation()).mode == BOT


async def test_taking_a_ticket_drops_what_the_bot_was_asking(talk: Talk) -> None:
    number = await with_a_human(talk)
    await talk.root.tickets.close(number, None)
    await talk.deliver()
    await talk.say(LONG)
    await talk.say("نعم")
    await talk.say(LONG)
    second = (await talk.tickets())[-1].number
    await talk.root.tickets.reply(second, "أهلًا", None)
    await talk.deliver()
    assert await talk.say("نعم") == []
    assert len(await talk.tickets()) == 2


async def test_what_is_said_belongs_to_the_message_that_caused_it(talk: Talk) -> None:
    await talk.say("سؤال أ")
    await talk.say("خطر")
    inbox = {row.text: row for row in await talk.inbox()}
    rows = await talk.outbox()
    assert [row.inbox_id for row in rows] == [
        inbox["سؤال أ"].id,
        inbox["خطر"].id,
        inbox["خطر"].id,
    ]
    assert [row.correlation for row in rows[1:]] == [inbox["خطر"].correlation] * 2
