"""Shared rate limits through outages: the pace is kept when nobody knows what was sent."""

from __future__ import annotations

import pytest
import structlog

from core.crypto import Vault
from core.messages import Pace
from core.redis_rates import SETTLING, RedisRateLimits
from tests.core.redis_forms.conftest import Connect
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.redis

HOUR = 3600.0


async def test_without_redis_the_processes_keep_the_pace_together(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    """Four processes that have never met Redis send no more than the pace allows all of them."""
    server.kill()
    processes = [RedisRateLimits(connect(server.url), vault) for _ in range(4)]
    pace = Pace("telegram", 30, HOUR)
    waits = [await limits.reserve([pace]) for limits in processes for _ in range(30)]
    assert waits.count(0.0) == 28  # 30 // 4 each
    assert all(0 < wait <= HOUR for wait in waits if wait)


async def test_going_down_stops_sending_for_one_window_because_others_may_have_sent(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    now = 1000.0
    one, other = (
        RedisRateLimits(connect(server.url), vault, processes=2, clock=lambda: now)
        for _ in range(2)
    )
    pace = Pace("telegram", 4, 3.0)
    for _ in range(4):
        assert await one.reserve([pace]) == 0.0
    assert await other.wait_for(pace) > 0
    with structlog.testing.capture_logs() as logs:
        server.kill()
        assert await other.reserve([pace]) == pytest.approx(3.0)
        now += 2.0
        assert await other.wait_for(pace) == pytest.approx(1.0)
        now += 1.0
        assert [await other.reserve([pace]) for _ in range(3)] == [0.0, 0.0, 3.0]
    said = [line for line in logs if line["event"].startswith("rate limits")]
    assert [line["of"] for line in said] == [2], "said once"


async def test_coming_back_after_sending_alone_stops_everybody_for_one_window(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    lost, other = (RedisRateLimits(connect(url), vault) for url in (server.url, server.url))
    pace = Pace("telegram", 8, HOUR)
    server.kill()
    assert await lost.reserve([pace]) == 0.0
    server.start()

    async def shared() -> bool:
        wait = await lost.wait_for(pace)
        return not lost._is_alone and wait > 0

    await eventually(shared)
    assert 0 < await other.reserve([pace]) <= SETTLING


async def test_coming_back_without_having_sent_stops_nobody(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    limits = RedisRateLimits(connect(server.url), vault)
    pace = Pace("telegram", 8, HOUR)
    server.kill()
    assert await limits.wait_for(pace) == 0.0
    assert limits._is_alone
    server.start()

    async def shared() -> bool:
        assert await limits.wait_for(pace) == 0.0
        return not limits._is_alone

    await eventually(shared)


async def test_a_flush_in_mid_use_does_not_let_more_through(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    one, other, fresh = (RedisRateLimits(connect(server.url), vault) for _ in range(3))
    pace, chat, brief = Pace("all", 5, HOUR), Pace("chat", 1, 9.0), Pace("brief", 1, 0.3)
    for _ in range(5):
        assert await one.reserve([pace]) == 0.0
    assert await other.wait_for(pace) > 0
    server.say("FLUSHALL")
    assert await other.reserve([pace, chat]) == SETTLING
    assert await one.wait_for(pace) > 0
    assert await fresh.wait_for(pace) > 0, "it holds for a process that knew nothing before"
    assert 0 < await fresh.wait_for(chat) <= 9.0

    async def fits() -> bool:
        return await other.reserve([brief]) == 0.0

    await eventually(fits)


async def test_the_pause_is_bounded(connect: Connect, server: RedisServer, vault: Vault) -> None:
    limits, group = RedisRateLimits(connect(server.url), vault), Pace("group", 20, HOUR)
    assert await limits.reserve([group]) == 0.0
    server.say("FLUSHALL")
    assert 0 < await limits.wait_for(group) <= SETTLING
    server.kill()
    assert 0 < await limits.wait_for(group) <= SETTLING


async def test_no_key_shows_whom_a_pace_is_for(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    limits = RedisRateLimits(connect(server.url), vault)
    assert await limits.reserve([Pace("whatsapp:966500000001", 1, 30.0)]) == 0.0
    dump = server.say("KEYS", "*")
    assert "rates" in dump and "9665" not in dump and "whatsapp" not in dump


async def test_counts_leave_redis_with_their_window(
    connect: Connect, server: RedisServer, vault: Vault
) -> None:
    limits = RedisRateLimits(connect(server.url), vault)
    for number in range(100):
        assert await limits.reserve([Pace(f"chat:{number}", 1, 0.2)]) == 0.0
    await eventually(lambda: server.say("DBSIZE") == ":1")
