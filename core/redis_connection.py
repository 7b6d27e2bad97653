"""The connection to Redis: the only module that imports its client.

Redis is never needed for what Natiq promises; SQL holds everything. So whatever goes wrong here is
one error, `RedisDown`, upon which the caller does without. After a failure nobody asks for a second
(`REST`), then one does; a stopped Redis thus costs no more than an attempt a second, and a frozen
one does not hold up every caller in turn. The begin and the end of an outage are logged once each.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import redis.asyncio as client
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError

from core import metrics
from core.errors import NatiqError
from core.logs import get_logger
from core.redis_address import RedisAddress, parse_redis_url

log = get_logger(__name__)

T = TypeVar("T")
Word = bytes | str | int | float

#: Longest wait for an answer that does not wait by itself, in seconds. Redis answers within a
#: millisecond; what takes so long is gone, or this process was held up.
TIMEOUT = 2.0

#: After a failure nobody asks for so many seconds.
REST = 1.0

#: A silent subscription is asked after so many seconds whether it is alive.
SILENCE = 5.0

#: A connection that lay idle for so many seconds is tried before use.
_IDLE = 15


class RedisDown(NatiqError):
    """Redis does not answer, or refused. Nobody lets this out: without Redis it goes on."""


class RedisRefused(RedisDown):
    """Redis answered with an error. `code` is its first word, such as `NOGROUP`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Script:
    """A Lua script that Redis runs as one step."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()


class RedisConnection:
    """What one process has to do with Redis. Nothing is connected before it is needed.

    `namespace` begins every key and channel, so that several installations may share a server.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "natiq",
        timeout: float = TIMEOUT,
        silence: float = SILENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigError when the address is malformed."""
        self._address = parse_redis_url(url)
        self._namespace = namespace
        self._timeout = timeout
        self._silence = silence
        self._clock = clock
        self._quick: Any = None
        self._patient: Any = None
        self._down_since: float | None = None
        self._rests_until = 0.0
        self._turn = 0
        metrics.REDIS_UP.set(1)

    @property
    def is_down(self) -> bool:
        """Whether the last attempt failed."""
        return self._down_since is not None

    def name(self, *parts: str) -> str:
        """The full name of a key or channel."""
        return ":".join((self._namespace, *parts))

    async def command(self, *words: Word) -> Any:
        """Run a command that answers at once.

        Raises:
            RedisDown: no answer, or an error for an answer.
        """
        if self._quick is None:
            self._quick = self._connect(self._timeout)
        return await self._attempt(lambda: self._quick.execute_command(*words), self._timeout)

    async def patient_command(self, *words: Word, seconds: float) -> Any:
        """Run a command that Redis itself ends after `seconds` at the latest.

        Raises:
            RedisDown: no answer, or an error for an answer.
        """
        if self._patient is None:
            self._patient = self._connect(None)
        within = seconds + self._timeout
        return await self._attempt(lambda: self._patient.execute_command(*words), within)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script as one step.

        Raises:
            RedisDown: no answer, or an error for an answer.
        """
        rest = (len(keys), *keys, *arguments)
        try:
            return await self.command("EVALSHA", script.digest, *rest)
        except RedisRefused as error:
            if error.code != "NOSCRIPT":
                raise
        return await self.command("EVAL", script.text, *rest)

    async def messages(self, channel: str) -> AsyncGenerator[bytes | None]:
        """What is published in a channel; None whenever listening has begun, or begun anew (what
        was published before is missed). To be closed with `contextlib.aclosing`.

        Raises:
            RedisDown: the connection was lost; iterate anew after a rest.
        """
        listener, subscription = None, None
        try:
            listener = self._listener()
            subscription = listener.pubsub()
            cancelled = _cancellations()
            async with asyncio.timeout(self._timeout):
                await subscription.subscribe(channel)
            asked = False
            while True:
                _honour(cancelled)
                message = await subscription.get_message(timeout=self._silence)
                if message is None:
                    if asked:
                        raise TimeoutError("the subscription is silent")
                    asked = True
                    async with asyncio.timeout(self._timeout):
                        await subscription.ping()
                    continue
                asked = False
                if message["type"] == "subscribe":
                    self._answers()
                    yield None
                elif message["type"] == "message":
                    yield message["data"]
        except Exception as error:
            raise self._failed(error) from None
        finally:
            for part in (subscription, listener):
                await _close(part)

    async def close(self) -> None:
        """Close every connection."""
        for part in (self._quick, self._patient):
            await _close(part)
        self._quick = self._patient = None

    async def _attempt(self, work: Callable[[], Awaitable[T]], within: float) -> T:
        if self._down_since is not None:
            if self._clock() < self._rests_until:
                raise RedisDown("resting")
            self._rests_until = self._clock() + REST  # the others rest while this one tries
        cancelled = _cancellations()
        try:
            async with asyncio.timeout(within):
                answer = await work()
        except ResponseError as error:
            code = _code(error)
            if code not in _ORDINARY:
                raise self._failed(error, code) from None
            self._answers()
            raise RedisRefused(code) from None
        except Exception as error:
            raise self._failed(error) from None
        finally:
            _honour(cancelled)
        self._answers()
        return answer

    def _failed(self, error: Exception, code: str | None = None) -> RedisDown:
        """Note a failure; its own words may quote a key or an address and go nowhere."""
        self._rests_until = self._clock() + REST
        reason = type(error).__name__
        if self._down_since is None:
            self._down_since = self._clock()
            metrics.REDIS_UP.set(0)
            metrics.REDIS_OUTAGES.inc()
            log.warning("redis does not answer, going on without", error=reason)
        return RedisRefused(code) if code is not None else RedisDown(reason)

    def _answers(self) -> None:
        if self._down_since is not None:
            seconds = round(self._clock() - self._down_since, 1)
            self._down_since = None
            metrics.REDIS_UP.set(1)
            log.info("redis answers again", seconds=seconds)

    # -- clients -----------------------------------------------------------------------------

    def _connect(self, timeout: float | None) -> Any:
        """A client whose reads last at most `timeout` seconds (None: as long as they are let)."""
        address, options = self._address, self._options(timeout)
        if address.kind == "socket":
            return client.Redis(unix_socket_path=address.path, **options)
        if address.kind == "sentinel":
            return self._sentinel(options).master_for(address.service, **options)
        if address.kind == "cluster":
            del options["db"]
            nodes = [ClusterNode(host, port) for host, port in address.hosts]
            return client.RedisCluster(startup_nodes=nodes, **options)
        host, port = address.hosts[0]
        return client.Redis(host=host, port=port, **options)

    def _listener(self) -> Any:
        """A client for a subscription. In a cluster any node hears what is published at any, so it
        is an ordinary client of the nodes in turn."""
        if self._address.kind != "cluster":
            return self._connect(self._timeout)
        hosts = list(self._address.hosts)
        if self._quick is not None:
            known = [(str(node.host), int(node.port)) for node in self._quick.get_nodes()]
            hosts = list(dict.fromkeys([*hosts, *known]))
        host, port = hosts[self._turn % len(hosts)]
        self._turn += 1
        return client.Redis(host=host, port=port, **self._options(self._timeout))

    def _sentinel(self, options: dict[str, Any]) -> Sentinel:
        address = self._address
        own = {
            **_tls(address),
            "username": address.sentinel_username,
            "password": address.sentinel_password,
            "socket_timeout": self._timeout / 2,
            "socket_connect_timeout": self._timeout / 2,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        return Sentinel(list(address.hosts), sentinel_kwargs=own)  # type: ignore[no-untyped-call]

    def _options(self, timeout: float | None) -> dict[str, Any]:
        return {
            **_tls(self._address),
            "db": self._address.db,
            "username": self._address.username,
            "password": self._address.password,
            "socket_timeout": timeout,
            "socket_connect_timeout": self._timeout,
            "health_check_interval": _IDLE,
            # Once more at once: a restarted server has closed the connections that lay idle.
            "retry": Retry(NoBackoff(), 1),
            "protocol": 2,
        }


#: Errors that belong to a conversation with Redis and say nothing against its health: an unknown
#: script or group, a group that exists already, and a read that ended with its key or server role.
_ORDINARY = frozenset({"NOSCRIPT", "NOGROUP", "BUSYGROUP", "UNBLOCKED"})


def _cancellations() -> int:
    """How often the running task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _honour(before: int) -> None:
    """End the task if that was asked since: before Python 3.12 `asyncio.wait_for`, which the client
    sends with, may swallow it (python/cpython issue 86296), and a loop would go on for ever."""
    if _cancellations() > before:
        raise asyncio.CancelledError


def _code(error: ResponseError) -> str:
    # The client cuts the first word off where it has a class of its own for it.
    return "NOSCRIPT" if isinstance(error, NoScriptError) else str(error).partition(" ")[0]


def _tls(address: RedisAddress) -> dict[str, Any]:
    if not address.tls:
        return {}
    return {"ssl": True, "ssl_check_hostname": True, "ssl_ca_certs": address.ca_file}


async def _close(part: Any) -> None:
    if part is None:
        return
    try:
        async with asyncio.timeout(TIMEOUT):
            await part.aclose()
    except Exception as error:
        log.debug("a connection did not close cleanly", error=type(error).__name__)
