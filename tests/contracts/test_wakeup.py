"""What every `Wakeup` does for the work queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.bus import JoinedWakeup, LocalEventBus
from core.redis_connection import RedisConnection
from core.redis_wakeup import RedisWakeup
from core.wakeup import ATTACHMENTS, INBOX, OUTBOX, LocalWakeup, Wakeup
from tests.support.redis_server import PATIENCE, namespace
from tests.support.waiting import eventually

#: So long that only a wake-up can end the wait, in seconds.
LONG = 60.0
SHORT = 0.05


@pytest.fixture(params=["local", "joined", pytest.param("redis", marks=pytest.mark.redis)])
async def wakeup(request: pytest.FixtureRequest) -> AsyncIterator[Wakeup]:
    if request.param == "local":
        yield LocalWakeup()
    elif request.param == "joined":
        yield JoinedWakeup(LocalWakeup(), LocalEventBus())
    else:
        connection = RedisConnection(
            request.getfixturevalue("redis_url"), namespace=namespace(), timeout=PATIENCE
        )
        yield RedisWakeup(connection)
        await connection.close()


@pytest.mark.parametrize("topic", [INBOX, OUTBOX, ATTACHMENTS])
async def test_a_hint_wakes_whoever_waits_for_its_topic(wakeup: Wakeup, topic: str) -> None:
    others = [name for name in (INBOX, OUTBOX, ATTACHMENTS) if name != topic]
    deaf = [asyncio.create_task(wakeup.wait(other, LONG)) for other in others]
    waiting = asyncio.create_task(wakeup.wait(topic, LONG))
    await asyncio.sleep(0)
    await wakeup.wake(topic)
    assert await asyncio.wait_for(waiting, LONG)
    for task in deaf:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*deaf, return_exceptions=True)


async def test_a_hint_that_nobody_waits_for_wakes_the_next_who_comes(wakeup: Wakeup) -> None:
    await wakeup.wake(INBOX)
    assert await wakeup.wait(INBOX, LONG)
    assert not await wakeup.wait(INBOX, SHORT), "one hint wakes once"


async def test_a_hint_is_taken_even_by_one_who_does_not_wait(wakeup: Wakeup) -> None:
    assert not await wakeup.wait(INBOX, 0)
    await wakeup.wake(INBOX)
    assert await wakeup.wait(INBOX, 0)
    assert not await wakeup.wait(INBOX, 0)


async def test_there_are_no_more_wakeups_than_hints(wakeup: Wakeup) -> None:
    for _ in range(5):
        await wakeup.wake(INBOX)
    woken = 0
    while await wakeup.wait(INBOX, SHORT):
        woken += 1
    assert 1 <= woken <= 5


async def test_as_many_hints_as_waiters_wake_them_all(wakeup: Wakeup) -> None:
    waiting = [asyncio.create_task(wakeup.wait(INBOX, LONG)) for _ in range(4)]
    await asyncio.sleep(0)
    for _ in waiting:
        await wakeup.wake(INBOX)
    assert await asyncio.wait_for(asyncio.gather(*waiting), LONG) == [True] * 4


async def test_a_wait_ends_without_a_hint(wakeup: Wakeup) -> None:
    assert not await wakeup.wait(INBOX, SHORT)
    assert not await wakeup.wait(INBOX, SHORT)


async def test_whoever_gave_up_takes_no_hint_for_good(wakeup: Wakeup) -> None:
    leaving = asyncio.create_task(wakeup.wait(INBOX, LONG))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)

    async def woken() -> bool:
        await wakeup.wake(INBOX)  # one hint may be lost with whoever left, never the next ones
        return await wakeup.wait(INBOX, SHORT)

    await eventually(woken)
