"""Temporary Redis servers for tests: one, one with sentinels, or a cluster.

Each is a real `redis-server` of this machine on free ports of 127.0.0.1, with its files in a folder
of its own and nothing written to disk unless asked, stopped by its process id. A server can be
killed and started again on the same port in mid-use.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

START_SECONDS = 30.0
SERVICE = "natiq"

#: For connections of tests, in seconds: a machine that pauses must not look like an outage.
PATIENCE = 30.0


class RedisUnavailable(Exception):
    """There is no server and none can be started; the message says what is missing."""


def binary(name: str = "redis-server") -> str:
    """Path of a program of Redis.

    Raises:
        RedisUnavailable: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise RedisUnavailable(f"{name} is not installed (apt-get install {_PACKAGES[name]})")
    return found


_PACKAGES = {"redis-server": "redis-server", "redis-sentinel": "redis-sentinel"}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; below 55,000, since a cluster's node also takes
    the port ten thousand above."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port + 10_000))
                return port


def until(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> None:
    """Look again and again until the condition holds.

    Raises:
        RedisUnavailable: it did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise RedisUnavailable(what)


@dataclass
class RedisServer:
    """One server. `options` are words of its command line."""

    home: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    password: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address as the setting has it."""
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it on its port and wait until it answers."""
        folder = self.home / str(self.port)
        folder.mkdir(exist_ok=True)
        words = self.command or (binary(), "--port", str(self.port))
        words += ("--bind", "127.0.0.1", "--dir", str(folder), "--daemonize", "no")
        if self.password:
            words += ("--requirepass", self.password)
        log = folder / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*words, *self.options], cwd=folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            until(self._answers, "the server did not come up")
        except RedisUnavailable as error:
            self.kill()
            tail = log.read_text(errors="replace")[-500:]
            raise RedisUnavailable(f"{error}: {tail}") from None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def freeze(self) -> None:
        """Let it hold its connections and say nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo `freeze`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> str:
        """Send one command over a connection of its own; the reply as it stands on the wire."""
        lines = [f"*{len(words)}", *(f"${len(w.encode())}\r\n{w}" for w in words), ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            if self.password:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                assert connection.recv(64).startswith(b"+OK")
            connection.sendall("\r\n".join(lines).encode())
            reply = connection.recv(65536)
            if reply[:1] == b"$" and not reply.startswith(b"$-1"):
                head, _, body = reply.partition(b"\r\n")
                while len(body) < int(head[1:]) + 2:
                    body += connection.recv(65536)
                reply = body
        return reply.decode("utf-8", "replace").strip()

    def info(self, name: str) -> str:
        """One field of INFO."""
        for line in self.say("INFO", "everything").splitlines():
            if line.startswith(name + ":"):
                return line.partition(":")[2]
        raise KeyError(name)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return False
        with contextlib.suppress(OSError, AssertionError):
            return self.say("PING") == "+PONG"
        return False


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="natiq-redis-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


_IN_MEMORY = ("--save", "", "--appendonly", "no")


@contextlib.contextmanager
def temporary_server(*options: str, password: str | None = None) -> Iterator[RedisServer]:
    """Run a server that keeps nothing on disk, unless `options` say otherwise.

    Raises:
        RedisUnavailable: no binary here, or the server did not come up.
    """
    binary()
    with _folder() as home:
        server = RedisServer(home, options=(*_IN_MEMORY, *options), password=password)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@dataclass
class Watched:
    """A master, its replica, and the sentinels that watch them."""

    servers: list[RedisServer]
    sentinels: list[RedisServer]

    @property
    def url(self) -> str:
        """Its address as the setting has it."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}?db=0"

    @property
    def master(self) -> RedisServer:
        """The server that is the master at present, as the first sentinel has it."""
        reply = self.sentinels[0].say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        port = int(reply.split()[-1])
        return next(server for server in self.servers if server.port == port)


@contextlib.contextmanager
def temporary_sentinels() -> Iterator[Watched]:
    """Run a master, a replica and two sentinels, which call a master dead after two seconds."""
    program = binary("redis-sentinel")
    with _folder() as home, contextlib.ExitStack() as stack:
        servers = [RedisServer(home, options=_IN_MEMORY) for _ in range(2)]
        master, replica = servers
        replica.options += ("--replicaof", "127.0.0.1", str(master.port))
        for server in servers:
            stack.callback(server.kill)
            server.start()
        until(lambda: replica.info("master_link_status") == "up", "the replica does not follow")
        sentinels = []
        for _ in range(2):
            sentinel = RedisServer(home)
            file = home / f"sentinel-{sentinel.port}.conf"
            file.write_text(
                f"port {sentinel.port}\n"
                f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 1\n"
                f"sentinel down-after-milliseconds {SERVICE} 2000\n"
                f"sentinel failover-timeout {SERVICE} 6000\n",
                encoding="ascii",
            )
            sentinel.command = (program, str(file))
            stack.callback(sentinel.kill)
            sentinel.start()
            sentinels.append(sentinel)
        for sentinel in sentinels:
            until(
                lambda watching=sentinel: ",slaves=1,sentinels=2" in watching.say("INFO"),
                "the sentinels did not find each other",
            )
        yield Watched(servers, sentinels)


@dataclass
class Cluster:
    """Three nodes that share all slots."""

    nodes: list[RedisServer]

    @property
    def url(self) -> str:
        """Its address as the setting has it; two of the nodes are named."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://{hosts}"


@contextlib.contextmanager
def temporary_cluster() -> Iterator[Cluster]:
    """Run a cluster of three masters without replicas."""
    binary()
    with _folder() as home, contextlib.ExitStack() as stack:
        options = (*_IN_MEMORY, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
        nodes = [RedisServer(home, options=options) for _ in range(3)]
        bounds = [(0, 5460), (5461, 10922), (10923, 16383)]
        for node, (first, last) in zip(nodes, bounds, strict=True):
            stack.callback(node.kill)
            node.start()
            node.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        for number, node in enumerate(nodes, start=1):
            node.say("CLUSTER", "SET-CONFIG-EPOCH", str(number))
        for node in nodes[1:]:
            nodes[0].say("CLUSTER", "MEET", "127.0.0.1", str(node.port))
        for node in nodes:
            until(
                lambda asked=node: (
                    "cluster_state:ok" in asked.say("CLUSTER", "INFO")
                    and "cluster_known_nodes:3" in asked.say("CLUSTER", "INFO")
                ),
                "the cluster did not form",
            )
        yield Cluster(nodes)


@contextlib.contextmanager
def server_for_tests() -> Iterator[str]:
    """The address of the server that the environment names with `NATIQ_TEST_REDIS_URL`, or of a
    temporary one.

    Raises:
        RedisUnavailable: none is named and none can be started.
    """
    url = os.environ.get("NATIQ_TEST_REDIS_URL")
    if url:
        yield url
        return
    with temporary_server() as server:
        yield server.url


@contextlib.contextmanager
def redis_or_skip(starting: AbstractContextManager[T]) -> Iterator[T]:
    """What is started, for a fixture; skips when it cannot be had, fails where it is required."""
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(starting)
        except RedisUnavailable as error:
            if os.environ.get("NATIQ_TEST_REDIS") == "required":
                pytest.fail(f"Redis is required: {error}")
            pytest.skip(f"needs Redis: {error}")
        yield started


def namespace() -> str:
    """A beginning of keys that no other test uses."""
    return f"natiq-test-{secrets.token_hex(6)}"
