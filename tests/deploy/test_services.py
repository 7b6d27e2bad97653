"""Every service of docker-compose.yml starts by its own command, in its own environment, from what
the image holds; together they answer a citizen; a signal ends each in good order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from faq.loader import load_faq
from tests.support import graph_server as meta
from tests.support import graph_webhooks as webhooks
from tests.support.compose import Compose, load_compose
from tests.support.graph_server import GraphServer
from tests.support.places import FAQ_DIR, ROOT
from tests.support.postgres import PostgresUnavailable, fresh_database, temporary_server
from tests.support.redis_server import RedisServer, RedisUnavailable, binary, free_port
from tests.support.services import START_SECONDS, Container, Host, host
from tests.support.telegram_server import TelegramServer, telegram_server
from tests.support.telegram_world import TOKEN
from tests.support.waiting import eventually

pytestmark = [pytest.mark.scaled, pytest.mark.slow]

CHAT = 4_200_001
WHATSAPP_SECRETS = {
    "whatsapp_token": meta.TOKEN,
    "whatsapp_app_secret": meta.APP_SECRET,
    "whatsapp_verify_token": meta.VERIFY_TOKEN,
}


@pytest.fixture(scope="module")
def compose() -> Compose:
    return load_compose()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make secrets` makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    make = ["make", "--no-print-directory", "secrets", f"SECRETS={folder}"]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def asked_for() -> str:
    """Skips where nobody asked for it: it takes minutes."""
    wanted = os.environ.get("NATIQ_TEST_SCALED")
    if not wanted:
        pytest.skip("needs PostgreSQL, Redis and a minute: run `make test-scaled`")
    return wanted


@pytest.fixture(scope="module")
def database(asked_for: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database without tables."""
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(temporary_server())
        except PostgresUnavailable as error:
            _lacks(asked_for, f"PostgreSQL: {error}")
        yield stack.enter_context(fresh_database(address))


