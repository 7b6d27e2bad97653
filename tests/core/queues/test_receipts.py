"""Receipts: late, twice, out of order, before we know the message; never back, never lost."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from sqlalchemy import func, select

from core.db.tables import ConversationRow, ReceiptRow
from tests.support.clock import MovableClock
from tests.support.queues import CHANNELS, Queues


@pytest.fixture
async def conversation(queues: Queues) -> int:
    return (await queues.says("سؤال", "citizen")).conversation_id


async def sent(queues: Queues, conversation: int, external_id: str = "p1") -> None:
    await queues.answer(conversation, "1")
    await queues.outbox.sent(await queues.claim_send(), external_id)


async def state(queues: Queues) -> tuple[str, str | None]:
    (row,) = await queues.outbox_rows()
    return row.state, row.failure


async def kept(queues: Queues) -> int:
    async with queues.db.read() as session:
        return await session.scalar(select(func.count()).select_from(ReceiptRow)) or 0


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
async def test_the_furthest_counts_in_whatever_order_they_come(
    queues: Queues, conversation: int, order: tuple[str, ...]
) -> None:
    await sent(queues, conversation)
    for one in order:
        await queues.receipts.note("web", "p1", one)
        await queues.receipts.note("web", "p1", one)
    assert await state(queues) == ("read", None)


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
async def test_they_count_before_we_know_the_message_as_well(
    queues: Queues, other: Queues, conversation: int, order: tuple[str, ...]
) -> None:
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    for one in order:
        assert await other.receipts.note("web", "p1", one) is None
    assert await queues.outbox.sent(claimed, "p1") == "read"
    assert await state(queues) == ("read", None)
    assert await kept(queues) == 0


async def test_who_is_told_of_a_change(queues: Queues, conversation: int) -> None:
    await sent(queues, conversation)
    assert await queues.receipts.note("web", "p1", "sent") is None, "nothing new"
    assert await queues.receipts.note("web", "p1", "delivered") == conversation
    assert await queues.receipts.note("telegram", "p1", "read") is None, "another channel's id"
    assert await queues.receipts.note("web", "p1", "what is this") is None
    assert await state(queues) == ("delivered", None)


async def test_a_failure_counts_until_it_arrived_and_is_final(
    queues: Queues, conversation: int
) -> None:
    await sent(queues, conversation, "p1")
    assert await queues.receipts.note("web", "p1", "failed", "meta_131026" * 20) == conversation
    assert await state(queues) == ("failed", ("meta_131026" * 20)[:100])
    assert await queues.receipts.note("web", "p1", "delivered") is None
    assert (await state(queues))[0] == "failed"


async def test_what_arrived_does_not_fail_afterwards(queues: Queues, conversation: int) -> None:
    await sent(queues, conversation)
    await queues.receipts.note("web", "p1", "delivered")
    assert await queues.receipts.note("web", "p1", "failed", "late") is None
    assert await state(queues) == ("delivered", None)


async def test_an_early_failure_is_no_success(queues: Queues, conversation: int) -> None:
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    await queues.receipts.note("web", "p1", "sent")
    await queues.receipts.note("web", "p1", "failed", "x" * 300)
    assert await queues.outbox.sent(claimed, "p1") == "failed"
    assert await state(queues) == ("failed", "x" * 100)


async def test_receipts_of_nobody_are_dropped_in_time(queues: Queues, clock: MovableClock) -> None:
    for number in range(3):
        await queues.receipts.note("web", f"stranger-{number}", "sent")
    await queues.receipts.note("web", "stranger-0", "what is this")
    assert await kept(queues) == 3
    clock.forward(hours=2)
    await queues.receipts.note("web", "another", "sent")
    assert await kept(queues) == 1


async def test_a_receipt_and_the_commit_it_belongs_to_may_race(
    queues: Queues, other: Queues, conversation: int
) -> None:
    for number in range(12):
        await queues.answer(conversation, str(number))
        claimed = await queues.claim_send()
        await asyncio.gather(
            queues.outbox.sent(claimed, f"p{number}"),
            other.receipts.note("web", f"p{number}", "delivered"),
        )
    assert {row.state for row in await queues.outbox_rows()} == {"delivered"}
    assert await kept(queues) == 0


async def start(queues: Queues, conversation: int) -> object:
    async with queues.db.read() as session:
        return (await session.get_one(ConversationRow, conversation)).window_start


async def test_a_message_that_met_a_closed_window_is_sent_anew(
    queues: Queues, conversation: int
) -> None:
    await sent(queues, conversation)
    assert await queues.receipts.window_was_closed("web", "p1") == conversation
    assert await start(queues, conversation) is None, "so that the sender holds it"
    assert await queues.receipts.window_was_closed("web", "p1") is None, "said twice"
    claimed = await queues.claim_send()
    assert (claimed.envelope.message.text, claimed.window_start) == ("1", None)
    assert not (await queues.outbox_rows())[0].maybe_doubled, "it was not shown"


async def test_the_same_before_we_know_the_message(
    queues: Queues, other: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    await other.receipts.note("web", "p1", "sent")
    assert await other.receipts.window_was_closed("web", "p1") is None
    assert await queues.outbox.sent(claimed, "p1") == "pending"
    assert await start(queues, conversation) is None
    assert (await queues.claim_send()).envelope.message.text == "1"


@pytest.mark.parametrize("early", [True, False])
async def test_what_they_wrote_since_has_opened_it(
    queues: Queues, conversation: int, clock: MovableClock, early: bool
) -> None:
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    if early:
        await queues.receipts.window_was_closed("web", "p1")
        clock.forward(seconds=1)
        await queues.says("نعم", "citizen")
        await queues.outbox.sent(claimed, "p1")
    else:
        await queues.outbox.sent(claimed, "p1")
        clock.forward(seconds=1)
        await queues.says("نعم", "citizen")
        await queues.receipts.window_was_closed("web", "p1")
    assert await start(queues, conversation) == clock.now
    assert (await queues.claim_send()).window_start == clock.now


async def test_a_closed_window_is_not_said_of_what_arrived(
    queues: Queues, conversation: int
) -> None:
    await sent(queues, conversation)
    await queues.receipts.note("web", "p1", "read")
    assert await queues.receipts.window_was_closed("web", "p1") is None
    assert await state(queues) == ("read", None)
    assert await queues.outbox.claim(CHANNELS) is None
