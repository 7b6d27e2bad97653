"""Danger, and a human who has the conversation: what goes before everything else."""

from __future__ import annotations

import pytest

from core import conversations
from core.conversations import BOT, HUMAN
from tests.support.talk import Talk, refs
from tests.support.turns import LONG, TABLE


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


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


async def test_danger_goes_before_an_open_form_and_takes_along_what_it_held(talk: Talk) -> None:
    await talk.say(LONG)
    await talk.say("الفرع الأول")
    assert refs(await talk.say("خطر")) == ["emergency", "ticket_opened_urgent"]
    assert refs(await talk.press("skip")) == ["nothing_to_confirm"]
    (ticket,) = await talk.tickets()
    assert await talk.statement(ticket) == f"خطر\n{LONG}\nالفرع الأول"
    assert ticket.department == "department"


async def test_a_form_goes_onto_the_urgent_ticket_that_is_there_already(talk: Talk) -> None:
    await talk.say("خطر")
    await talk.say(LONG)
    assert refs(await talk.say("خطر آخر")) == ["emergency", "urgent_noted"]
    (ticket,) = await talk.tickets()
    view = await talk.root.tickets.show(ticket.number)
    assert [event.text for event in view.events] == ["خطر", f"خطر آخر\n{LONG}"]


# -- a human has the conversation -----------------------------------------------------------------


async def with_a_human(talk: Talk) -> str:
    await talk.complain(LONG)
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
    await talk.complain(LONG)
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
