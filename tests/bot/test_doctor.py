"""The doctor: each thing that can be missing or wrong is named with its mend, and nothing is
changed or given away by looking."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from actions.staff import Staff
from bot.checks import BAD, Check, masked
from bot.doctor import examine
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.settings import Settings
from tests.support import graph_server
from tests.support.clock import START
from tests.support.graph_server import GraphServer
from tests.support.http_server import HttpAnswer, HttpRequest, HttpServer
from tests.support.places import FAQ_DIR, MODEL_DIR
from tests.support.redis_server import redis_or_skip, temporary_server
from tests.support.telegram_server import TelegramServer, telegram_server
from tests.support.telegram_world import BOT, TOKEN

KEY = "k" * 40
APP_SECRET = "0123456789abcdef0123456789abcdef"


def settings_of(folder: Path, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "data_dir": folder,
        "model_dir": MODEL_DIR,
        "faq_dir": FAQ_DIR,
        "secret_key": KEY,
        "sample": False,
        **more,
    }
    return Settings(_env_file=None, **values)


async def look(folder: Path, **more: Any) -> dict[str, Check]:
    checks = await examine(settings_of(folder, **more))
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert bool(check.mend) or check.state not in BAD, f"{check.name} has no mend"
        assert "\n" not in check.text + check.mend
    return {check.name: check for check in checks}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
async def ready(tmp_path: Path) -> Path:
    """The folder of an installation that has been started and has staff."""
    folder = tmp_path / "ready"
    folder.mkdir(mode=0o700)
    db = Database(f"sqlite+aiosqlite:///{folder / 'natiq.db'}")
    await db.migrate()
    await Staff(db).add("Huda", "agent", "a long password")
    await db.close()
    return folder


async def test_a_whole_installation_lacks_nothing(ready: Path) -> None:
    checks = await look(ready)
    assert {name: check.state for name, check in checks.items()} == {
        "settings": "ok",
        "data folder": "ok",
        "secret key": "ok",
        "database": "ok",
        "redis": "off",
        "staff": "ok",
        "model": "ok",
        "faq": "ok",
        "ministry": "ok",
        "public address": "off",
        "telegram": "off",
        "whatsapp": "off",
    }
    assert "entries can be served" in checks["faq"].text


async def test_before_the_first_start(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    checks = await look(folder, secret_key=None, model_dir=tmp_path / "none", sample=True)
    assert {name for name, check in checks.items() if check.state == "missing"} == {
        "database",
        "staff",
        "model",
    }
    assert checks["ministry"].state == "note"
    assert "make setup" in checks["model"].mend
    assert names_in(tmp_path) == [], "looking makes nothing"


async def test_only_those_who_may_answer_count_as_staff(ready: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{ready / 'natiq.db'}")
    await Staff(db).add("Editor", "editor", "a long password")
    async with db.write() as session:
        await session.execute(text("UPDATE staff SET disabled = 1 WHERE name = 'Huda'"))
    await db.close()
    assert (await look(ready))["staff"].state == "missing"


async def test_tables_of_another_version(ready: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{ready / 'natiq.db'}")
    async with db.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    await db.close()
    assert (await look(ready))["database"].state == "missing"


async def test_a_key_that_does_not_belong_to_the_data(ready: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{ready / 'natiq.db'}")
    async with db.write() as session:
        contacts = Contacts(Vault(KEY.encode()))
        await contacts.conversation_of(session, "web", "somebody", START)
    await db.close()
    assert (await look(ready))["database"].state == "ok"
    other = await look(ready, secret_key="another key, from nowhere at all........")
    assert (other["database"].state, "secret key" in other["database"].text) == ("wrong", True)


async def test_a_key_that_is_lost_is_not_made_anew(ready: Path) -> None:
    checks = await look(ready, secret_key=None)
    assert checks["secret key"].state == "wrong"
    assert "backup" in checks["secret key"].mend
    assert not (ready / "secret.key").exists()


async def test_a_key_that_others_may_read(ready: Path) -> None:
    path = ready / "secret.key"
    path.write_text(KEY)
    path.chmod(0o644)
    assert (await look(ready, secret_key=None))["secret key"].state == "wrong"
    path.chmod(0o600)
    assert (await look(ready, secret_key=None))["secret key"].state == "ok"
    path.write_text("short")
    assert (await look(ready, secret_key=None))["secret key"].state == "wrong"


async def test_a_database_that_is_not_there(ready: Path) -> None:
    checks = await look(ready, database_url="postgresql+psycopg://u:hidden@127.0.0.1:1/natiq")
    assert checks["database"].state == "wrong"
    assert "hidden" not in str(checks)


async def test_processes_without_redis_work_by_looking(ready: Path) -> None:
    checks = await look(ready, database_url="postgresql+psycopg://u:hidden@127.0.0.1:1/natiq")
    assert checks["redis"].state == "note"


@pytest.mark.parametrize("url", ["redis://:hidden@127.0.0.1:1/0", "redis//hidden"])
async def test_a_redis_that_is_not_there(ready: Path, url: str) -> None:
    checks = await look(ready, redis_url=url)
    assert checks["redis"].state == "wrong"
    assert "hidden" not in str(checks)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("policy", "state"), [("volatile-lru", "ok"), ("noeviction", "ok"), ("allkeys-lru", "note")]
)
async def test_a_redis_that_may_drop_wake_ups(ready: Path, policy: str, state: str) -> None:
    with redis_or_skip(temporary_server("--maxmemory-policy", policy)) as server:
        checks = await look(ready, redis_url=server.url)
    assert checks["redis"].state == state


@pytest.mark.postgres
async def test_a_database_on_postgresql_is_named_with_its_version(
    ready: Path, postgres_address: str
) -> None:
    checks = await look(ready, database_url=postgres_address)
    assert re.search(r"PostgreSQL \d+", checks["database"].text)


async def test_an_faq_that_cannot_be_served(ready: Path, tmp_path: Path) -> None:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq" / "a.yml").write_text("topic: [", encoding="utf-8")
    checks = await look(ready, faq_dir=tmp_path / "faq")
    assert checks["faq"].state == "wrong"
    assert "natiq faq check" in checks["faq"].mend


async def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("")
    assert (await look(path))["data folder"].state == "wrong"


# Telegram.


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with telegram_server() as server:
        yield server


def on_telegram(server: TelegramServer, **more: Any) -> dict[str, Any]:
    return {"telegram_token": TOKEN, "telegram_api_url": server.origin, **more}


WEBHOOK = {
    "telegram_mode": "webhook",
    "telegram_webhook_secret": "hook-secret-of-the-tests",
    "public_url": "https://natiq.example",
}


async def test_a_bot_that_polls(ready: Path, telegram: TelegramServer) -> None:
    checks = await look(ready, **on_telegram(telegram))
    assert BOT["username"] in checks["telegram token"].text
    assert checks["telegram receiving"].state == checks["telegram groups"].state == "ok"
    telegram.webhook = {"url": "https://elsewhere.example/hook"}
    checks = await look(ready, **on_telegram(telegram))
    assert checks["telegram receiving"].state == "note"
    assert telegram.webhook, "looking changes nothing"
    assert telegram.violations == []


async def test_a_bot_that_is_delivered_to(ready: Path, telegram: TelegramServer) -> None:
    checks = await look(ready, **on_telegram(telegram, **WEBHOOK))
    assert checks["telegram receiving"].state == "missing"
    telegram.webhook = {"url": "https://elsewhere.example/webhooks/telegram"}
    checks = await look(ready, **on_telegram(telegram, **WEBHOOK))
    assert checks["telegram receiving"].state == "missing"
    telegram.webhook = {"url": "https://natiq.example/webhooks/telegram"}
    checks = await look(ready, **on_telegram(telegram, **WEBHOOK))
    assert checks["telegram receiving"].state == "ok"
    assert checks["public address"].state == "ok"


@pytest.mark.parametrize(("ago", "state"), [(60, "wrong"), (90_000, "ok")])
async def test_deliveries_that_fail(
    ready: Path, telegram: TelegramServer, monkeypatch: pytest.MonkeyPatch, ago: int, state: str
) -> None:
    telegram.webhook = {"url": "https://natiq.example/webhooks/telegram"}
    real = telegram._call

    async def call(method: str, parameters: dict[str, Any], *, lost: bool) -> Any:
        answer = await real(method, parameters, lost=lost)
        if method == "getWebhookInfo":
            answer["last_error_date"] = int(time.time()) - ago
            answer["last_error_message"] = "SSL error"
        return answer

    monkeypatch.setattr(telegram, "_call", call)
    receiving = (await look(ready, **on_telegram(telegram, **WEBHOOK)))["telegram receiving"]
    assert receiving.state == state
    assert ("SSL error" in receiving.text) is (state == "wrong")


async def test_a_token_that_telegram_refuses(ready: Path, telegram: TelegramServer) -> None:
    telegram.token = "1:another"
    checks = await look(ready, **on_telegram(telegram))
    assert checks["telegram token"].state == "wrong"
    assert "BotFather" in checks["telegram token"].mend
    assert TOKEN not in str(checks)


async def test_a_token_that_is_none(ready: Path) -> None:
    checks = await look(ready, telegram_token="not a token")
    assert checks["telegram token"].state == "wrong"
    assert "not a token" not in str(checks)


async def test_no_way_to_telegram(ready: Path) -> None:
    checks = await look(ready, telegram_token=TOKEN, telegram_api_url="http://127.0.0.1:1")
    assert checks["telegram token"].state == "wrong"
    assert "not_reached" in checks["telegram token"].text


# WhatsApp.


@pytest.fixture
async def graph() -> AsyncIterator[GraphServer]:
    server = await GraphServer().start()
    yield server
    await server.stop()


class Site(HttpServer):
    """Our own webhook, as the world reaches it through a proxy."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.token = graph_server.VERIFY_TOKEN
        self.status = 200

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        assert request.path == "/webhooks/whatsapp"
        if request.query["hub.verify_token"] != self.token:
            return HttpAnswer(403)
        return HttpAnswer(self.status, request.query["hub.challenge"].encode(), "text/plain")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.start()
    yield made
    await made.stop()


