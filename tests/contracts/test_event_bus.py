"""What every `EventBus` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from core.bus import EventBus, JoinedWakeup, LocalEventBus
from core.redis_bus import RedisEventBus
from core.redis_connection import RedisConnection
from core.wakeup import DESK, INBOX, LocalWakeup, conversation_topic
from tests.support.redis_server import PATIENCE, namespace
from tests.support.waiting import eventually

LONG = 60.0
SHORT = 0.05


@dataclass
class Buses:
    """Two buses that hear each other, as of two processes; locally they are one."""

    here: EventBus
    there: EventBus


async def _hears(buses: Buses) -> bool:
    waiting = asyncio.create_task(buses.there.wait("ready?", SHORT * 4))
    await asyncio.sleep(0)
    await buses.here.publish("ready?")
    return await waiting


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.redis)])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[Buses]:
    if request.param == "local":
        bus = LocalEventBus()
        yield Buses(bus, bus)
        return
    url, name = request.getfixturevalue("redis_url"), namespace()
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            connection = RedisConnection(url, namespace=name, timeout=PATIENCE)
            stack.push_async_callback(connection.close)
            made.append(RedisEventBus(connection))
            stack.push_async_callback(made[-1].close)
        both = Buses(*made)
        # Listening begins with the first wait, and whoever waits then is woken once.
        await eventually(lambda: _hears(both))
        await eventually(lambda: _hears(Buses(both.there, both.here)))
        while await both.there.wait(DESK, SHORT) or await both.here.wait(DESK, SHORT):
            pass
        yield both


async def test_everybody_who_waits_is_woken_in_every_process(buses: Buses) -> None:
    topic = conversation_topic(7)
    waiting = [asyncio.create_task(bus.wait(topic, LONG)) for bus in (buses.here, buses.there) * 3]
    other = asyncio.create_task(buses.there.wait(DESK, LONG))
    await asyncio.sleep(0)
    await buses.here.publish(topic)
    assert await asyncio.wait_for(asyncio.gather(*waiting), LONG) == [True] * 6
    assert not other.done()
    await buses.here.publish(DESK)
    assert await asyncio.wait_for(other, LONG)


async def test_one_process_can_be_told_by_itself(buses: Buses) -> None:
    waiting = asyncio.create_task(buses.here.wait(DESK, LONG))
    await asyncio.sleep(0)
    await buses.here.publish(DESK)
    assert waiting.done() or await asyncio.wait_for(waiting, LONG)


async def test_what_nobody_waits_for_is_forgotten(buses: Buses) -> None:
    for number in range(50):
        await buses.here.publish(conversation_topic(number))
    watching = asyncio.create_task(buses.there.wait(DESK, LONG))
    await asyncio.sleep(0)
    await buses.here.publish(DESK)  # what was published before it has arrived as well
    assert await asyncio.wait_for(watching, LONG)
    assert not await buses.here.wait(conversation_topic(7), SHORT)
    assert not await buses.there.wait(conversation_topic(7), SHORT)


async def test_a_wait_ends_without_an_event(buses: Buses) -> None:
    assert not await buses.there.wait(DESK, SHORT)
    assert not await buses.there.wait(DESK, 0)


async def test_whoever_gave_up_disturbs_nobody(buses: Buses) -> None:
    leaving, staying = (asyncio.create_task(buses.there.wait(DESK, LONG)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await buses.here.publish(DESK)
    assert await asyncio.wait_for(staying, LONG)


async def test_joined_with_queues_it_wakes_for_every_topic(buses: Buses) -> None:
    wakeup = JoinedWakeup(LocalWakeup(), buses.here)
    await wakeup.wake(INBOX)
    assert await wakeup.wait(INBOX, 0), "a queue's hint is kept"
    watching = asyncio.create_task(wakeup.wait(DESK, LONG))
    elsewhere = asyncio.create_task(buses.there.wait(DESK, LONG))
    await asyncio.sleep(0)
    await wakeup.wake(DESK)
    assert await asyncio.wait_for(asyncio.gather(watching, elsewhere), LONG) == [True, True]
