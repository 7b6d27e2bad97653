"""What the doctor says of Telegram and WhatsApp."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.checks import masked
from tests.support import graph_server
from tests.support.doctors import APP_SECRET, installed, look
from tests.support.graph_server import GraphServer
from tests.support.http_server import HttpAnswer, HttpRequest, HttpServer
from tests.support.telegram_server import TelegramServer, telegram_server
from tests.support.telegram_world import BOT, TOKEN


@pytest.fixture
async def ready(tmp_path: Path) -> Path:
    return await installed(tmp_path)


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