def on_whatsapp(server: GraphServer, site: Site | None = None, **more: Any) -> dict[str, Any]:
    return {
        "whatsapp_phone_id": graph_server.PHONE_ID,
        "whatsapp_token": graph_server.TOKEN,
        "whatsapp_app_secret": APP_SECRET,
        "whatsapp_verify_token": graph_server.VERIFY_TOKEN,
        "whatsapp_api_url": server.origin,
        "whatsapp_business_id": graph_server.BUSINESS_ID,
        "public_url": site.origin if site is not None else "https://127.0.0.1:1",
        **more,
    }


async def test_a_number_that_is_ready(ready: Path, graph: GraphServer, site: Site) -> None:
    checks = await look(ready, **on_whatsapp(graph, site))
    names = ("token", "template", "app secret", "webhook")
    assert {checks[f"whatsapp {name}"].state for name in names} == {"ok"}
    assert checks["public address"].state == "wrong", "Meta asks for https"
    said = json.dumps([check.text + check.mend for check in checks.values()])
    for secret in (graph_server.TOKEN, APP_SECRET, graph_server.VERIFY_TOKEN, "50 000 0000"):
        assert secret not in said
    assert graph.sent == []


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_template_that_lacks_a_language(
    ready: Path, graph: GraphServer, site: Site, language: str
) -> None:
    del graph.templates[(graph_server.TEMPLATE, language)]
    check = (await look(ready, **on_whatsapp(graph, site)))["whatsapp template"]
    assert check.state == "missing"
    assert f"{language}: not there" in check.text


