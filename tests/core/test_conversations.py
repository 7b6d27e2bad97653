"""Conversations: what was said, in order, and whether somebody still waits for an answer."""

from __future__ import annotations

import pytest

from core import conversations
from core.contacts import Contacts
from core.db.engine import Database
from core.db.tables import OutboxRow
from core.errors import NotFoundError
from core.messages import Choice, Link, Origin, OutboundMessage, text_hash
from tests.support.clock import MovableClock
from tests.support.queues import Queues


@pytest.fixture
async def queues(database: Database, contacts: Contacts, clock: MovableClock) -> Queues:
    return Queues(database, contacts, clock)


async def test_the_transcript_is_in_the_order_of_the_talk(
    queues: Queues, clock: MovableClock
) -> None:
    other = (await queues.says("not ours", "somebody else")).conversation_id
    await queues.answer(other, "nor this")
    for number in range(3):
        conversation = (await queues.says(f"q{number}", "citizen")).conversation_id
        await queues.answer(conversation, f"a{number}")  # at the same moment: question first
        clock.forward(seconds=1)
    async with queues.db.read() as session:
        said = await conversations.transcript(session, conversation)
        assert [(one.direction, one.text) for one in said] == [
            *(("in", "q0"), ("out", "a0"), ("in", "q1"), ("out", "a1")),
            *(("in", "q2"), ("out", "a2")),
        ]
        last = await conversations.transcript(session, conversation, limit=3)
        assert [one.text for one in last] == ["a1", "q2", "a2"]
        assert await conversations.transcript(session, 999) == []


async def test_an_answer_is_shown_with_its_origin_and_buttons(queues: Queues) -> None:
    conversation = (await queues.says("q", "citizen")).conversation_id
    message = OutboundMessage(
        "جواب",
        Origin("staff", "1234-5", text_hash("جواب")),
        "ar",
        (Choice("v", "نعم"),),
        (Link("الخدمة", "https://services.example"),),
    )
    async with queues.db.write() as session:
        first = await queues.outbox.put(session, conversation, message, correlation="c")
    await queues.answer(conversation, "later")
    await queues.outbox.sent(await queues.claim_send(), "platform-1")
    async with queues.db.read() as session:
        (sent,) = await conversations.answers_after(session, conversation, 0, ["sent"])
        assert (sent.id, sent.origin_kind, sent.origin_ref) == (first, "staff", "1234-5")
        assert (sent.external_id, sent.language) == ("platform-1", "ar")
        assert sent.choices == ({"value": "v", "label": "نعم", "description": ""},)
        assert sent.links == ({"label": "الخدمة", "url": "https://services.example"},)
        later = await conversations.answers_after(session, conversation, first, ["sent", "pending"])
        assert [one.text for one in later] == ["later"]


async def test_somebody_waits_until_all_is_handled_and_sent(queues: Queues) -> None:
    conversation = (await queues.says("q", "citizen")).conversation_id

    async def waits() -> bool:
        async with queues.db.read() as session:
            return await conversations.is_waiting(session, conversation)

    assert await waits() is True
    await queues.answer(conversation, "a")
    await queues.finish(await queues.claim_work())
    assert await waits() is True, "handled, not sent"
    claimed = await queues.claim_send()
    assert await waits() is True, "being sent"
    await queues.outbox.sent(claimed, None)
    assert await waits() is False
    await queues.says("elsewhere", "somebody else")
    assert await waits() is False


async def test_a_conversation_that_is_not_there(queues: Queues) -> None:
    async with queues.db.read() as session:
        with pytest.raises(NotFoundError):
            await conversations.load(session, 999)


def test_a_message_survives_its_storage() -> None:
    message = OutboundMessage(
        "سطر\nوآخر",
        Origin("faq", "passport-renew", text_hash("x")),
        "en",
        (Choice("a", "b", "c"), Choice("d", "e")),
        (Link("f", "https://g.example"),),
    )
    assert OutboundMessage.from_payload(message.to_payload()) == message
    old = message.to_payload()
    del old["choices"], old["links"]
    assert OutboundMessage.from_payload(old).choices == ()


def test_a_hash_is_of_the_very_bytes() -> None:
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert text_hash("abc") == known
    assert text_hash("abc ") != known


# -- one matter in several conversations ----------------------------------------------------------


async def test_several_places_are_shown_as_one_talk(queues: Queues, clock: MovableClock) -> None:
    first = (await queues.says("a1", "phone")).conversation_id
    clock.forward(seconds=1)
    second = (await queues.says("b1", "laptop")).conversation_id
    clock.forward(seconds=1)
    await queues.says("a2", "phone")
    left = clock()
    clock.forward(seconds=1)
    await queues.says("a3 is another matter", "phone")
    await queues.says("b2", "laptop")
    async with queues.db.read() as session:
        said = await conversations.transcript_of(session, {first: left, second: None})
        assert [one.text for one in said] == ["a1", "b1", "a2", "b2"]
        last = await conversations.transcript_of(session, {first: left, second: None}, limit=2)
        assert [one.text for one in last] == ["a2", "b2"]


async def test_staff_see_neither_codes_nor_what_was_taken_back(queues: Queues) -> None:
    place = (await queues.says("1234-5678 is mine", "citizen")).conversation_id
    line = OutboundMessage(
        "Number \u200e482-731, code \u200e0173-4652.", Origin("line", "opened", "h" * 64), "en"
    )
    answer = OutboundMessage("Call 5512-3456.", Origin("faq", "phone", "h" * 64), "en")
    async with queues.db.write() as session:
        for message in (line, answer):
            await queues.outbox.put(session, place, message, correlation="c")
        taken_back = await queues.outbox.put(session, place, line, correlation="c")
        row = await session.get(OutboxRow, taken_back)
        assert row is not None
        row.state = conversations.WITHDRAWN
    async with queues.db.read() as session:
        for_staff = await conversations.transcript_of(session, {place: None}, for_staff=True)
        plain = await conversations.transcript(session, place)
    assert [one.text for one in for_staff] == [
        "1234-5678 is mine",
        "Number \u200e482-731, code \u200e••••-••••.",
        "Call 5512-3456.",
    ]
    assert [one.text for one in plain][1] == line.text
