"""Commands on every channel: typed, said in a word, tapped; beside a human and an open form."""

from __future__ import annotations

import pytest

from bot.commands import SLASH, language_of_word, slash_of, word_of
from core.catalogue import LANGUAGES, Catalogue
from core.conversations import BOT, HUMAN, load
from core.db.tables import OutboxRow
from core.messages import Origin, OutboundMessage, text_hash
from tests.support.minds import URGENT, action, answer, clarify, intake
from tests.support.talk import Talk, buttons, refs

COMPLAINT = "عندي شكوى عن تأخر معاملتي شهرين"
TABLE = {
    "سؤال أ": answer("faq-a"),
    "what is b": answer("faq-b"),
    "which one": clarify("faq-a", "faq-b"),
    COMPLAINT: intake("complaint"),
    "وش صار": action("status"),
    "السلام عليكم": action("greeting"),
    "خطر": URGENT,
}


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


async def to_human(talk: Talk) -> str:
    """A ticket that staff have in hand; returns its number."""
    conversation_id = await talk.accept("سؤال أ")
    await talk.handle()
    async with talk.root.db.write() as session:
        row = await talk.root.tickets.open(
            session, await load(session, conversation_id), kind="complaint", statement="تأخرت"
        )
    await talk.root.tickets.reply(row.number, "نراجع طلبك الآن.", None)
    await talk.deliver()
    return row.number


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/menu", "menu"),
        (" /MENU ", "menu"),
        ("/menu@natiq_bot", "menu"),
        ("/start resume-123", "start"),
        ("/complaint", "complaint"),
        ("/unknown", None),
        ("menu", None),
        ("menu/", None),
        ("/", None),
        ("/menu/more", None),
        ("see /menu", None),
        ("", None),
    ],
)
def test_what_a_slash_asks_for(text: str, command: str | None) -> None:
    assert slash_of(text) == command


@pytest.mark.parametrize(
    ("text", "command", "language"),
    [
        ("القائمة", "menu", "ar"),
        ("القائمه.", "menu", "ar"),
        ("Topics", "menu", "en"),
        ("الخصوصية", "privacy", "ar"),
        ("English", "language:en", "en"),
        ("عربي", "language:ar", "ar"),
        ("change language", "language", "en"),
        ("أريد القائمة الانتخابية", None, None),
        ("private", None, None),
        ("x" * 5000, None, None),
    ],
)
def test_what_a_word_alone_asks_for(text: str, command: str | None, language: str | None) -> None:
    assert (word_of(text), language_of_word(text)) == (command, language)


def test_the_labels_on_the_menus_buttons_are_understood_when_typed(catalogue: Catalogue) -> None:
    for key in ("menu", "menu_back"):
        for language in LANGUAGES:
            label = catalogue.label(key, language)
            assert (word_of(label), language_of_word(label)) == ("menu", language)


# -- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tapped", [True, False])
@pytest.mark.parametrize(
    ("command", "ref"),
    [
        ("start", "greeting_sample"),
        ("menu", "menu_topics"),
        ("status", "status_none"),
        ("human", "human_details"),
        ("privacy", "privacy"),
        ("language", "language_ask"),
        ("complaint", "complaint_details"),
        ("suggestion", "suggestion_details"),
    ],
)
async def test_every_command_tapped_and_typed(
    talk: Talk, command: str, ref: str, tapped: bool
) -> None:
    said = await (talk.tap(command) if tapped else talk.say(f"/{command}"))
    assert refs(said) == [ref]
    assert command in SLASH or command in ("complaint", "suggestion")


async def test_a_typed_command_is_not_guessed_at(talk: Talk) -> None:
    await talk.say("/privacy")
    assert talk.mind.understanding.seen == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("greet", ["/start", "السلام عليكم"])
async def test_the_greeting_offers_what_may_be_tapped(talk: Talk, greet: str) -> None:
    (said,) = await talk.say(greet)
    assert buttons(said) == ["menu", "complaint", "human"]


async def test_status_by_command_may_end_in_a_complaint(talk: Talk) -> None:
    await talk.tap("status")
    assert refs(await talk.say("نعم")) == ["complaint_details"]


