"""Wake-ups: a hint reaches whoever waits, and a queue's hint also whoever comes next."""

from __future__ import annotations

import asyncio
import time

import pytest

from core.wakeup import DESK, INBOX, OUTBOX, LocalWakeup, conversation_topic

LONG = 5.0


async def _waiting(wakeup: LocalWakeup, topic: str, count: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(wakeup.wait(topic, LONG)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("topic", [DESK, conversation_topic(1)])
async def test_everybody_who_watches_is_woken_and_nobody_else(topic: str) -> None:
    wakeup = LocalWakeup()
    watching = await _waiting(wakeup, topic, 3)
    (outbox,) = await _waiting(wakeup, OUTBOX, 1)
    await wakeup.wake(topic)
    assert await asyncio.gather(*watching) == [True, True, True]
    assert not outbox.done()
    await wakeup.wake(OUTBOX)
    assert await outbox


async def test_a_hint_of_a_queue_wakes_the_one_who_has_waited_longest() -> None:
    wakeup = LocalWakeup()
    first, second, third = await _waiting(wakeup, INBOX, 3)
    await wakeup.wake(INBOX)
    assert await first
    assert not second.done() and not third.done()
    await wakeup.wake(INBOX)
    await wakeup.wake(INBOX)
    assert await asyncio.gather(second, third) == [True, True]


async def test_a_hint_given_to_one_who_leaves_is_handed_on() -> None:
    wakeup = LocalWakeup()
    leaving, staying = await _waiting(wakeup, INBOX, 2)
    await wakeup.wake(INBOX)
    leaving.cancel()  # woken, but not yet run
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying


@pytest.mark.parametrize("topic", [INBOX, OUTBOX, DESK])
async def test_a_queue_that_nobody_watched_wakes_the_next_who_comes_once(topic: str) -> None:
    wakeup = LocalWakeup()
    await wakeup.wake(topic)
    await wakeup.wake(topic)
    assert await wakeup.wait(topic, 0)
    assert not await wakeup.wait(topic, 0.01)


async def test_conversations_that_nobody_watches_are_not_remembered() -> None:
    """There is no end of them."""
    wakeup = LocalWakeup()
    for number in range(100):
        await wakeup.wake(conversation_topic(number))
    assert not await wakeup.wait(conversation_topic(7), 0.01)
    assert not wakeup._missed
    assert not wakeup._waiting


async def test_waiting_ends_in_time() -> None:
    started = time.monotonic()
    assert not await LocalWakeup().wait(INBOX, 0.05)
    assert 0.04 <= time.monotonic() - started < 2


async def test_whoever_gave_up_leaves_nothing_behind() -> None:
    wakeup = LocalWakeup()
    (task,) = await _waiting(wakeup, INBOX, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wakeup.wait(INBOX, 0)
    assert not wakeup._waiting
    await wakeup.wake(INBOX)
    assert await wakeup.wait(INBOX, 0), "the hint went to nobody, so it is kept"
