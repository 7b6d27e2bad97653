"""Sending: order, one sender for each conversation, fencing, and what may have gone out twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from core.errors import StaleLeaseError
from core.messages import Choice, Link, Origin, OutboundMessage, text_hash
from core.queues.outbox import LEASE
from tests.support.clock import MovableClock
from tests.support.queues import CHANNELS, Queues

AFTER_LEASE = LEASE / timedelta(seconds=1) + 0.001


@pytest.fixture
async def conversation(queues: Queues) -> int:
    """A conversation to answer in."""
    return (await queues.says("سؤال", "citizen")).conversation_id


async def _states(queues: Queues) -> list[str]:
    return [row.state for row in await queues.outbox_rows()]


async def test_a_message_comes_out_as_it_was_put_in(queues: Queues, conversation: int) -> None:
    text = "أُغلقت التذكرة.\n«شكرًا»"
    message = OutboundMessage(
        text,
        Origin("staff", "1234-5", text_hash("approved")),
        "ar",
        (Choice("v1", "نعم", "أرسلوه"), Choice("v2", "لا")),
        (Link("الخدمة", "https://services.example"),),
    )
    async with queues.db.write() as session:
        made = await queues.outbox.put(session, conversation, message, correlation="abc")
    claimed = await queues.claim_send()
    assert claimed.envelope.message == message
    assert (claimed.envelope.outbox_id, claimed.envelope.conversation_id) == (made, conversation)
    assert (claimed.envelope.address, claimed.envelope.correlation_id) == ("citizen", "abc")
    assert (claimed.channel, claimed.attempt) == ("web", 1)
    (row,) = await queues.outbox_rows()
    assert (row.origin_kind, row.origin_ref, row.approved_hash) == (
        "staff",
        "1234-5",
        text_hash("approved"),
    )
    assert row.text_hash == text_hash(text)


async def test_a_fallen_transaction_sends_nothing(queues: Queues, conversation: int) -> None:
    with pytest.raises(RuntimeError):
        async with queues.db.write() as session:
            await queues.outbox.put(
                session,
                conversation,
                OutboundMessage("no", Origin("line", "x", "0" * 64), "en"),
                correlation="c",
            )
            raise RuntimeError
    assert await queues.outbox.claim(CHANNELS) is None


async def test_messages_go_out_in_order(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1", "2", "3")
    seen = []
    for number in range(3):
        claimed = await queues.claim_send()
        assert await queues.outbox.claim(CHANNELS) is None, "the conversation is held"
        seen.append(claimed.envelope.message.text)
        await queues.outbox.sent(claimed, f"platform-{number}")
    assert seen == ["1", "2", "3"]
    rows = await queues.outbox_rows()
    assert [row.external_id for row in rows] == ["platform-0", "platform-1", "platform-2"]
    assert {(row.state, row.sent_at, row.maybe_doubled) for row in rows} == {
        ("sent", clock.now, False)
    }
    assert await queues.outbox.waiting() == 0


async def test_a_sender_takes_only_its_own_channels(queues: Queues, conversation: int) -> None:
    await queues.answer(conversation, "1")
    assert await queues.outbox.claim(["telegram", "whatsapp"]) is None
    assert await queues.outbox.claim([]) is None
    assert await queues.outbox.waiting(["telegram"]) == 0
    assert await queues.outbox.waiting(["web"]) == await queues.outbox.waiting() == 1
    assert (await queues.claim_send(["telegram", "web"])).envelope.message.text == "1"


async def test_twenty_senders_get_each_of_ten_conversations_once(
    queues: Queues, other: Queues
) -> None:
    for number in range(10):
        accepted = await queues.says("q", f"citizen {number}")
        await queues.answer(accepted.conversation_id, "first", "second")
    results = await asyncio.gather(
        *(side.outbox.claim(CHANNELS) for side in (queues, other) for _ in range(10))
    )
    claimed = [result.envelope for result in results if result is not None]
    assert len({one.conversation_id for one in claimed}) == len(claimed)
    while (more := await queues.outbox.claim(CHANNELS)) is not None:
        claimed.append(more.envelope)
    assert len({one.conversation_id for one in claimed}) == len(claimed) == 10
    assert {one.message.text for one in claimed} == {"first"}


async def test_what_was_in_flight_at_a_crash_is_sent_again_and_marked(
    queues: Queues, other: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1", "2")
    crashed = await queues.claim_send()
    clock.forward(seconds=AFTER_LEASE - 0.01)
    assert await other.outbox.claim(CHANNELS) is None, "not before the lease ran out"
    clock.forward(seconds=0.01)
    again = await other.claim_send()
    assert again.envelope.outbox_id == crashed.envelope.outbox_id
    assert again.attempt == 2
    await other.outbox.sent(again, None)
    await other.outbox.sent(await other.claim_send(), None)
    assert [(row.state, row.maybe_doubled) for row in await queues.outbox_rows()] == [
        ("sent", True),
        ("sent", False),
    ]


async def test_a_stale_sender_writes_nothing(
    queues: Queues, other: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1")
    stale = await queues.claim_send()
    clock.forward(seconds=AFTER_LEASE)
    fresh = await other.claim_send()
    with pytest.raises(StaleLeaseError):
        await queues.outbox.sent(stale, "stale")
    with pytest.raises(StaleLeaseError):
        await queues.outbox.give_up(stale, "stale")
    with pytest.raises(StaleLeaseError):
        await queues.outbox.postpone(stale, timedelta(0), "stale", uncertain=False)
    (row,) = await queues.outbox_rows()
    assert (row.state, row.external_id, row.failure) == ("sending", None, None)
    await other.outbox.sent(fresh, "fresh")
    assert [row.external_id for row in await queues.outbox_rows()] == ["fresh"]


async def test_what_was_sent_is_never_made_pending_again(queues: Queues, conversation: int) -> None:
    """As when "sent" was committed and the answer to the commit was lost on the way."""
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    await queues.outbox.sent(claimed, None)
    with pytest.raises(StaleLeaseError):
        await queues.outbox.postpone(claimed, timedelta(0), "timeout", uncertain=True)
    with pytest.raises(StaleLeaseError):
        await queues.outbox.give_up(claimed, "timeout")
    assert await _states(queues) == ["sent"]


@pytest.mark.parametrize("uncertain", [True, False])
async def test_postponing_holds_back_this_conversation_and_no_other(
    queues: Queues, conversation: int, clock: MovableClock, uncertain: bool
) -> None:
    elsewhere = (await queues.says("q", "another")).conversation_id
    await queues.answer(conversation, "a1", "a2")
    await queues.answer(elsewhere, "b1")
    claimed = await queues.claim_send()
    await queues.outbox.postpone(claimed, timedelta(seconds=60), "r" * 300, uncertain=uncertain)
    assert (await queues.claim_send()).envelope.message.text == "b1"
    assert await queues.outbox.claim(CHANNELS) is None, "a2 waits behind a1"
    row = (await queues.outbox_rows())[0]
    assert (row.state, row.maybe_doubled, row.failure) == ("pending", uncertain, "r" * 100)
    clock.forward(seconds=60)
    again = await queues.claim_send()
    assert (again.envelope.message.text, again.attempt) == ("a1", 2)
    await queues.outbox.sent(again, None)
    assert (await queues.outbox_rows())[0].maybe_doubled is uncertain
    assert (await queues.claim_send()).envelope.message.text == "a2"


async def test_a_dead_letter_stays_and_makes_room_for_the_next(
    queues: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1", "2")
    await queues.outbox.give_up(await queues.claim_send(), "blocked")
    assert (await queues.claim_send()).envelope.message.text == "2"
    rows = await queues.outbox_rows()
    assert [(row.state, row.failure) for row in rows] == [("failed", "blocked"), ("sending", None)]
    assert await queues.outbox.waiting() == 1


async def test_delivered_is_said_only_of_what_was_sent_in_that_conversation(
    queues: Queues, conversation: int
) -> None:
    elsewhere = (await queues.says("q", "another")).conversation_id
    ids = await queues.answer(conversation, "1", "2") + await queues.answer(elsewhere, "b")
    await queues.outbox.sent(await queues.claim_send(), None)
    async with queues.db.write() as session:
        await queues.outbox.mark_delivered(session, ids, conversation)
    assert await _states(queues) == ["delivered", "pending", "pending"]
