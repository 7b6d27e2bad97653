"""The engine: one `Database` for a process, read and write transactions, migrations.

On SQLite: WAL with `synchronous=FULL` (a committed message survives a power cut), foreign keys
on, and every write transaction begins IMMEDIATE, so that two writers wait for each other at the
start instead of failing in the middle. Writers of one process wait in a line for that: SQLite knows
no line, its writers sleep and try again, and the unlucky ones starve while others come and go.

On PostgreSQL: a pool of connections that is small enough for many processes, and bounds on how long
the other side may be silent, so that a process or a server that was frozen, or whose machine lost
its power, holds up nobody for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from core.errors import ConfigError

_MIGRATIONS = Path(__file__).parent / "migrations"

_DRIVERS = ("sqlite+aiosqlite", "postgresql+psycopg")
_MEND = "write it like postgresql+psycopg://user:password@host/name"

T = TypeVar("T")

#: How long a SQLite writer waits for another, in milliseconds.
SQLITE_BUSY_MS = 20_000

#: Connections to PostgreSQL of one process: so many are kept, and so many more are made while all
#: are in use. A worker's loops use eight at once (four workers, two fetchers, the housekeeper, a
#: look at the counts), and ten writers keep a small server busy; more would wait in the server
#: instead of here. Nine processes (a web, four workers, two senders, two of Telegram) thus stay
#: below PostgreSQL's usual 100.
POOL_KEPT = 5
POOL_MORE = 5

#: How long to wait for one of them, in seconds; then the work fails and is tried again by whoever
#: gave it.
POOL_SECONDS = 10.0

#: PostgreSQL ends a transaction in which nobody has asked anything for so many seconds: its process
#: was frozen or is gone, and what it locked others need. It loses its lease in that time, too.
IDLE_SECONDS = 15

#: How soon a connection is given up whose other side is gone without a word: its making after
#: `connect_timeout`, an idle one after 10 + 3 * 5, a statement after `tcp_user_timeout` (in
#: milliseconds).
_SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Database:
    """Opens transactions. `write()` commits when its block ends well, else rolls back."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except Exception:
            raise ConfigError(f"NATIQ_DATABASE_URL is not a database address; {_MEND}") from None
        if parsed.drivername not in _DRIVERS:
            raise ConfigError(
                f"NATIQ_DATABASE_URL names {parsed.drivername}, which is not supported; {_MEND}"
            )
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        # A statement's parameters are messages and addresses: they stay out of error texts.
        options: dict[str, Any] = {"pool_pre_ping": not self.is_sqlite, "hide_parameters": True}
        if self.is_sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            # autocommit off in the driver; SQLAlchemy's own BEGIN is replaced below.
            options["connect_args"] = {"timeout": SQLITE_BUSY_MS / 1000}
        else:
            options |= {
                "pool_size": POOL_KEPT,
                "max_overflow": POOL_MORE,
                "pool_timeout": POOL_SECONDS,
                # What the address itself says goes first.
                "connect_args": {k: v for k, v in _SILENCE.items() if k not in parsed.query},
            }
        try:
            self.engine = create_async_engine(url, **options)
        except ImportError:
            raise ConfigError(
                "NATIQ_DATABASE_URL names PostgreSQL, whose driver is not installed; "
                "run make setup again"
            ) from None
        # SQLite's transactions always read one moment; PostgreSQL's do when asked to.
        reading = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self.engine.execution_options(**reading)
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine.sync_engine, "connect", _prepare_postgres)
        self._line = _Line() if self.is_sqlite else contextlib.nullcontext()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading: one consistent view, nothing is committed."""
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session whose block is one transaction. On SQLite the next begins when it ends, so
        there is none within another."""
        engine = self.engine.execution_options(natiq_write=True)
        async with (
            self._line,
            AsyncSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def migrate(self) -> None:
        """Bring the tables to the newest form. Safe when several processes start at once."""
        async with self.engine.execution_options(natiq_write=True).begin() as connection:
            await self._lock_for_migration(connection)
            await connection.run_sync(_upgrade)

    async def _lock_for_migration(self, connection: AsyncConnection) -> None:
        if not self.is_sqlite:
            # Held until the transaction ends; the number is "natiq" on a telephone keypad.
            await connection.execute(text("SELECT pg_advisory_xact_lock(62847)"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


class _Line:
    """One after another, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if self._holder is task:
            raise RuntimeError("a write transaction within another would wait for itself")
        await self._lock.acquire()
        self._holder = task

    async def __aexit__(self, *_error: object) -> None:
        self._holder = None
        self._lock.release()


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")


def newest_migration() -> str | None:
    """The version that `Database.migrate` brings the tables to."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an `alembic.ini`."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Keep the driver from opening transactions of its own; `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgres(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("natiq_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


async def retry_on_contention(attempt: Callable[[], Awaitable[T]], tries: int = 5) -> T:
    """Run `attempt()` again when the database says that writers collided or the link broke.

    Only for whole transactions that may safely run twice.
    """
    for number in range(tries):
        try:
            return await attempt()
        except DBAPIError as error:
            if number == tries - 1 or not _is_transient(error):
                raise
            await asyncio.sleep(0.05 * 2**number)
    raise AssertionError("unreachable")


def _is_transient(error: DBAPIError) -> bool:
    if error.connection_invalidated or _is_away(error):
        return True
    words = str(error.orig).lower()
    return any(sign in words for sign in ("database is locked", "deadlock", "could not serialize"))


def _is_away(error: DBAPIError) -> bool:
    """Whether PostgreSQL could not be reached, or is just going down or coming up (class 57P)."""
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", "no PostgreSQL")
    return state is None or state.startswith(("08", "57P"))
