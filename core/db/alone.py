"""Work that one process alone may do, while others stand by to take it over.

On PostgreSQL by a lock of the database session, which ends with its connection: when the process
dies, and whoever is next has it at its next look. On SQLite, the embedded database, there is one
process, and nothing to agree upon.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.engine import Database
from core.logs import get_logger

log = get_logger(__name__)

#: How often those who stand by try, and whoever has the lock makes sure of it, in seconds. For so
#: long at most nobody works after a death, or two work after a broken connection.
LOOK = 2.0


class Alone:
    """Runs work in one process at a time. A pooler that exchanges sessions between transactions
    (PgBouncer's transaction mode) would break the lock."""

    def __init__(self, db: Database, name: str, look: float = LOOK) -> None:
        self._db = db
        self._name = name
        self._look = look

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the turn, then work until it is over, or begin to wait again when the turn is
        lost. Returns when the work does; its errors are raised."""
        if self._db.is_sqlite:
            await work()
            return
        waiting = False
        while True:
            try:
                engine = self._db.engine.execution_options(isolation_level="AUTOCOMMIT")
                async with engine.connect() as connection:
                    if await self._take(connection):
                        waiting = False
                        log.info("this process has the turn", part=self._name)
                        if await self._work(connection, work):
                            return
                    elif not waiting:
                        waiting = True
                        log.info("another process has the turn", part=self._name)
            except _WorkError as error:
                raise error.reason from None
            except Exception as error:  # the database: it comes back
                log.warning("the turn is unknown", part=self._name, reason=type(error).__name__)
            await asyncio.sleep(self._look)

    async def _take(self, connection: AsyncConnection) -> bool:
        found = await connection.scalar(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _number(self._name)}
        )
        return bool(found)

    async def _work(self, connection: AsyncConnection, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether the work came to its end."""
        working = asyncio.ensure_future(work())
        try:
            while not working.done():
                await asyncio.wait({working}, timeout=self._look)
                await connection.execute(text("SELECT 1"))  # the lock lives as long as this does
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            # The pool would keep the connection, and the lock with it.
            await connection.invalidate()
        if (error := working.exception()) is not None:
            raise _WorkError(error)
        return True


class _WorkError(Exception):
    """Not the database's error: the work's own."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


def _number(name: str) -> int:
    """A signed number of 64 bits, which is what the lock takes."""
    digest = hashlib.sha256(f"natiq/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