async def test_a_form_stays_open_beside_a_command(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    before = (await talk.conversation()).state["form"]
    for command in ("start", "privacy", "language", "status", "language:ar"):
        said = await talk.tap(command)
        assert len(said) == 2, command
        assert buttons(said[1])[-1].startswith("cancel")
        assert (await talk.conversation()).state["form"] == before


async def test_a_word_is_an_answer_while_a_form_asks(talk: Talk) -> None:
    """ "العربية" is a street as well; only the menu's own words lead out of a question."""
    await talk.say(COMPLAINT)
    assert refs(await talk.say("العربية")) != ["language_set"]
    assert (await talk.conversation()).language_chosen is False
    assert refs(await talk.say("القائمة"))[0] == "menu_topics"


# -- language -----------------------------------------------------------------------------------


async def test_the_language_that_was_chosen_stays(talk: Talk) -> None:
    (asked,) = await talk.tap("language")
    assert buttons(asked) == ["language:ar", "language:en"]
    (said,) = await talk.tap("language:en")
    assert (refs([said]), said.language) == (["language_set"], "en")
    assert (await talk.conversation()).language_chosen is True
    for text in ("سؤال أ", "كلام غير مفهوم", "what is b", COMPLAINT, "إلغاء"):
        for message in await talk.say(text):
            assert message.language == "en", text
    assert (await talk.say("سؤال أ"))[0].text == "Answer of faq-a."
    (said,) = await talk.say("which one")
    assert said.choices[0].description == "What is faq-a?"
    await talk.tap("language:ar")
    assert (await talk.say("what is b"))[0].text.startswith("جواب faq-b")


async def test_without_a_choice_the_language_follows_the_message(talk: Talk) -> None:
    assert (await talk.say("what is b"))[0].language == "en"
    assert (await talk.say("سؤال أ"))[0].language == "ar"
    assert (await talk.say("/menu"))[0].language == "ar"  # a slash has no language
    assert (await talk.say("menu"))[0].language == "en"


async def test_the_platforms_language_counts_before_anything_was_said(talk: Talk) -> None:
    (said,) = await talk.tap("start", language="en")
    assert said.language == "en"
    (said,) = await talk.tap("start", language="en", who="another")
    assert said.language == "en"
    await talk.say("سؤال أ")
    # A telephone set to English does not make an Arabic conversation English.
    (said,) = await talk.tap("menu", language="en")
    assert said.language == "ar"


async def test_a_button_speaks_the_language_of_its_label(talk: Talk) -> None:
    await talk.say("سؤال أ")
    (said,) = await talk.say("Topics", choice="menu")
    assert said.language == "en"


async def test_an_unknown_language_is_asked_again(talk: Talk) -> None:
    (said,) = await talk.tap("language:fr")
    assert refs([said]) == ["language_ask"]
    assert (await talk.conversation()).language_chosen is False


# -- while a human has the conversation -----------------------------------------------------------


async def test_beside_a_human_only_some_commands_are_answered(talk: Talk) -> None:
    number = await to_human(talk)
    assert refs(await talk.tap("privacy")) == ["privacy"]
    assert refs(await talk.tap("language:en")) == ["language_set"]
    assert refs(await talk.say("/status")) == ["status_answered"]
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.language) == (HUMAN, "en")
    # None of these was a word to the staff, who have answered.
    assert (await talk.root.tickets.show(number)).ticket.state == "answered"
    for text in ("/menu", "/start", "/human", "القائمة", "سؤال أ"):
        assert await talk.say(text) == []
    assert (await talk.root.tickets.show(number)).ticket.state == "open"
    assert refs(await talk.say("خطر")) == ["emergency"]


# -- groups ----------------------------------------------------------------------------------------


async def test_a_group_is_told_that_talk_is_private(talk: Talk) -> None:
    (said,) = await talk.tap("group", who="group")
    assert (refs([said]), said.links, said.choices) == (["group_private"], (), ())
    talk.channel.private_link = "https://t.me/natiq_bot"  # type: ignore[attr-defined]
    (said,) = await talk.tap("group", who="group")
    assert [(link.label, link.url) for link in said.links] == [
        ("المحادثة الخاصة", "https://t.me/natiq_bot")
    ]


# -- "read the reply" --------------------------------------------------------------------------


async def put(talk: Talk, state: str, text: str = "رد الموظف") -> int:
    """A staff reply in the given state of the outbox."""
    conversation = await talk.conversation()
    message = OutboundMessage(text, Origin("staff", "1", text_hash(text)), "ar")
    async with talk.root.db.write() as session:
        outbox_id = await talk.root.outbox.put(session, conversation.id, message, correlation="c")
        row = await session.get(OutboxRow, outbox_id)
        assert row is not None
        row.state = state
        row.sent_at = talk.clock() if state == "sent" else None
    return outbox_id


async def test_the_tap_brings_the_reply_and_nothing_else(talk: Talk) -> None:
    number = await to_human(talk)
    await put(talk, "held")
    said = await talk.tap("read_reply")
    assert [message.text for message in said] == ["رد الموظف"]
    # To tap is not to write: the ticket does not wait for staff because of it.
    assert (await talk.root.tickets.show(number)).ticket.state == "answered"


async def test_nothing_is_added_when_the_reply_went_out_before_the_turn(talk: Talk) -> None:
    await talk.say("سؤال أ")
    await put(talk, "held")
    await talk.accept(choice="read_reply")
    assert len(await talk.deliver()) == 1  # the sender was quicker than the worker
    await talk.handle()
    assert await talk.deliver() == []


async def test_a_second_tap_is_told_that_nothing_waits(talk: Talk) -> None:
    await talk.say("سؤال أ")
    await put(talk, "held")
    await talk.tap("read_reply")
    talk.clock.advance(minutes=1)
    assert refs(await talk.tap("read_reply")) == ["no_reply_waiting"]


async def test_the_tap_leaves_an_open_form_alone(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    before = (await talk.conversation()).state["form"]
    talk.clock.advance(minutes=1)
    assert refs(await talk.tap("read_reply")) == ["no_reply_waiting"]
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.state["form"]) == (BOT, before)