async def test_a_template_of_another_name_or_account(
    ready: Path, graph: GraphServer, site: Site
) -> None:
    on = on_whatsapp(graph, site)
    checks = await look(ready, **{**on, "whatsapp_template": "another"})
    assert checks["whatsapp template"].state == "missing"
    checks = await look(ready, **{**on, "whatsapp_business_id": None})
    assert checks["whatsapp template"].state == "missing"
    checks = await look(ready, **{**on, "whatsapp_business_id": "1"})
    assert checks["whatsapp template"].state == "wrong"


async def test_a_token_that_meta_refuses(ready: Path, graph: GraphServer, site: Site) -> None:
    graph.token = "another"
    check = (await look(ready, **on_whatsapp(graph, site)))["whatsapp token"]
    assert (check.state, "meta_190" in check.text) == ("wrong", True)


async def test_no_way_to_meta(ready: Path, graph: GraphServer, site: Site) -> None:
    on = {**on_whatsapp(graph, site), "whatsapp_api_url": "http://127.0.0.1:1"}
    check = (await look(ready, **on))["whatsapp token"]
    assert (check.state, "not reached" in check.text) == ("wrong", True)


async def test_an_app_secret_that_is_none(ready: Path, graph: GraphServer, site: Site) -> None:
    on = {**on_whatsapp(graph, site), "whatsapp_app_secret": "not-a-secret"}
    checks = await look(ready, **on)
    assert checks["whatsapp app secret"].state == "wrong"
    assert "not-a-secret" not in str(checks)


async def test_a_webhook_that_does_not_answer_as_it_should(
    ready: Path, graph: GraphServer, site: Site
) -> None:
    site.token = "the one that it was started with"
    check = (await look(ready, **on_whatsapp(graph, site)))["whatsapp webhook"]
    assert (check.state, "403" in check.text) == ("wrong", True)
    site.token, site.status = graph_server.VERIFY_TOKEN, 502
    check = (await look(ready, **on_whatsapp(graph, site)))["whatsapp webhook"]
    assert (check.state, "502" in check.text) == ("wrong", True)
    check = (await look(ready, **on_whatsapp(graph)))["whatsapp webhook"]
    assert (check.state, "not reached" in check.text) == ("wrong", True)


async def test_no_public_address_for_webhooks(ready: Path, graph: GraphServer) -> None:
    checks = await look(ready, **{**on_whatsapp(graph), "public_url": None})
    assert checks["public address"].state == "missing"


def test_a_number_is_never_said_whole() -> None:
    assert masked("+966 50 123 4567") == "…567"
    assert masked("") == "…"
