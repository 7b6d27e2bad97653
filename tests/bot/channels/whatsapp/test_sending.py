"""What goes out, within WhatsApp's limits: Meta's server refuses what breaks one, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bot.channels.whatsapp.compose import TEXT_LIMITS
from core.errors import ChannelError
from core.messages import (
    Choice,
    Envelope,
    Language,
    Link,
    Origin,
    OutboundMessage,
    Template,
    text_hash,
)
from core.queues.outbox import parts_of
from tests.support.graph_server import TEMPLATE, GraphServer, Sent
from tests.support.graph_webhooks import PERSON, text

VERBATIM = "*رسوم* الإصدار: _٥٠ ريالًا_ ~سابقًا ١٠٠~\n```رمز``` <b>نص</b> & [رابط](x)  مسافتان\n\nسطر"


def say(
    words: str = "أهلًا",
    choices: Sequence[Choice] = (),
    links: Sequence[Link] = (),
    template: Template | None = None,
    language: Language = "ar",
) -> OutboundMessage:
    origin = Origin("line", "greeting", text_hash(words))
    return OutboundMessage(words, origin, language, tuple(choices), tuple(links), template)


def choices(count: int, label: str = "زر {}", description: str = "") -> list[Choice]:
    return [
        Choice(f"faq:entry-{n}", label.format(n), description.format(n) if description else "")
        for n in range(count)
    ]


@pytest.fixture
def send(ministry, graph: GraphServer) -> Any:
    """Sends a message by the channel itself, past the outbox; returns what Meta took."""
    graph.wrote(PERSON)

    async def sending(message: OutboundMessage, who: str = PERSON) -> Sent:
        await ministry.channel.send(Envelope(1, 1, who, message))
        assert graph.violations == []
        return graph.sent[-1]

    return sending


async def test_a_text_arrives_as_it_is(send) -> None:
    sent = await send(say(VERBATIM))
    assert sent.payload == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PERSON,
        "type": "text",
        "text": {"body": VERBATIM, "preview_url": False},
    }


async def test_the_id_that_is_kept_is_a_hash(ministry, graph) -> None:
    graph.wrote(PERSON)
    delivery = await ministry.channel.send(Envelope(1, 1, PERSON, say()))
    assert delivery.external_id is not None and len(delivery.external_id) == 32
    assert delivery.external_id not in graph.sent[-1].id


async def test_links_stand_beneath_the_text(send) -> None:
    links = [Link("الصفحة", "https://a.example/x?y=1&z=2"), Link("أخرى", "https://b.example")]
    sent = await send(say("اقرأ:", links=links))
    assert sent.text == ("اقرأ:\n\nالصفحة\nhttps://a.example/x?y=1&z=2\n\nأخرى\nhttps://b.example")


async def test_up_to_three_choices_are_buttons(send) -> None:
    sent = await send(say(choices=choices(3, "عشرون حرفًا للزر {}..")))
    assert sent.payload["interactive"]["type"] == "button"
    titles = [b["reply"]["title"] for b in sent.payload["interactive"]["action"]["buttons"]]
    assert titles == [f"عشرون حرفًا للزر {n}.." for n in range(3)]
    assert max(map(len, titles)) == 20
    assert sent.choices == ["faq:entry-0", "faq:entry-1", "faq:entry-2"]


async def test_a_label_of_21_characters_is_no_button(send) -> None:
    label = "ا" * 21
    sent = await send(say(choices=[Choice("a", label), Choice("b", "ب")]))
    assert sent.payload["interactive"]["type"] == "list"
    [rows] = [section["rows"] for section in sent.payload["interactive"]["action"]["sections"]]
    assert [row["title"] for row in rows] == [label, "ب"]


async def test_a_label_of_25_characters_is_cut_and_said_in_full_beneath(send) -> None:
    label = "عنوان طويل يزيد على الحد 1"
    sent = await send(say(choices=[Choice("a", label)]))
    [row] = sent.payload["interactive"]["action"]["sections"][0]["rows"]
    assert row["title"] == "عنوان طويل يزيد على…"
    assert row["description"] == label


async def test_four_choices_and_questions_are_a_list(send) -> None:
    question = "ما الوثائق المطلوبة لتجديد جواز السفر {}؟"
    for made in (choices(4), choices(2, description=question)):
        sent = await send(say(choices=made))
        interactive = sent.payload["interactive"]
        assert interactive["type"] == "list"
        assert interactive["action"]["button"] == "اختر من القائمة"
        rows = interactive["action"]["sections"][0]["rows"]
        assert [row["id"] for row in rows] == [choice.value for choice in made]
        assert [row.get("description", "") for row in rows] == [c.description for c in made]
    sent = await send(say(choices=choices(4), language="en"))
    assert sent.payload["interactive"]["action"]["button"] == "Choose"


async def test_a_long_description_is_cut_at_a_word(send) -> None:
    question = " ".join(["كلمة"] * 30)
    sent = await send(say(choices=[Choice("a", "سؤال", question)]))
    [row] = sent.payload["interactive"]["action"]["sections"][0]["rows"]
    assert len(row["description"]) <= 72 and row["description"].endswith("كلمة…")


async def test_equal_labels_are_not_put_on_buttons(send) -> None:
    same = [Choice("a", "تجديد"), Choice("b", "تجديد")]
    assert (await send(say(choices=same))).payload["interactive"]["type"] == "list"


async def test_an_eleventh_choice_leaves_the_way_out_in(send) -> None:
    sent = await send(say(choices=[*choices(10), Choice("none", "لا شيء من هذه")]))
    assert len(sent.choices) == 10
    assert sent.choices[:9] == [f"faq:entry-{n}" for n in range(9)]
    assert sent.choices[-1] == "none"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (say("ا" * 4097), "text_too_long"),
        (say("ا" * 1025, choices(1)), "text_too_long"),
        (say("ا" * 1025, choices(5)), "text_too_long"),
        (say("ا" * 1000, choices(1), [Link("ا", "https://a.example/12345678")]), "text_too_long"),
        (say("  "), "empty_text"),
        (say(choices=[Choice("a", " ")]), "empty_label"),
        (say(choices=[Choice("a" * 201, "زر")]), "choice_too_long"),
        (say(choices=[Choice("", "زر")]), "choice_too_long"),
    ],
    ids=range(8),
)
async def test_what_no_cutting_may_mend_is_refused_before_it_is_sent(
    ministry, graph, message: OutboundMessage, reason: str
) -> None:
    graph.wrote(PERSON)
    with pytest.raises(ChannelError, match=reason) as caught:
        await ministry.channel.send(Envelope(1, 1, PERSON, message))
    assert caught.value.permanent and not caught.value.uncertain
    assert graph.requests == []


@pytest.mark.parametrize(
    "message",
    [
        say("ا" * 4096),
        say("ا" * 1024, choices(3)),
        say("ا" * 1024, choices(10)),
        say(choices=[Choice("a" * 200, "زر")]),
    ],
    ids=range(4),
)
async def test_what_just_fits_is_sent(send, message: OutboundMessage) -> None:
    assert (await send(message)).text == message.text


SENTENCE = "هذه جملة من جواب طويل معتمد، وفيها كلام كثير. "


@pytest.mark.parametrize("count", [0, 3, 8])
async def test_a_long_answer_comes_in_parts_none_of_which_meta_refuses(
    ministry, graph, count: int
) -> None:
    await ministry.turn(text("سلام"))
    words = (SENTENCE * 120).strip()
    links = [Link("الصفحة", "https://example.org/" + "x" * 200)]
    before = len(graph.sent)
    await ministry.put(say(words, choices(count), links))
    sent = await ministry.work()
    assert graph.violations == [] and len(sent) > 1
    assert sent == graph.sent[before:]
    whole = " ".join(part.text for part in sent)
    assert whole == words + f"\n\n{links[0].label}\n{links[0].url}"
    assert [len(part.choices) for part in sent] == [0] * (len(sent) - 1) + [count]


async def test_1025_characters_with_buttons_come_in_two_parts(ministry, graph) -> None:
    await ministry.turn(text("سلام"))
    words = ("كلمة " * 205)[:1024].strip() + "؟"
    words += "ا" * (1025 - len(words))
    await ministry.put(say(words, choices(2)))
    sent = await ministry.work()
    assert graph.violations == []
    assert [len(part.choices) for part in sent] == [0, 2]
    assert " ".join(part.text for part in sent) == words


async def test_room_for_the_links_is_kept(send) -> None:
    links = [Link(f"رابط {n}", f"https://example.org/{n}/" + "x" * 40) for n in range(3)]
    for words in ("ا" * 1024, SENTENCE * 40):
        for part in parts_of(say(words, choices(2), links), TEXT_LIMITS):
            await send(part)


TEMPLATE_OK = Template(TEMPLATE, ("وزارة الخدمات العامة",), "read_reply")


async def test_a_template_with_its_parameter_and_button(send) -> None:
    sent = await send(say("لديك رد", template=TEMPLATE_OK))
    assert sent.payload["template"] == {
        "name": TEMPLATE,
        "language": {"policy": "deterministic", "code": "ar"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "وزارة الخدمات العامة"}]},
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "0",
                "parameters": [{"type": "payload", "payload": "read_reply"}],
            },
        ],
    }


@pytest.mark.parametrize(
    "value",
    ["سطر\nسطر", "سطر\r\nسطر", "علامة\tجدولة", "خمس     مسافات", "فاصل\u2028سطر", "", "  "],
)
async def test_a_template_parameter_takes_no_line_break_tab_or_five_spaces(
    ministry, graph, value: str
) -> None:
    message = say(template=Template(TEMPLATE, (value,), "read_reply"))
    with pytest.raises(ChannelError, match="template_parameter") as caught:
        await ministry.channel.send(Envelope(1, 1, PERSON, message))
    assert caught.value.permanent
    assert graph.requests == []


async def test_four_spaces_are_allowed(send) -> None:
    await send(say(template=Template(TEMPLATE, ("أربع    مسافات",), "read_reply")))


async def test_all_that_the_bot_says_fits_without_a_word_cut_off(ministry, graph) -> None:
    """Every label of the catalogue stands on a button."""
    graph.enforce_rates = False
    graph.wrote(PERSON)
    catalogue = ministry.root.catalogue
    for language in ("ar", "en"):
        for key, label in catalogue._books[language].labels.items():
            await ministry.channel.send(
                Envelope(1, 1, PERSON, say(choices=[Choice(key, label)], language=language))
            )
            [button] = graph.sent[-1].payload["interactive"]["action"]["buttons"]
            assert button["reply"]["title"] == label
    assert graph.violations == []


async def test_a_burst_to_one_person_stays_within_the_pace(ministry, graph, clock) -> None:
    """60 messages to one person: without the pace Meta's server refuses the 46th."""
    ticks = [0.0]
    graph.ticks = lambda: ticks[0]
    ministry.root.sender._rates._clock = lambda: ticks[0]
    await ministry.turn(text("سلام"))
    for n in range(60):
        await ministry.put(say(f"رسالة {n}"))
    for _ in range(200):
        await ministry.work()
        ticks[0] += 6.0
        clock.advance(seconds=6)
        graph.wrote(PERSON)
        if len(graph.to(PERSON)) > 60:
            break
    assert graph.violations == []
    said = [sent.text for sent in graph.to(PERSON) if sent.text.startswith("رسالة")]
    assert said == [f"رسالة {n}" for n in range(60)]
    assert ticks[0] > 120, "it did wait"


async def test_many_people_stay_within_the_throughput(ministry, graph, clock) -> None:
    """120 people at once: without the pace Meta's server refuses the 81st within the second."""
    ticks = [0.0]
    graph.ticks = lambda: ticks[0]
    ministry.root.sender._rates._clock = lambda: ticks[0]
    people = [f"9665{number:08d}" for number in range(120)]
    for who in people:
        await ministry.hear(text("سلام", who=who), contacts=[], who=who)
    for _ in range(40):
        await ministry.work()
        ticks[0] += 0.5
        clock.advance(seconds=0.5)
    assert graph.violations == []
    assert {sent.to for sent in graph.sent} == set(people)
