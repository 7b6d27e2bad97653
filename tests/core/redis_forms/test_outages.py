"""Redis killed, restarted, flushed and frozen in mid-use: nothing breaks, and all comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.crypto import Vault
from core.messages import Pace
from core.redis_bus import RedisEventBus
from core.redis_cache import RedisCache
from core.redis_connection import RedisConnection
from core.redis_rates import RedisRateLimits
from core.redis_wakeup import KEPT, RedisWakeup
from core.wakeup import DESK, INBOX
from tests.core.redis_forms.conftest import Connect
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.redis

LONG = 60.0
SHORT = 0.05
HOUR = 3600.0


@pytest.fixture
async def bus(connect: Connect, server: RedisServer) -> AsyncIterator[RedisEventBus]:
    made = RedisEventBus(connect(server.url))
    yield made
    await made.close()


# -- wake-ups --------------------------------------------------------------------------------------


async def _blocked(server: RedisServer, count: int) -> None:
    await eventually(lambda: server.info("blocked_clients") == str(count))


async def test_waits_outlast_an_outage_and_wakeups_come_back(
    connect: Connect, server: RedisServer
) -> None:
    wakeup = RedisWakeup(connect(server.url))
    waiting = [asyncio.create_task(wakeup.wait(INBOX, LONG)) for _ in range(3)]
    await _blocked(server, 3)
    server.kill()
    await wakeup.wake(INBOX)
    assert not await wakeup.wait(INBOX, SHORT)
    assert not await wakeup.wait(INBOX, 0)
    assert not any(task.done() for task in waiting)
    server.start()
    woken = await asyncio.wait_for(asyncio.gather(*waiting), LONG)
    assert woken == [True] * 3, "hints may have been lost, so everybody looks"
    waiting = [asyncio.create_task(wakeup.wait(INBOX, LONG)) for _ in range(3)]
    await _blocked(server, 3)
    for _ in waiting:
        await wakeup.wake(INBOX)
    assert await asyncio.wait_for(asyncio.gather(*waiting), LONG) == [True] * 3


async def test_without_redis_a_wait_lasts_its_time(connect: Connect) -> None:
    """So that a loop that waits between two looks does not spin."""
    wakeup = RedisWakeup(connect("redis://127.0.0.1:1"))
    loop = asyncio.get_running_loop()
    for seconds in (0.2, 1.3):
        started = loop.time()
        assert not await wakeup.wait(INBOX, seconds)
        assert loop.time() - started >= seconds - 0.01


async def test_a_flush_wakes_those_who_wait_and_hints_go_on(
    connect: Connect, server: RedisServer
) -> None:
    wakeup = RedisWakeup(connect(server.url))
    waiting = [asyncio.create_task(wakeup.wait(INBOX, LONG)) for _ in range(2)]
    await _blocked(server, 2)
    server.say("FLUSHALL")
    assert await asyncio.wait_for(asyncio.gather(*waiting), LONG) == [True, True]
    waiting = [asyncio.create_task(wakeup.wait(INBOX, LONG)) for _ in range(2)]
    await _blocked(server, 2)
    await wakeup.wake(INBOX)
    await wakeup.wake(INBOX)
    assert await asyncio.wait_for(asyncio.gather(*waiting), LONG) == [True, True]


async def test_one_hint_wakes_one_process(connect: Connect, server: RedisServer) -> None:
    processes = [RedisWakeup(connect(server.url)) for _ in range(3)]
    waiting = [asyncio.create_task(process.wait(INBOX, LONG)) for process in processes]
    await _blocked(server, 3)
    for left in (2, 1, 0):
        await processes[0].wake(INBOX)
        await _blocked(server, left)
        await eventually(lambda left=left: sum(not task.done() for task in waiting) == left)
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_a_hint_is_not_taken_by_a_process_that_is_busy(
    connect: Connect, server: RedisServer
) -> None:
    busy, idle = (RedisWakeup(connect(server.url)) for _ in range(2))
    assert not await busy.wait(INBOX, SHORT)
    waiting = asyncio.create_task(idle.wait(INBOX, LONG))
    await _blocked(server, 1)
    await busy.wake(INBOX)
    assert await asyncio.wait_for(waiting, LONG)


async def test_hints_that_nobody_takes_do_not_pile_up(
    connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url)
    wakeup = RedisWakeup(connection)
    for _ in range(1000):
        await wakeup.wake(INBOX)
    assert await connection.command("XLEN", connection.name("wake", INBOX)) <= KEPT + 100


# -- events ----------------------------------------------------------------------------------------


async def test_whoever_watches_is_woken_when_events_may_have_been_missed(
    bus: RedisEventBus, server: RedisServer
) -> None:
    assert await bus.wait(DESK, LONG), "listening begins: something may have been missed"
    while await bus.wait(DESK, SHORT):
        pass
    watching = [asyncio.create_task(bus.wait(topic, LONG)) for topic in (DESK, "conversation:1")]
    await asyncio.sleep(0)
    server.kill()
    server.start()
    assert await asyncio.wait_for(asyncio.gather(*watching), LONG) == [True, True]


async def test_events_of_other_processes_arrive_again_after_an_outage(
    bus: RedisEventBus, connect: Connect, server: RedisServer
) -> None:
    other = RedisEventBus(connect(server.url))
    assert await bus.wait(DESK, LONG)
    server.kill()
    await other.publish(DESK)
    assert not await bus.wait(DESK, SHORT)
    server.start()

    async def heard() -> bool:
        watching = asyncio.create_task(bus.wait("conversation:5", SHORT * 4))
        await asyncio.sleep(0)
        await other.publish("conversation:5")
        return await watching

    assert await bus.wait(DESK, LONG), "everybody is woken once"
    await eventually(heard)


async def test_during_an_outage_a_process_hears_its_own_events(
    bus: RedisEventBus, server: RedisServer
) -> None:
    assert await bus.wait(DESK, LONG)
    server.kill()
    watching = asyncio.create_task(bus.wait(DESK, LONG))
    await asyncio.sleep(0)
    await bus.publish(DESK)
    assert await asyncio.wait_for(watching, LONG)


async def test_nothing_of_a_strangers_payload_breaks_listening(
    bus: RedisEventBus, connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url)
    assert await bus.wait(DESK, LONG)
    for payload in (b"", b"\xff\xfe", b"x \xff", b" ", b"x" * 100_000):
        await connection.command("PUBLISH", connection.name("events"), payload)
    watching = asyncio.create_task(bus.wait(DESK, LONG))
    await asyncio.sleep(0)
    await connection.command("PUBLISH", connection.name("events"), b"other desk")
    assert await asyncio.wait_for(watching, LONG)


async def test_a_process_listens_on_one_connection(bus: RedisEventBus, server: RedisServer) -> None:
    assert await bus.wait(DESK, LONG)
    watching = [asyncio.create_task(bus.wait(f"conversation:{n}", LONG)) for n in range(50)]
    await asyncio.sleep(0)
    listening = [line for line in server.say("CLIENT", "LIST").splitlines() if " sub=1 " in line]
    assert len(listening) == 1
    assert server.say("PUBSUB", "CHANNELS").startswith("*1")
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)


# -- cache -----------------------------------------------------------------------------------------


async def test_any_trouble_is_a_miss(connect: Connect, server: RedisServer) -> None:
    connection = connect(server.url)
    cache = RedisCache(connection)
    await cache.put("key", b"value", HOUR)
    server.say("FLUSHALL")
    assert await cache.get("key") is None
    server.kill()
    assert await cache.get("key") is None
    await cache.put("key", b"value", HOUR)
    server.start()

    async def kept() -> bool:
        await cache.put("key", b"value", HOUR)
        return await cache.get("key") == b"value"

    await eventually(kept)
    server.say("DEL", connection.name("cache", "key"))
    server.say("LPUSH", connection.name("cache", "key"), "not ours")
    assert await cache.get("key") is None


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["wait", "wake", "publish", "listen", "rates", "cache"])
async def test_whoever_is_cancelled_ends_at_once_whatever_he_was_doing(
    connect: Connect, server: RedisServer, vault: Vault, what: str
) -> None:
    """A loop must end when it is told to, even on a Python whose `wait_for` swallows that."""

    async def loop(connection: RedisConnection) -> None:
        limits, bus = RedisRateLimits(connection, vault), RedisEventBus(connection)
        while True:
            if what == "wait":
                await RedisWakeup(connection).wait(INBOX, LONG)
            elif what == "wake":
                await RedisWakeup(connection).wake(INBOX)
            elif what == "publish":
                await bus.publish(DESK)
            elif what == "listen":
                await bus._listen()
            elif what == "rates":
                await limits.reserve([Pace("key", 1, 0.001)])
            else:
                await RedisCache(connection).put("key", b"value", LONG)

    for ticks in range(50):
        if ticks % 5 == 0:
            server.say("FLUSHALL")
        connection = connect(server.url)
        task = asyncio.create_task(loop(connection))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert task.cancelled(), f"cancelled at the tick {ticks}, and went on"
        await connection.close()


# -- all at once -----------------------------------------------------------------------------------


async def test_under_kills_and_flushes_no_error_comes_out_of_anything(
    connect: Connect, server: RedisServer, vault: Vault, bus: RedisEventBus
) -> None:
    connection = connect(server.url)
    wakeup, cache = RedisWakeup(connection), RedisCache(connection)
    limits = RedisRateLimits(connection, vault)
    rounds = dict.fromkeys(("wakeup", "bus", "rates", "cache"), 0)
    over = False

    async def use(name: str) -> None:
        while not over:
            if name == "wakeup":
                await wakeup.wake(INBOX)
                await wakeup.wait(INBOX, 0.02)
            elif name == "bus":
                await bus.publish(DESK)
                await bus.wait(DESK, 0.02)
            elif name == "rates":
                await limits.wait_for(Pace("a", 5, 0.1))
                await limits.reserve([Pace("a", 5, 0.1), Pace("b", 1, 0.1)])
                await asyncio.sleep(0.001)
            else:
                await cache.put("key", b"value", 1.0)
                await cache.get("key")
                await asyncio.sleep(0.001)
            rounds[name] += 1

    tasks = [asyncio.create_task(use(name)) for name in rounds for _ in range(3)]

    async def goes_on() -> None:
        before = dict(rounds)
        await eventually(lambda: all(rounds[name] > before[name] + 5 for name in rounds))
        assert not any(task.done() for task in tasks)

    for _ in range(3):
        await goes_on()
        server.say("FLUSHALL")
        await goes_on()
        await asyncio.to_thread(server.kill)
        await goes_on()
        await asyncio.to_thread(server.start)
        await eventually(lambda: not connection.is_down)
    over = True
    await asyncio.gather(*tasks)
