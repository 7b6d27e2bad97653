"""The doctor: each thing that can be missing or wrong is named with its mend, and nothing is
changed or given away by looking."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from actions.staff import Staff
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from tests.support.clock import START
from tests.support.doctors import KEY, installed, look, names_in
from tests.support.redis_server import redis_or_skip, temporary_server


@pytest.fixture
async def ready(tmp_path: Path) -> Path:
    return await installed(tmp_path)


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
