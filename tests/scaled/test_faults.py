"""What stops in mid-traffic, and comes back: nothing is lost, nothing is out of order, nothing is
handled twice, and nothing is sent twice but what was in flight at a kill, which is marked."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from bot.bench.processes import Child
from tests.support.graph_server import Fault
from tests.support.http_server import HttpRequest
from tests.support.installation import Installation, Traffic, approved_answers, told
from tests.support.redis_server import RedisServer
from tests.support.telegram_world import Sent
from tests.support.waiting import eventually

pytestmark = [pytest.mark.scaled, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

Say = Callable[[str], None]

PEOPLE, EACH, SECONDS = 40, 3, 8.0

#: Longest delay of any message, in seconds: far beyond leases (15 and 30), polls (1) and pauses
#: (10) together, and far below for ever.
LONGEST = 150.0


async def killed(redis: RedisServer, traffic: Traffic) -> None:
    await asyncio.to_thread(redis.kill)
    await traffic.until(0.6)
    await asyncio.to_thread(redis.start)


async def frozen(redis: RedisServer, traffic: Traffic) -> None:
    redis.freeze()
    await traffic.until(0.6)
    redis.thaw()


async def flushed(redis: RedisServer, traffic: Traffic) -> None:
    assert await asyncio.to_thread(redis.say, "FLUSHALL") == "+OK"
    await traffic.until(0.6)


@pytest.mark.parametrize("harm", [killed, frozen, flushed])
async def test_redis_in_mid_traffic(
    whole: Installation, say: Say, harm: Callable[[RedisServer, Traffic], Awaitable[None]]
) -> None:
    traffic = Traffic(whole, PEOPLE, EACH, SECONDS)
    writing = asyncio.create_task(traffic.run())
    await traffic.until(0.3)
    await harm(whole.redis, traffic)
    await writing
    await traffic.answered()
    traffic.check()
    say(told(f"Redis {harm.__name__}", traffic))
    assert set(traffic.statuses) == {200}, "a webhook noticed it"
    assert set(traffic.attempts) == {1}
    assert traffic.delays()[-1] < LONGEST


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_postgres_restarted_in_mid_traffic(
    whole: Installation, say: Say, how: Literal["fast", "immediate"]
) -> None:
    await telegram_answers(whole)
    pids = [child.process.pid for child in whole.all()]
    traffic = Traffic(whole, PEOPLE, EACH, SECONDS)
    writing = asyncio.create_task(traffic.run())
    await traffic.until(0.3)
    await asyncio.to_thread(whole.postgres.stop, how)
    await eventually(lambda: traffic.statuses[503] + traffic.statuses[500] >= 10)
    await asyncio.to_thread(whole.postgres.start)
    await writing
    await traffic.answered()
    traffic.check(doubled=True)
    say(told(f"PostgreSQL stopped ({how})", traffic))
    assert set(traffic.statuses) <= {200, 500, 503}
    assert traffic.delays()[-1] < LONGEST
    whole.check()
    assert [child.process.pid for child in whole.all()] == pids
    await telegram_answers(whole)


async def telegram_answers(whole: Installation) -> None:
    """One of the processes of Telegram has the turn."""
    entry, answer = approved_answers()[0]
    chat = whole.telegram.meet(5_000_000 + len(whole.telegram.requests)).id
    whole.telegram.taps(Sent(chat, 1, "x", [], True, {}), f"faq:{entry}")
    await eventually(lambda: answer in [text.strip() for text in whole.telegram.told(chat)], 120)


async def holding_leases(whole: Installation) -> Child:
    """A worker that is frozen while it holds leases."""

    async def found() -> Child | None:
        for worker in whole.children["worker"]:
            worker.process.send_signal(signal.SIGSTOP)
            # What the others hold they give back soon, and take again under another token.
            held = await asyncio.to_thread(whole.leased)
            for _ in range(20):
                if held:
                    await asyncio.sleep(0.2)
                    now = await asyncio.to_thread(whole.leased)
                    held = {one: token for one, token in held.items() if now.get(one) == token}
            if held:
                return worker
            worker.process.send_signal(signal.SIGCONT)
        return None

    child: Child = await eventually(found)
    return child


async def test_a_worker_killed_while_it_holds_leases(whole: Installation, say: Say) -> None:
    traffic = Traffic(whole, 2 * PEOPLE, EACH, SECONDS)
    writing = asyncio.create_task(traffic.run())
    await traffic.until(0.05)
    worker = await holding_leases(whole)
    assert await whole.replace(worker, signal.SIGKILL) == -signal.SIGKILL
    await writing
    await traffic.answered()
    traffic.check()
    say(told("a worker killed", traffic))
    assert traffic.attempts[2] >= 1, "it held nothing"
    assert set(traffic.attempts) == {1, 2}
    assert traffic.delays()[-1] < LONGEST
    await whole.ready()


async def test_a_worker_that_was_frozen_comes_back_late(whole: Installation, say: Say) -> None:
    traffic = Traffic(whole, 2 * PEOPLE, EACH, SECONDS)
    writing = asyncio.create_task(traffic.run())
    await traffic.until(0.05)
    worker = await holding_leases(whole)
    try:
        await writing
        await traffic.answered()  # the others do without it
    finally:
        worker.process.send_signal(signal.SIGCONT)
    await worker.ready()
    await traffic.answered()
    traffic.check()
    say(told("a worker frozen", traffic))
    assert traffic.delays()[-1] < LONGEST


async def test_senders_killed_while_they_send(whole: Installation, say: Say) -> None:
    hung = 0

    def hang(_request: HttpRequest) -> Fault | None:
        nonlocal hung
        if hung == 3:
            return None
        hung += 1
        return "hang_after"

    traffic = Traffic(whole, PEOPLE, EACH, SECONDS)
    writing = asyncio.create_task(traffic.run())
    await traffic.until(0.3)
    whole.graph.choose_fault = hang
    await eventually(lambda: hung == 3)
    whole.graph.choose_fault = None
    for sender in list(whole.children["sender"]):
        await whole.replace(sender, signal.SIGKILL)
    await writing
    await traffic.answered()
    traffic.check(doubled=True)
    say(told("both senders killed", traffic))
    # What hung, and what was in the hands of their loops besides.
    assert 3 <= traffic.doubled <= 8
    assert set(traffic.attempts) == {1}
    assert traffic.delays()[-1] < LONGEST
    await whole.ready()


async def test_every_role_exchanged_in_mid_traffic(whole: Installation, say: Say) -> None:
    traffic = Traffic(whole, 2 * PEOPLE, EACH, 2 * SECONDS)
    writing = asyncio.create_task(traffic.run())
    codes = {}
    for place, role in enumerate(("worker", "sender", "telegram", "web")):
        await traffic.until(0.1 + 0.15 * place)
        codes[role] = await whole.replace(whole.children[role][0])
    await writing
    await whole.ready()
    await traffic.answered()
    traffic.check()
    say(told("every role exchanged", traffic))
    assert codes == dict.fromkeys(codes, 0)
    assert set(traffic.statuses) <= {0, 200, 503}
    assert set(traffic.attempts) == {1}
    await telegram_answers(whole)
