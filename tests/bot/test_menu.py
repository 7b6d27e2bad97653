"""The topic menu, by taps: topics, questions, answers, pages, and what is gone meanwhile."""

from __future__ import annotations

from datetime import date

import pytest

from bot.menu import ROWS, Menu
from core.catalogue import Catalogue
from core.messages import OutboundMessage
from faq.entries import FaqEntry, KnowledgeBase, Topic
from tests.support.approved import sha
from tests.support.minds import answer, entry, intake
from tests.support.talk import Talk, buttons, refs

TODAY = date(2026, 11, 22)


def topic(name: str, arabic: str = "", english: str = "") -> Topic:
    title = {"ar": arabic or f"موضوع {name}", "en": english or f"About {name}"}
    return Topic(name, title, "department", f"{name}.yml")  # type: ignore[arg-type]


def menu_of(
    catalogue: Catalogue, counts: dict[str, int], *topics: Topic, **changes: object
) -> Menu:
    """A menu of so many questions in each topic."""
    entries = tuple(
        entry(f"{name}-{number}", topic=name, **changes)
        for name, count in counts.items()
        for number in range(count)
    )
    known = topics or tuple(topic(name) for name in counts)
    return Menu(catalogue, lambda: KnowledgeBase(known, entries, "1"), lambda: TODAY)


def walk(menu: Menu, choice: str) -> list[OutboundMessage]:
    """The page and those that follow it by "more"."""
    pages = [menu.show(choice, "en")]
    while more := [c.value for c in pages[-1].choices if c.label == "More"]:
        pages.append(menu.show(more[0], "en"))
        assert len(pages) < 50
    return pages


# -- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [*range(1, 30), 97])
def test_every_topic_is_reached_and_no_page_has_more_than_ten_rows(
    catalogue: Catalogue, count: int
) -> None:
    menu = menu_of(catalogue, {f"t{number}": 1 for number in range(count)})
    pages = walk(menu, "menu")
    reached = [c.value for page in pages for c in page.choices if "::" not in c.value]
    assert [v for v in reached if v != "menu"] == [f"menu:t{number}" for number in range(count)]
    assert all(len(page.choices) <= ROWS == 10 for page in pages)
    assert len(pages) == 1 if count <= 10 else len(pages) > 1
    # From the later pages there is a way back.
    assert all("menu" in buttons(page) for page in pages[1:])


@pytest.mark.parametrize("count", [*range(1, 30), 97])
def test_every_question_is_reached_and_there_is_always_a_way_back(
    catalogue: Catalogue, count: int
) -> None:
    menu = menu_of(catalogue, {"t": count})
    pages = walk(menu, "menu:t")
    reached = [v for page in pages for v in buttons(page) if v.startswith("faq:")]
    assert reached == [f"faq:t-{number}" for number in range(count)]
    assert all(len(page.choices) <= 10 and buttons(page)[-1] == "menu" for page in pages)
    assert len(pages) == 1 if count <= 9 else len(pages) > 1


@pytest.mark.parametrize(
    "choice",
    ["menu:t:9", "menu::9", "menu:t:x", "menu::-1", "menu:t:99999999", "menu:t:٣", "menu:"],
)
def test_a_page_that_is_not_there_is_the_first(catalogue: Catalogue, choice: str) -> None:
    menu = menu_of(catalogue, {"t": 3})
    first = menu.show(":".join(choice.split(":")[:2]).rstrip(":"), "ar")
    assert menu.show(choice, "ar") == first


# -- labels ------------------------------------------------------------------------------------


def test_a_long_title_is_cut_on_the_button_and_whole_beside_it(catalogue: Catalogue) -> None:
    arabic, english = "إقامة الزائرين والمقيمين وتمديدها", "Residence of visitors and residents"
    menu = menu_of(
        catalogue, {"long": 1, "short": 1}, topic("long", arabic, english), topic("short")
    )
    for language, title in (("ar", arabic), ("en", english)):
        cut, short = menu.show("menu", language).choices  # type: ignore[arg-type]
        assert len(cut.label) <= 20 and title.startswith(cut.label.removesuffix("…"))
        assert cut.description == title
        assert len(short.label) <= 20 and short.description == ""


def test_a_title_is_said_on_one_line_without_marks(catalogue: Catalogue) -> None:
    menu = menu_of(
        catalogue, {"t": 1}, topic("t", "جوازات\u200f\nالسفر \u200cوتجديدها", "Pass\nports")
    )
    said = menu.show("menu:t", "ar")
    assert said.text == catalogue.line("menu_questions", "ar", title="جوازات السفر وتجديدها").text
    assert menu.show("menu", "en").choices[0].label == "Pass ports"


def test_a_question_has_its_short_label_and_stands_whole_beside_it(catalogue: Catalogue) -> None:
    menu = menu_of(catalogue, {"t": 1}, short={"ar": "رسوم التجديد", "en": "Fees"})
    choice = menu.show("menu:t", "ar").choices[0]
    assert (choice.label, choice.description) == ("رسوم التجديد", "ما سؤال t-0؟")


