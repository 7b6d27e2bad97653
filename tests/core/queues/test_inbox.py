"""Claiming and finishing: order in a conversation, one worker for each, fencing, attempts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from core.contacts import Contacts
from core.db.engine import Database
from core.errors import StaleLeaseError
from core.queues import leases
from core.queues.inbox import LEASE
from tests.support.clock import MovableClock
from tests.support.queues import Queues, reply

AFTER_LEASE = LEASE / timedelta(seconds=1) + 0.001


async def test_messages_of_a_conversation_are_handled_in_the_order_they_came(
    queues: Queues,
) -> None:
    for number in range(4):
        await queues.says(str(number), "a")
    seen = []
    for _ in range(4):
        claimed = await queues.claim_work()
        assert await queues.inbox.claim() is None, "the conversation is held"
        seen.append(claimed.row.text)
        await queues.finish(claimed)
    assert seen == ["0", "1", "2", "3"]
    assert await queues.inbox.claim() is None
    assert await queues.inbox.waiting() == 0


async def test_the_oldest_waiting_conversation_comes_first(queues: Queues) -> None:
    await queues.says("a1", "a")
    await queues.says("a2", "a")
    await queues.says("b1", "b")
    held = await queues.claim_work()
    second = await queues.claim_work()
    assert (held.row.text, second.row.text) == ("a1", "b1")


async def test_twenty_claimers_get_each_of_ten_conversations_once(
    queues: Queues, other: Queues
) -> None:
    for number in range(10):
        await queues.says("first", f"citizen {number}")
        await queues.says("second", f"citizen {number}")
    results = await asyncio.gather(
        *(side.inbox.claim() for side in (queues, other) for _ in range(10))
    )
    claimed = [result for result in results if result is not None]
    assert len({one.row.conversation_id for one in claimed}) == len(claimed)
    while (more := await queues.inbox.claim()) is not None:
        claimed.append(more)
    assert len(claimed) == 10
    assert len({one.row.conversation_id for one in claimed}) == 10
    assert {one.row.text for one in claimed} == {"first"}


@pytest.mark.postgres
async def test_nobody_waits_behind_a_transaction_that_is_not_over(
    postgres_address: str, contacts: Contacts, clock: MovableClock
) -> None:
    """A process that was frozen in the middle of one holds up its own conversation alone."""
    one, another = Database(postgres_address), Database(postgres_address)
    frozen, queues = Queues(one, contacts, clock), Queues(another, contacts, clock)
    try:
        held = await queues.says("held", "citizen 1")
        await queues.says("free", "citizen 2")
        async with frozen.db.write() as session:
            await leases.claim(session, "work", held.conversation_id, clock, LEASE)
            async with asyncio.timeout(60):
                claimed = await queues.claim_work()
            assert claimed.row.text == "free"
            assert await queues.inbox.claim() is None
            await session.rollback()
        assert (await queues.claim_work()).row.text == "held"
    finally:
        await one.close()
        await another.close()


async def test_an_expired_lease_hands_the_message_over(
    queues: Queues, other: Queues, clock: MovableClock
) -> None:
    await queues.says("a")
    first = await queues.claim_work()
    clock.forward(seconds=AFTER_LEASE - 0.01)
    assert await other.inbox.claim() is None, "not before the lease ran out"
    clock.forward(seconds=0.01)
    second = await other.claim_work()
    assert second.row.id == first.row.id
    assert (first.row.attempts, second.row.attempts) == (1, 2)
    assert second.lease.token > first.lease.token


async def test_a_stale_worker_writes_nothing(
    queues: Queues, other: Queues, clock: MovableClock
) -> None:
    accepted = await queues.says("a")
    stale = await queues.claim_work()
    clock.forward(seconds=AFTER_LEASE)
    fresh = await other.claim_work()

    with pytest.raises(StaleLeaseError):
        async with queues.db.write() as session:
            # The work is written first: it must fall with the transaction.
            await queues.outbox.put(
                session, accepted.conversation_id, reply("stale"), correlation="c"
            )
            await queues.inbox.finish(session, stale)
    with pytest.raises(StaleLeaseError):
        await queues.inbox.postpone(stale, timedelta(hours=1))
    assert await queues.outbox_rows() == []
    (row,) = await queues.inbox_rows()
    assert (row.state, row.attempts) == ("new", 2)

    async with other.db.write() as session:
        await other.outbox.put(session, accepted.conversation_id, reply("fresh"), correlation="c")
        await other.inbox.finish(session, fresh)
    assert [row.payload["text"] for row in await queues.outbox_rows()] == ["fresh"]
    with pytest.raises(StaleLeaseError):
        await queues.finish(stale)


async def test_a_late_worker_finishes_when_nobody_took_over(
    queues: Queues, clock: MovableClock
) -> None:
    await queues.says("a")
    claimed = await queues.claim_work()
    clock.forward(seconds=AFTER_LEASE)
    await queues.finish(claimed)
    assert [row.state for row in await queues.inbox_rows()] == ["done"]


async def test_a_lease_that_was_given_back_is_worth_nothing(queues: Queues) -> None:
    """As when the commit went through and its answer was lost on the way."""
    await queues.says("a")
    await queues.says("b")
    claimed = await queues.claim_work()
    await queues.finish(claimed)
    with pytest.raises(StaleLeaseError):
        await queues.finish(claimed, state="poison")
    with pytest.raises(StaleLeaseError):
        await queues.inbox.postpone(claimed, timedelta(seconds=9))
    assert [row.state for row in await queues.inbox_rows()] == ["done", "new"]
    assert (await queues.claim_work()).row.text == "b"


async def test_a_fallen_transaction_gives_nothing_back(queues: Queues) -> None:
    await queues.says("a")
    claimed = await queues.claim_work()
    with pytest.raises(RuntimeError, match="broke"):
        async with queues.db.write() as session:
            await queues.inbox.finish(session, claimed)
            raise RuntimeError("the handler broke")
    assert [row.state for row in await queues.inbox_rows()] == ["new"]
    assert await queues.inbox.claim() is None, "still held"
    await queues.finish(claimed)


async def test_postponing_holds_back_this_conversation_and_no_other(
    queues: Queues, clock: MovableClock
) -> None:
    for text, who in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        await queues.says(text, who)
    claimed = await queues.claim_work()
    await queues.inbox.postpone(claimed, timedelta(seconds=10))
    assert (await queues.claim_work()).row.text == "b1"
    assert await queues.inbox.claim() is None, "a2 waits behind a1"
    clock.forward(seconds=10)
    again = await queues.claim_work()
    assert (again.row.text, again.row.attempts) == ("a1", 2)
    await queues.finish(again)
    assert (await queues.claim_work()).row.text == "a2"


async def test_attempts_are_counted_when_claimed(queues: Queues, clock: MovableClock) -> None:
    """Counted before the work, so that a message that kills its worker is not tried for ever."""
    await queues.says("a")
    for number in range(1, 4):
        claimed = await queues.claim_work()
        assert claimed.row.attempts == number
        assert [row.attempts for row in await queues.inbox_rows()] == [number]
        clock.forward(seconds=AFTER_LEASE)


async def test_a_poison_message_makes_room_for_the_next(
    queues: Queues, clock: MovableClock
) -> None:
    await queues.says("poison")
    await queues.says("next")
    clock.forward(seconds=1)
    await queues.finish(await queues.claim_work(), state="poison")
    rows = await queues.inbox_rows()
    assert [(row.state, row.done_at) for row in rows] == [("poison", clock.now), ("new", None)]
    assert await queues.inbox.waiting() == 1
    assert (await queues.claim_work()).row.text == "next"
