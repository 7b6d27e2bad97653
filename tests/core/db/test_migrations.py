"""Migrations make what the tables say, as often and by as many at once as you like."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from core.db.engine import Database, alembic_config
from core.db.tables import Base

ROOT = Path(__file__).resolve().parents[3]

MIGRATE = """
import asyncio, sys
from core.db.engine import Database

async def main():
    database = Database(sys.argv[1])
    sys.stdin.readline()
    for _ in range(2):
        await database.migrate()
    await database.close()

asyncio.run(main())
"""


def _same_empty_text(change: Any) -> bool:
    """Alembic takes SQLite's `DEFAULT ''` for another default than the empty text that it is."""
    if change[0] != "modify_default":
        return False
    was, will_be = change[-2], change[-1]
    return will_be is not None and will_be.arg == "" and str(was.arg).strip("()") == "''"


async def _tables(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_migrations_make_what_the_tables_say(new_address: str) -> None:
    database = Database(new_address)
    await database.migrate()

    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        changes = []
        for found in compare_metadata(context, Base.metadata):
            changes.extend(found if isinstance(found, list) else [found])
        return [change for change in changes if not _same_empty_text(change)]

    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)
    await database.close()
    assert found == []


async def test_partial_indexes_are_partial(database: Database) -> None:
    """What the comparison above does not look at."""
    query = (
        "SELECT sql FROM sqlite_master WHERE name = :name"
        if database.is_sqlite
        else "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    )
    async with database.read() as session:
        for name, states in (
            ("ix_inbox_pending", ["new"]),
            ("ix_outbox_pending", ["pending", "sending"]),
        ):
            made = str(await session.scalar(text(query), {"name": name}))
            where = made.partition("WHERE")[2]
            assert all(f"'{state}'" in where for state in states), made


async def test_migrating_again_changes_nothing(new_address: str) -> None:
    database = Database(new_address)
    await database.migrate()
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO contacts (channel, lookup, sealed_address, created_at) "
                "VALUES ('web', 'x', :sealed, '2026-01-01 00:00:00')"
            ),
            {"sealed": b"s"},
        )
    before = await _tables(database)
    await database.migrate()
    assert await _tables(database) == before == {*Base.metadata.tables, "alembic_version"}
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM contacts")) == 1
    await database.close()


async def test_processes_that_migrate_at_once_do_not_hurt_each_other(new_address: str) -> None:
    def race() -> list[tuple[int, str]]:
        command_line = [sys.executable, "-c", MIGRATE, new_address]
        processes = [
            subprocess.Popen(
                command_line, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=120)[1] for process in processes]
        return [(p.returncode, end) for p, end in zip(processes, ends, strict=True)]

    results = await asyncio.to_thread(race)
    assert [code for code, _ in results] == [0, 0, 0], results
    database = Database(new_address)
    assert await _tables(database) == {*Base.metadata.tables, "alembic_version"}
    async with database.read() as session:
        versions = list(await session.scalars(text("SELECT version_num FROM alembic_version")))
    await database.close()
    assert versions == [ScriptDirectory.from_config(alembic_config()).get_current_head()]


async def test_a_migration_that_breaks_leaves_no_half(new_address: str) -> None:
    """DDL is part of the transaction on both databases."""
    database = Database(new_address)

    async def broken() -> None:
        async with database.engine.execution_options(natiq_write=True).begin() as connection:
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
            raise RuntimeError("power cut")

    results = await asyncio.gather(broken(), return_exceptions=True)
    assert isinstance(results[0], RuntimeError), results
    assert await _tables(database) == set()
    await database.migrate()
    assert await _tables(database) == {*Base.metadata.tables, "alembic_version"}
    await database.close()


async def test_tickets_from_before_the_search_are_found(new_address: str) -> None:
    database = Database(new_address)
    async with database.engine.execution_options(natiq_write=True).begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0001"))
        for statement in (
            "INSERT INTO contacts (id, channel, lookup, sealed_address, created_at) "
            "VALUES (1, 'web', 'x', :sealed, '2026-01-01 00:00:00')",
            "INSERT INTO conversations (id, contact_id, channel, mode, language, state, created_at)"
            " VALUES (1, 1, 'web', 'bot', 'ar', '{}', '2026-01-01 00:00:00')",
            "INSERT INTO tickets (id, number, conversation_id, kind, state, opened_at, due_at) "
            "VALUES (1, '482-731', 1, 'complaint', 'open', '2026-01-01', '2026-01-02'), "
            "(2, '111-222', 1, 'complaint', 'open', '2026-01-01', '2026-01-02')",
            "INSERT INTO ticket_events (ticket_id, at, kind, text) VALUES "
            "(1, '2026-01-01', 'opened', 'تأخّرت مُعاملتي'), (1, '2026-01-01', 'assigned', 'Omar'),"
            "(1, '2026-01-01', 'reply', 'We are SORRY')",
        ):
            values = {"sealed": b"s"} if ":sealed" in statement else {}
            await connection.execute(text(statement), values)
    await database.migrate()
    async with database.read() as session:
        found = list(await session.scalars(text("SELECT search_text FROM tickets ORDER BY id")))
    await database.close()
    assert found == ["تاخرت معاملتي we are sorry", ""]


async def test_the_way_back_leaves_nothing(database: Database) -> None:
    async with database.engine.execution_options(natiq_write=True).begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), "base"))
    assert await _tables(database) == {"alembic_version"}
