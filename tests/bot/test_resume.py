"""A ticket is followed from another conversation by its number and its secret code."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from core.conversations import BOT, HUMAN
from core.db.tables import OutboxRow, TicketPlaceRow
from core.errors import StaleLeaseError
from tests.support.resuming import (
    LAPTOP,
    LONG,
    PASSWORD,
    PHONE,
    TABLE,
    mark,
    opened,
    place_of,
    texts,
)
from tests.support.talk import Talk, refs


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة", "agent", PASSWORD)).id


# -- coming back --------------------------------------------------------------------------------


async def test_every_ticket_is_told_with_a_code_that_is_kept_as_a_hash(talk: Talk) -> None:
    number, code = await opened(talk)
    (ticket,) = await talk.tickets()
    assert re.fullmatch(r"[0-9a-f]{64}", str(ticket.code_hash))
    assert ticket.number == number
    assert "•" not in code


async def test_a_complaint_tells_a_code_that_works(talk: Talk) -> None:
    await talk.say(LONG, who=PHONE)
    for _ in range(6):
        said = await talk.say("تخطي", who=PHONE)
        if any(choice.value.startswith("yes") for choice in said[-1].choices):
            break
    told = (await talk.say("نعم", who=PHONE))[0]
    assert told.origin.ref == "ticket_opened_complaint"
    both = re.findall(r"\d{3}-\d{3}(?!\d)|\d{4}-\d{4}", told.text)
    assert len(both) == 2
    assert refs(await talk.say(" ".join(both), who=LAPTOP)) == ["resumed", "status_open"]


async def test_number_and_code_bring_the_ticket_here(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    said = await talk.say(f"رقمي {number} ورمزي {code} وأريد المتابعة", who=LAPTOP)
    assert refs(said) == ["resumed", "status_open"]
    assert number in said[0].text
    here = await talk.conversation(LAPTOP)
    assert await place_of(talk, number) == here.id
    assert here.mode == BOT
    view = await talk.root.tickets.show(number)
    assert view.events[-1].kind == "moved"
    # Staff see both places in one, by time, without the code.
    shown = [u.text for u in view.conversation]
    assert "خطر" in shown
    assert not any(code in text or code.replace("-", "") in text for text in shown)
    assert f"رقمي {number} ورمزي ••••-•••• وأريد المتابعة" in shown
    # What is said from now on is said here and nowhere else.
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    assert talk.channel.sent[-1].address == LAPTOP
    assert (await talk.conversation(LAPTOP)).mode == HUMAN
    assert (await talk.conversation(PHONE)).mode == BOT


@pytest.mark.parametrize(
    "write",
    [
        lambda n, c: f"{n} {c}",
        lambda n, c: f"{n.replace('-', '')}{c.replace('-', '')}",
        lambda n, c: f"الرمز {c} للطلب {n}",
        lambda n, c: f"{n}\n{c}".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
    ],
)
async def test_it_may_be_written_in_many_ways(talk: Talk, write) -> None:
    number, code = await opened(talk)
    said = await talk.say(write(number, code), who=LAPTOP)
    assert refs(said)[0] == "resumed"


async def test_the_button_asks_and_takes_one_after_the_other(talk: Talk) -> None:
    number, code = await opened(talk)
    assert refs(await talk.tap("resume", who=LAPTOP)) == ["resume_ask"]
    (asked,) = await talk.say(number, who=LAPTOP)
    assert (asked.origin.ref, number in asked.text) == ("resume_ask_code", True)
    assert refs(await talk.say(code.replace("-", " "), who=LAPTOP)) == ["resumed", "status_open"]
    assert (await talk.conversation(LAPTOP)).state == {}


async def test_the_button_with_both_and_the_command(talk: Talk) -> None:
    number, code = await opened(talk)
    said = await talk.say(f"{number} {code}", choice="resume", who=LAPTOP)
    assert refs(said) == ["resumed", "status_open"]
    assert refs(await talk.say("/resume", who=PHONE)) == ["resume_ask"]
    said = await talk.say(f"/resume {number} {code}", who=PHONE)
    assert refs(said) == ["resumed", "status_open"]


async def test_after_the_question_something_else_may_be_said(talk: Talk) -> None:
    await talk.tap("resume")
    assert refs(await talk.say("سؤال")) == ["faq-a"]
    assert refs(await talk.tap("resume")) == ["resume_ask"]
    # A code alone belongs to no ticket; it is blanked all the same.
    assert refs(await talk.say("1234 5678")) == ["resume_ask"]
    assert (await talk.inbox())[-1].text == "•••• ••••"


async def test_in_the_same_conversation_it_does_no_harm(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    said = await talk.say(f"{number} {code}", who=PHONE)
    assert refs(said) == ["resumed", "status_answered"]
    conversation = await talk.conversation(PHONE)
    assert (conversation.mode, await place_of(talk, number)) == (HUMAN, conversation.id)
    assert await talk.rows(TicketPlaceRow) == []


async def test_who_returns_finds_the_human_again(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.root.tickets.assign(number, noura, noura)
    assert (await talk.conversation(PHONE)).mode == HUMAN
    await talk.say(f"{number} {code}", who=LAPTOP)
    here, former = await talk.conversation(LAPTOP), await talk.conversation(PHONE)
    (ticket,) = await talk.tickets()
    assert (here.mode, here.ticket_id, here.touched_at) == (HUMAN, ticket.id, talk.clock())
    assert (former.mode, former.ticket_id) == (BOT, None)
    assert await talk.say("وهذا من عندي", who=LAPTOP) == []
    assert refs(await talk.say("سؤال", who=PHONE)) == ["faq-a"]
    assert "وهذا من عندي" in [u.text for u in (await talk.root.tickets.show(number)).conversation]


async def test_there_and_back(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    for who in (LAPTOP, PHONE, "tablet", PHONE):
        assert refs(await talk.say(f"{number} {code}", who=who))[0] == "resumed"
    phone = await talk.conversation(PHONE)
    assert await place_of(talk, number) == phone.id
    places = [row.conversation_id for row in await talk.rows(TicketPlaceRow)]
    laptop, tablet = await talk.conversation(LAPTOP), await talk.conversation("tablet")
    assert sorted(places) == sorted([laptop.id, tablet.id])


async def test_a_closed_ticket_is_told_as_closed(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.root.tickets.reply(number, "تم", noura)
    await talk.root.tickets.close(number, noura)
    await talk.deliver()
    said = await talk.say(f"{number} {code}", who=LAPTOP)
    assert refs(said) == ["resumed", "status_closed", number]
    assert (await talk.conversation(LAPTOP)).mode == BOT


async def test_an_open_form_stays_open(talk: Talk) -> None:
    number, code = await opened(talk)
    await talk.say(LONG, who=LAPTOP)
    before = (await talk.conversation(LAPTOP)).state["form"]
    assert refs(await talk.say(f"{number} {code}", who=LAPTOP))[0] == "resumed"
    assert (await talk.conversation(LAPTOP)).state["form"] == before


# -- what was said meanwhile --------------------------------------------------------------------


async def test_replies_that_may_not_have_been_seen_are_said_again(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    replies = ["الأول\nبسطرين", "الثاني <b>", "الثالث"]
    ids = [await talk.root.tickets.reply(number, text, noura) for text in replies]
    await talk.deliver()
    await mark(talk, OutboxRow.id == ids[0], state="read")
    said = await talk.say(f"{number} {code}", who=LAPTOP)
    assert texts(said)[2:] == replies[1:]
    assert {m.origin.kind for m in said[2:]} == {"staff"}
    assert [m.origin.approved_hash for m in said[2:]] == [
        row.approved_hash for row in await talk.outbox() if row.id in ids[1:]
    ]
    # Nothing is said a third time to who has seen it.
    await mark(talk, OutboxRow.origin_kind == "staff", state="read")
    assert refs(await talk.say(f"{number} {code}", who=PHONE)) == ["resumed", "status_answered"]


async def test_on_the_web_what_was_shown_was_seen(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    ids = [await talk.root.tickets.reply(number, text, noura) for text in ("رأه", "لم يره")]
    await talk.deliver()
    await mark(talk, OutboxRow.id == ids[0], state="delivered", channel="web")
    await mark(talk, OutboxRow.id == ids[1], channel="web")
    said = await talk.say(f"{number} {code}", who=LAPTOP)
    assert texts(said)[2:] == ["لم يره"]


async def test_what_was_not_sent_yet_goes_here_only(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    held = await talk.root.tickets.reply(number, "محجوز", noura)
    await mark(talk, OutboxRow.id == held, state="held", failure="window")
    failed = await talk.root.tickets.reply(number, "لم يصل", noura)
    await mark(talk, OutboxRow.id == failed, state="failed", failure="blocked_by_user")
    await talk.root.tickets.reply(number, "ينتظر", noura)
    await talk.accept(f"{number} {code}", who=LAPTOP)
    await talk.handle()
    said = await talk.deliver()
    assert texts(said)[2:] == ["محجوز", "لم يصل", "ينتظر"]
    assert {e.address for e in talk.channel.sent[-5:]} == {LAPTOP}
    await talk.say("سؤال", who=PHONE)  # which would release what is held there
    assert [e.address for e in talk.channel.sent if e.message.text == "محجوز"] == [LAPTOP]
    view = await talk.root.tickets.show(number)
    assert [u.text for u in view.conversation if u.origin_kind == "staff"] == [
        "محجوز",
        "لم يصل",
        "ينتظر",
    ]


async def test_what_a_sender_has_in_hand_is_not_tried_again_there(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.root.tickets.reply(number, "في الطريق", noura)
    claimed = await talk.root.outbox.claim(["test"])
    assert claimed is not None
    said = await talk.say(f"{number} {code}", who=LAPTOP)
    assert texts(said)[2:] == ["في الطريق"]
    with pytest.raises(StaleLeaseError):
        await talk.root.outbox.postpone(claimed, timedelta(seconds=1), "timeout", uncertain=True)
    talk.clock.advance(minutes=5)
    assert await talk.deliver() == []
    copies = [row for row in await talk.outbox() if row.payload["text"] == "في الطريق"]
    assert [(row.state, row.maybe_doubled) for row in copies] == [
        ("withdrawn", False),
        ("sent", True),
    ]


async def test_no_more_than_twenty_that_were_sent_are_said_again(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    for count in range(22):
        await talk.root.tickets.reply(number, f"رد {count}", noura)
    await talk.deliver()
    await talk.root.tickets.reply(number, "لم يُرسل بعد", noura)
    said = await talk.say(f"{number} {code}", who=LAPTOP)
    assert texts(said)[2:] == [*(f"رد {count}" for count in range(2, 22)), "لم يُرسل بعد"]


async def test_messages_of_other_matters_stay_where_they_are(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.accept("سؤال", who=PHONE)
    await talk.handle()  # the answer is not sent yet
    await talk.accept(f"{number} {code}", who=LAPTOP)
    await talk.handle()
    await talk.deliver()
    (sent,) = [e for e in talk.channel.sent if e.message.origin.ref == "faq-a"]
    assert sent.address == PHONE
