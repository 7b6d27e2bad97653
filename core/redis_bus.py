"""Events over processes: Redis pub/sub, one channel, and in each process that watches one listener.

One channel for all topics, because subscribing to each would race with those who publish: a process
that listens hears of everything and wakes its own. Whoever publishes wakes its own process without
Redis. When listening begins anew after a loss, everybody is woken once, since something may have
been missed.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing

from core import metrics
from core.bus import LocalEventBus
from core.logs import get_logger
from core.redis_connection import REST, RedisConnection, RedisDown

log = get_logger(__name__)


class RedisEventBus:
    """See `core.bus.EventBus`. Listens from the first wait on, until it is closed."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection
        self._local = LocalEventBus()
        self._me = secrets.token_hex(8).encode("ascii")
        self._listening: asyncio.Task[None] | None = None

    async def publish(self, topic: str) -> None:
        """See `EventBus.publish`. Without Redis it reaches this process alone."""
        await self._local.publish(topic)
        try:
            payload = self._me + b" " + topic.encode("utf-8")
            await self._redis.command("PUBLISH", self._channel(), payload)
        except RedisDown:
            metrics.REDIS_MISSES.labels("publish").inc()

    async def wait(self, topic: str, seconds: float) -> bool:
        """See `EventBus.wait`."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name="redis-events")
        return await self._local.wait(topic, seconds)

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self._redis.messages(self._channel())) as messages:
                    async for payload in messages:
                        await self._heard(payload)
            except RedisDown:
                metrics.REDIS_MISSES.labels("listen").inc()
            except Exception as error:
                log.error("listening failed", error=type(error).__name__)
            await asyncio.sleep(REST)

    async def _heard(self, payload: bytes | None) -> None:
        if payload is None:
            self._local.publish_all()
            return
        sender, _, topic = payload.partition(b" ")
        if sender != self._me:
            await self._local.publish(topic.decode("utf-8", "replace"))

    def _channel(self) -> str:
        return self._redis.name("events")
