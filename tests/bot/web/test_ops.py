"""What each process says of itself to those who run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.root import Role, Root, build_app
from bot.web.app import create_web
from bot.web.ops import create_ops
from core.settings import Settings
from tests.support.minds import entry, scripted_mind
from tests.support.places import FAQ_DIR


def built(folder: Path, *roles: Role) -> Root:
    settings = Settings(_env_file=None, data_dir=folder, faq_dir=FAQ_DIR)
    return build_app(settings, roles=roles, mind=scripted_mind([entry("a")], {}))


async def asked(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://natiq") as client:
        return await client.get(path)


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Root]:
    root = built(tmp_path, "sender")
    await root.db.migrate()
    yield root
    await root.stop()


async def test_a_role_that_answers_nobody_knows_no_entries(sender: Root) -> None:
    answer = await asked(create_ops(sender), "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "roles": ["sender"]}
    assert (await asked(create_ops(sender), "/chat")).status_code == 404


async def test_the_web_role_reads_the_files_and_loads_no_mind(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, data_dir=tmp_path, faq_dir=FAQ_DIR, model_dir=tmp_path / "none"
    )
    root = build_app(settings, roles={"web"})
    await root.db.migrate()
    try:
        assert root.mind is None
        answer = await asked(create_web(root), "/readyz")
        assert answer.json()["entries"] > 50
        assert (await asked(create_web(root), "/chat")).status_code == 200
    finally:
        await root.stop()


async def test_counts_are_there(sender: Root) -> None:
    answer = await asked(create_ops(sender), "/metrics")
    assert 'natiq_waiting{queue="outbox"} 0.0' in answer.text


async def test_no_database(sender: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("gone, with a password in its words")

    monkeypatch.setattr(type(sender.db), "read", lambda _self: broken())
    answer = await asked(create_ops(sender), "/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "no database", "error": "OSError"}
    assert (await asked(create_ops(sender), "/healthz")).status_code == 200


async def test_a_loop_that_ended_is_seen(
    sender: Root, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def breaks() -> None:
        raise ValueError("never foreseen")

    monkeypatch.setattr(type(sender.sender), "run", lambda _self: breaks())
    await sender.start()
    await asyncio.gather(*sender.tasks, return_exceptions=True)
    for path in ("/healthz", "/readyz"):
        answer = await asked(create_ops(sender), path)
        assert answer.status_code == 503
        assert "sender-0" in answer.json()["loops"]


async def test_a_process_that_stops_is_not_ready(tmp_path: Path) -> None:
    root = built(tmp_path, "worker", "sender")
    await root.start(watch=False)
    assert (await asked(create_ops(root), "/readyz")).json()["entries"] == 1
    await root.stop()
    assert (await asked(create_ops(root), "/readyz")).json() == {"status": "stopping"}
    assert root.broken == [], "loops that were ended are not broken"