def test_the_approved_text_is_the_template(catalogue: Catalogue) -> None:
    said = menu_of(catalogue, {"t": 1}).show("menu:t", "en")
    assert said.origin.approved_hash == sha("{title}: choose your question to get its answer.")


# -- validity ----------------------------------------------------------------------------------


def test_only_what_is_valid_today_is_offered(catalogue: Catalogue) -> None:
    entries = (
        entry("a", topic="both"),
        entry("b", topic="both", valid_from=date(2027, 1, 1)),
        entry("c", topic="ended", valid_until=TODAY),
        entry("d", topic="begun", valid_from=TODAY),
    )
    topics = tuple(topic(name) for name in ("both", "ended", "begun", "empty"))
    menu = Menu(catalogue, lambda: KnowledgeBase(topics, entries, "1"), lambda: TODAY)
    assert buttons(menu.show("menu", "ar")) == ["menu:both", "menu:begun"]
    assert buttons(menu.show("menu:both", "ar")) == ["faq:a", "menu"]
    for gone in ("menu:ended", "menu:empty", "menu:never"):
        said = menu.show(gone, "ar")
        assert (refs([said]), buttons(said)) == (["menu_topic_gone"], ["menu:both", "menu:begun"])


def test_a_menu_without_anything_says_so(catalogue: Catalogue) -> None:
    said = menu_of(catalogue, {"t": 1}, valid_until=TODAY).show("menu", "ar")
    assert (refs([said]), buttons(said)) == (["menu_empty"], [])


# -- in a conversation --------------------------------------------------------------------------

COMPLAINT = "عندي شكوى عن تأخر معاملتي شهرين"
ENTRIES: list[FaqEntry] = [
    entry("faq-a", topic="passports"),
    entry("faq-b", topic="passports"),
    entry("faq-c", topic="housing", owner="housing-office"),
]


@pytest.fixture
async def talk(script) -> Talk:
    return await script({"what is b": answer("faq-b"), COMPLAINT: intake("complaint")}, ENTRIES)


async def test_topics_questions_answer_by_taps_alone(talk: Talk) -> None:
    (topics,) = await talk.tap("menu")
    assert buttons(topics) == ["menu:passports", "menu:housing"]
    (questions,) = await talk.tap("menu:passports")
    assert buttons(questions) == ["faq:faq-a", "faq:faq-b", "menu"]
    (said,) = await talk.tap("faq:faq-b")
    assert (said.origin.kind, said.text) == ("faq", "جواب faq-b.\nسطر ثان.")


@pytest.mark.parametrize("words", ["/menu", "القائمة", "menu", "Menu!", "المواضيع", "Topics"])
async def test_the_menu_by_words(talk: Talk, words: str) -> None:
    (said,) = await talk.say(words)
    assert refs([said]) == ["menu_topics"]


@pytest.mark.parametrize("text", ["كلام غير مفهوم", "😀", "我的护照在哪里？"])
async def test_whatever_was_not_understood_leads_to_the_menu(talk: Talk, text: str) -> None:
    (said,) = await talk.say(text)
    assert "menu" in buttons(said)


async def test_the_second_miss_and_none_of_these_lead_there_too(script) -> None:
    talk = await script({})
    await talk.say("كلام غير مفهوم")
    (again,) = await talk.say("كلام آخر غير مفهوم")
    assert (refs([again]), buttons(again)[1]) == (["abstain_again"], "menu")
    assert len(again.choices) <= 3  # buttons on WhatsApp, not a list
    topics, asked = await talk.tap("menu")
    assert (refs([topics]), refs([asked])) == (["menu_topics"], ["confirm_again"])
    (said,) = await talk.say("نعم")
    assert refs([said]) == ["ticket_opened_human"]
    (none,) = await talk.tap("none")
    assert (refs([none]), buttons(none)[1]) == (["none_of_these"], "menu")


async def test_an_answer_that_was_withdrawn_meanwhile_leads_back(talk: Talk) -> None:
    await talk.tap("menu:passports")
    talk.mind.faq.index.entries = ()
    (said,) = await talk.tap("faq:faq-a")
    assert (refs([said]), buttons(said)) == (["answer_withdrawn"], ["menu"])


async def test_a_form_is_kept_through_every_tap_of_the_menu(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    before = (await talk.conversation()).state["form"]
    for choice in ("menu", "menu:passports", "menu:gone", "faq:faq-a", "faq:gone", "menu::7"):
        said = await talk.tap(choice)
        assert len(said) == 2, choice
        # The menu or the answer, then the form's own question.
        assert said[0].origin.ref != said[1].origin.ref
        assert "cancel" in buttons(said[1])[-1]
        assert (await talk.conversation()).state["form"] == before


async def test_after_the_menu_a_number_picks_nothing_of_before(script) -> None:
    """What was offered before the menu is no longer meant by "1"."""
    from tests.support.minds import clarify

    talk = await script({"مبهم": clarify("faq-a", "faq-b", "faq-c")}, ENTRIES)
    await talk.say("مبهم")
    await talk.tap("menu")
    assert refs(await talk.say("1")) == ["abstain"]
