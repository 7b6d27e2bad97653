"""The connection: every kind of address, and one error for whatever goes wrong."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY

from core.redis_connection import RedisConnection, RedisDown, RedisRefused, Script
from tests.core.redis_forms.conftest import Connect
from tests.support.redis_server import RedisServer, free_port, redis_or_skip, temporary_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.redis

ECHO = Script("return {KEYS[1], ARGV[1]}")


async def answers(connection: RedisConnection) -> bool:
    try:
        return bool(await connection.command("PING"))
    except RedisDown:
        return False


async def test_a_password_is_sent_and_a_wrong_one_is_an_outage(connect: Connect) -> None:
    with redis_or_skip(temporary_server(password="hunter2")) as server:
        right = connect(server.url)
        await right.command("SET", right.name("k"), b"v")
        assert await right.command("GET", right.name("k")) == b"v"
        wrong = connect(server.url.replace("hunter2", "hunter3"))
        with structlog.testing.capture_logs() as logs, pytest.raises(RedisDown) as caught:
            await wrong.command("PING")
        assert wrong.is_down and not right.is_down
        assert "hunter" not in f"{caught.value} {logs}"


async def test_a_socket_is_an_address(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_or_skip(temporary_server("--unixsocket", str(path))):
        one, other = connect(f"unix://{path}?db=1"), connect(f"unix://{path}")
        await one.command("SET", "k", b"v")
        assert await one.command("GET", "k") == b"v"
        assert await other.command("GET", "k") is None, "another database"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "natiq test")])
    now = datetime.datetime.now(datetime.UTC)
    places = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(places, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


async def test_tls_asks_for_a_certificate_that_it_trusts(connect: Connect, tmp_path: Path) -> None:
    certificate, secret = _certificate(tmp_path)
    with redis_or_skip(temporary_server()) as server:
        probe = server.say("CONFIG", "SET", "tls-cert-file", str(certificate))
        if "ERR" in probe:
            reason = "needs a redis-server that was built with TLS"
            if os.environ.get("NATIQ_TEST_REDIS") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
        port = free_port()
        for name, value in [
            ("tls-key-file", str(secret)),
            ("tls-ca-cert-file", str(certificate)),
            ("tls-auth-clients", "no"),
            ("tls-port", str(port)),
        ]:
            assert server.say("CONFIG", "SET", name, value) == "+OK"
        trusting = connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}")
        assert await answers(trusting)
        assert not await answers(connect(f"rediss://127.0.0.1:{port}"))
        assert not await answers(connect(f"rediss://127.0.0.1:{server.port}", timeout=1.0))


async def test_a_script_is_sent_once_and_again_when_redis_has_forgotten_it(
    connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url)
    for _ in range(2):
        assert await connection.run(ECHO, ["k"], ["ø"]) == [b"k", "ø".encode()]
    server.say("SCRIPT", "FLUSH")
    assert await connection.run(ECHO, ["k"], [1]) == [b"k", b"1"]
    assert not connection.is_down


async def test_an_error_for_an_answer_is_an_outage(connect: Connect, server: RedisServer) -> None:
    connection = connect(server.url)
    await connection.command("SET", "k", b"v")
    with pytest.raises(RedisRefused) as caught:
        await connection.command("LPUSH", "k", b"v")
    assert caught.value.code == "WRONGTYPE"
    assert connection.is_down
    await eventually(lambda: answers(connection))


async def test_an_outage_is_logged_and_counted_once_however_many_ask(
    connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url)
    await connection.command("PING")
    before = REGISTRY.get_sample_value("natiq_redis_outages_total") or 0.0
    with structlog.testing.capture_logs() as logs:
        server.kill()
        for _ in range(20):
            assert not await answers(connection)
        assert REGISTRY.get_sample_value("natiq_redis_up") == 0.0
        server.start()
        await eventually(lambda: answers(connection))
    assert [line["event"] for line in logs] == [
        "redis does not answer, going on without",
        "redis answers again",
    ]
    assert REGISTRY.get_sample_value("natiq_redis_outages_total") == before + 1
    assert REGISTRY.get_sample_value("natiq_redis_up") == 1.0


async def test_while_redis_is_down_one_attempt_a_second_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    connection = RedisConnection("redis://127.0.0.1:1", clock=lambda: now)
    attempts = 0

    class Dead:
        async def execute_command(self, *_words: Any) -> None:
            nonlocal attempts
            attempts += 1
            raise OSError

    monkeypatch.setattr(connection, "_connect", lambda _timeout: Dead())
    for _ in range(10):
        assert not await answers(connection)
    assert attempts == 1
    now += 1.0
    await asyncio.gather(*(answers(connection) for _ in range(10)))
    assert attempts == 2


async def test_a_frozen_server_does_not_hold_anybody_up_for_long(
    connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url, timeout=0.2)
    await connection.command("PING")
    server.freeze()
    try:
        assert not await asyncio.wait_for(answers(connection), 30)
    finally:
        server.thaw()
    await eventually(lambda: answers(connection))


async def test_connections_that_lay_idle_over_a_restart_are_no_outage(
    connect: Connect, server: RedisServer
) -> None:
    connection = connect(server.url)
    await asyncio.gather(*(connection.command("PING") for _ in range(5)))
    server.kill()
    server.start()
    with structlog.testing.capture_logs() as logs:
        await asyncio.gather(*(connection.command("PING") for _ in range(5)))
    assert not logs


async def test_a_silent_subscription_is_found_dead(connect: Connect, server: RedisServer) -> None:
    connection = connect(server.url, timeout=0.5, silence=0.1)
    heard = []

    async def listen() -> None:
        async with aclosing(connection.messages("channel")) as messages:
            async for message in messages:
                heard.append(message)

    listening = asyncio.create_task(listen())
    await eventually(lambda: heard)
    server.say("PUBLISH", "channel", "hello")
    await eventually(lambda: heard == [None, b"hello"])
    server.freeze()
    try:
        with pytest.raises(RedisDown):
            await asyncio.wait_for(listening, 30)
    finally:
        server.thaw()


async def test_closing_leaves_no_connection(connect: Connect, server: RedisServer) -> None:
    connection = connect(server.url)
    await connection.command("PING")
    await connection.patient_command("PING", seconds=1)
    assert int(server.info("connected_clients")) >= 2
    await connection.close()
    await eventually(lambda: server.info("connected_clients") == "1")
    assert await answers(connection), "it connects again when it is used again"