@pytest.fixture(scope="module")
def redis(
    asked_for: str, compose: Compose, secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """Redis by the service's own command, with the password that `make secrets` drew."""
    try:
        program = binary()
    except RedisUnavailable as error:
        _lacks(asked_for, f"Redis: {error}")
    _, _, *options = compose.services["redis"].command
    conf = secrets / "redis.conf"
    password = conf.read_text("utf-8").split()[1]
    port = free_port()
    home = tmp_path_factory.mktemp("redis")
    command = (program, str(conf), *options, "--port", str(port))
    server = LockedRedis(home, port=port, command=command)
    server.start()
    try:
        assert "NOAUTH" in server.say("GET", "anything"), "without the password nobody gets in"
        server.password = password
        assert server.say("PING") == "+PONG"
        assert server.info("maxmemory_policy") == "volatile-lru"
        yield server
    finally:
        server.kill()


class LockedRedis(RedisServer):
    """Takes its password from its file alone: until the test knows it, no is an answer."""

    def say(self, *words: str) -> str:
        said = super().say(*words)
        return "+PONG" if words == ("PING",) and "NOAUTH" in said else said


def _lacks(asked_for: str, what: str) -> None:
    if asked_for == "required":
        pytest.fail(f"required: {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture
async def graph() -> AsyncIterator[GraphServer]:
    server = await GraphServer().start()
    yield server
    await server.stop()
    assert not server.violations


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with telegram_server() as server:
        yield server
    assert not server.violations


@pytest.fixture
def machine(compose: Compose) -> Iterator[Host]:
    with host(compose) as made:
        yield made


def question() -> tuple[str, str]:
    """A question of the FAQ and its answer, in Arabic."""
    knowledge = load_faq(FAQ_DIR, date.today()).knowledge
    assert knowledge is not None
    [entry] = [one for one in knowledge.entries if one.id == "passport-renew-documents"]
    return entry.question["ar"], entry.answer["ar"]


async def ask_on_whatsapp(graph: GraphServer, origin: str) -> None:
    """A citizen asks through the signed webhook, and the answer arrives word for word."""
    asked, answer = question()
    graph.wrote(webhooks.PERSON)
    message = webhooks.text(asked, at=datetime.now(UTC))
    said = await webhooks.post(origin, webhooks.document(messages=[message]))
    assert said.status_code == 200
    await eventually(
        lambda: any(answer in sent.text for sent in graph.to(webhooks.PERSON)), START_SECONDS
    )


async def healthy(machine: Host, container: Container) -> None:
    await asyncio.to_thread(machine.wait_until_healthy, container)


def files(machine: Host) -> dict[Path, int]:
    """What stands in the image, with the times of change."""
    found = [path for path in machine.home.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in found}


async def test_the_roles_start_answer_and_stop(
    machine: Host,
    database: str,
    redis: RedisServer,
    secrets: Path,
    graph: GraphServer,
    telegram: TelegramServer,
) -> None:
    machine.secret("secret_key", (secrets / "secret-key").read_text("utf-8").strip())
    machine.secret("database_url", database)
    # The address that was made, with this machine's port.
    made = urlsplit((secrets / "redis-url").read_text("utf-8").strip())
    machine.secret(
        "redis_url", made._replace(netloc=f":{made.password}@127.0.0.1:{redis.port}").geturl()
    )
    machine.secret("telegram_token", TOKEN)
    machine.secret("telegram_webhook_secret", None)
    for name, content in WHATSAPP_SECRETS.items():
        machine.secret(name, content)
    given = {
        "NATIQ_TELEGRAM_API_URL": telegram.origin,
        "NATIQ_WHATSAPP_API_URL": graph.origin,
        "NATIQ_WHATSAPP_PHONE_ID": meta.PHONE_ID,
    }
    before = files(machine)
    names = ["web", "worker", "worker", "sender", "telegram"]
    containers = [machine.start(name, given) for name in names]
    for name, container in zip(names, containers, strict=True):
        await healthy(machine, container)
        async with httpx.AsyncClient(timeout=60) as client:
            lives = (await client.get(f"{container.origin}/healthz")).json()
            counts = await client.get(f"{container.origin}/metrics")
            chat = await client.get(f"{container.origin}/chat")
        assert lives["roles"] == [name]
        assert counts.status_code == 200
        assert (chat.status_code == 200) == (name == "web"), "only the web serves people"

    await ask_on_whatsapp(graph, containers[0].origin)
    asked, answer = question()
    telegram.says(CHAT, asked)
    await eventually(lambda: any(answer in text for text in telegram.told(CHAT)), START_SECONDS)

    assert int(redis.info("connected_clients")) > len(names), "the roles use Redis"
    assert files(machine) == before, "somebody wrote into the image"
    for container in reversed(containers):
        assert await asyncio.to_thread(container.stop) == 0, container.words[-2000:]
    said = "".join(container.words for container in containers)
    for kept in (TOKEN, meta.TOKEN, meta.APP_SECRET, made.password or "", webhooks.PERSON, asked):
        assert kept not in said


async def test_the_app_starts_answers_and_stops(
    asked_for: str, machine: Host, graph: GraphServer
) -> None:
    machine.secret("embedded_secret_key", None)
    machine.secret("telegram_token", None)
    machine.secret("telegram_webhook_secret", None)
    for name, content in WHATSAPP_SECRETS.items():
        machine.secret(name, content)
    given = {
        "NATIQ_WHATSAPP_API_URL": graph.origin,
        "NATIQ_WHATSAPP_PHONE_ID": meta.PHONE_ID,
    }
    before = files(machine)
    app = machine.start("app", given)
    await healthy(machine, app)
    await ask_on_whatsapp(graph, app.origin)
    assert {path.name for path in machine.volume("embedded").iterdir()} >= {
        "natiq.db",
        "secret.key",
        "desk-password.txt",
    }
    assert files(machine) == before, "somebody wrote into the image"
    assert await asyncio.to_thread(app.stop) == 0, app.words[-2000:]


async def test_a_role_without_its_database_is_not_healthy_and_says_why(
    asked_for: str, machine: Host
) -> None:
    machine.secret("secret_key", "k" * 48)
    machine.secret(
        "database_url", f"postgresql+psycopg://natiq:hidden@127.0.0.1:{free_port()}/natiq"
    )
    for name in machine.compose.services["sender"].secrets[2:]:
        machine.secret(name, None)
    sender = machine.start("sender", {})
    assert await asyncio.to_thread(sender.process.wait, START_SECONDS) != 0
    assert sender.run(*sender.service.health).returncode == 1
    assert "hidden" not in sender.words
