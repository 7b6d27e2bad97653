"""The window of 24 hours: what comes too late is held, announced once, and goes out in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.db.tables import ConversationRow
from core.messages import Origin, OutboundMessage, Template
from core.queues.outbox import Claimed
from core.wakeup import OUTBOX
from tests.support.clock import MovableClock
from tests.support.queues import CHANNELS, Queues

NOTICE = OutboundMessage(
    "لديك رد جديد.",
    Origin("line", "reply_ready", "0" * 64),
    "ar",
    template=Template("natiq_reply_ready", ("الوزارة",), "read_reply"),
)


@pytest.fixture
async def conversation(queues: Queues, clock: MovableClock) -> int:
    """A conversation whose window has closed."""
    made = (await queues.says("سؤال", "citizen")).conversation_id
    clock.forward(hours=25)
    return made


async def hold_next(queues: Queues, text: str) -> bool:
    claimed = await queues.claim_send()
    assert claimed.envelope.message.text == text
    return await queues.outbox.hold(claimed, NOTICE, "window")


async def send_all(queues: Queues) -> list[str]:
    sent = []
    while (claimed := await queues.outbox.claim(CHANNELS)) is not None:
        sent.append(claimed.envelope.message.text)
        await queues.outbox.sent(claimed, f"id-{claimed.envelope.outbox_id}")
    return sent


async def states(queues: Queues) -> list[tuple[str, str | None]]:
    return [(row.state, row.failure) for row in await queues.outbox_rows()]


async def test_all_that_is_late_is_held_behind_one_notice(
    queues: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1", "2")
    assert await hold_next(queues, "1")
    assert not await hold_next(queues, "2"), "one notice is enough"
    assert await send_all(queues) == [NOTICE.text]
    await queues.answer(conversation, "3")
    assert not await hold_next(queues, "3"), "they were told already"
    assert await queues.outbox.waiting() == 0
    assert await states(queues) == [
        ("held", "window"),
        ("held", "window"),
        ("sent", None),
        ("held", "window"),
    ]
    assert {row.attempts for row in await queues.outbox_rows() if row.state == "held"} == {0}


async def test_the_senders_are_woken_when_something_is_released(
    queues: Queues, conversation: int
) -> None:
    assert not await queues.wakeup.wait(OUTBOX, 0), "a first message releases nothing"
    await queues.answer(conversation, "1")
    assert await hold_next(queues, "1")
    await queues.says("أنا هنا", "citizen")
    assert await queues.wakeup.wait(OUTBOX, 0)
    await queues.says("أنا هنا", "citizen")
    assert not await queues.wakeup.wait(OUTBOX, 0), "nothing was held any more"


async def test_it_goes_out_in_order_before_anything_newer(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1", "2")
    await hold_next(queues, "1")
    await hold_next(queues, "2")
    await send_all(queues)
    clock.forward(hours=1)
    await queues.says("نعم", "citizen")
    await queues.answer(conversation, "3")
    assert await send_all(queues) == ["1", "2", "3"]


async def test_a_notice_that_the_person_forestalled_is_not_sent(
    queues: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1")
    assert await hold_next(queues, "1")
    await queues.says("أين ردكم؟", "citizen")
    assert await send_all(queues) == ["1"]
    assert await queues.outbox.claim(CHANNELS) is None
    assert await states(queues) == [("sent", None)], "it leaves no trace in the conversation"


async def test_a_person_who_wrote_while_it_was_on_its_way_need_not_write_again(
    queues: Queues, other: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1")
    claimed = await queues.claim_send()
    await other.says("أين ردكم؟", "citizen")
    assert not await queues.outbox.hold(claimed, NOTICE, "window")
    assert await send_all(queues) == ["1"]


async def test_after_they_wrote_a_new_silence_is_a_new_notice(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1")
    await hold_next(queues, "1")
    await send_all(queues)
    clock.forward(hours=1)
    await queues.says("شكرًا", "citizen")
    assert await send_all(queues) == ["1"]
    clock.forward(hours=25)
    await queues.answer(conversation, "2")
    assert await hold_next(queues, "2")
    assert await send_all(queues) == [NOTICE.text]


async def test_a_notice_that_failed_is_said_and_tried_with_the_next(
    queues: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "1")
    await hold_next(queues, "1")
    await queues.outbox.give_up(await queues.claim_send(), "meta_132001")
    assert await states(queues) == [
        ("held", "notice: meta_132001"),
        ("failed", "meta_132001"),
    ]
    await queues.answer(conversation, "2")
    assert await hold_next(queues, "2")
    assert await send_all(queues) == [NOTICE.text]
    await queues.says("نعم", "citizen")
    assert await send_all(queues) == ["1", "2"]


async def test_a_notice_that_is_tried_again_stays_one(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1")
    await hold_next(queues, "1")
    notice = await queues.claim_send()
    await queues.outbox.postpone(notice, timedelta(minutes=5), "busy", uncertain=False)
    await queues.answer(conversation, "2")
    assert await queues.outbox.claim(CHANNELS) is None, "what is newer waits behind the notice"
    clock.forward(minutes=5)
    assert (await queues.claim_send()).envelope.message == NOTICE
    clock.forward(minutes=1)  # its sender died
    await queues.outbox.sent(await queues.claim_send(), "id")
    assert not await hold_next(queues, "2")


async def test_nothing_overtakes_what_the_platform_alone_knew_to_be_late(queues: Queues) -> None:
    made = (await queues.says("سؤال", "citizen")).conversation_id
    await queues.answer(made, "1", "2")
    assert (await queues.claim_send()).window_start is not None, "we thought that it was open"
    queues.clock.forward(minutes=1)  # whoever had it died; another tries, and is told
    assert await hold_next(queues, "1")
    assert (await queues.claim_send()).window_start is None


async def test_without_a_notice_it_is_held_in_silence(queues: Queues, conversation: int) -> None:
    await queues.answer(conversation, "1")
    assert not await queues.outbox.hold(await queues.claim_send(), None, "window")
    assert await states(queues) == [("held", "window")]
    assert await queues.outbox.claim(CHANNELS) is None


async def test_one_persons_word_releases_nobody_elses(queues: Queues, conversation: int) -> None:
    await queues.answer(conversation, "1")
    await hold_next(queues, "1")
    await send_all(queues)
    await queues.says("مرحبا", "somebody else")
    assert await send_all(queues) == []
    await queues.says("same", "citizen", "twice")
    assert await send_all(queues) == ["1"]


async def window(queues: Queues, conversation: int) -> ConversationRow:
    async with queues.db.read() as session:
        return await session.get_one(ConversationRow, conversation)


async def test_the_window_opens_at_the_platforms_time_and_never_goes_back(
    queues: Queues, clock: MovableClock
) -> None:
    said = clock.now - timedelta(hours=3)
    made = (await queues.says("late", "c", sent_at=said)).conversation_id
    row = await window(queues, made)
    assert (row.window_start, row.last_inbound_at) == (said, clock.now)
    await queues.says("older", "c", sent_at=said - timedelta(days=2))
    assert (await window(queues, made)).window_start == said
    await queues.says("from the future", "c", sent_at=clock.now + timedelta(hours=5))
    assert (await window(queues, made)).window_start == clock.now
    clock.forward(seconds=1)
    await queues.says("no time given", "c")
    assert (await window(queues, made)).window_start == clock.now


async def test_the_sender_is_told_of_the_window(queues: Queues, clock: MovableClock) -> None:
    said = clock.now - timedelta(hours=3)
    made = (await queues.says("q", "c", sent_at=said)).conversation_id
    await queues.answer(made, "1")
    claimed: Claimed = await queues.claim_send()
    assert (claimed.window_start, claimed.last_inbound_at) == (said, clock.now)
