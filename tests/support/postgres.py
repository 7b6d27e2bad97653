"""A temporary PostgreSQL server for tests, and fresh databases in it.

`temporary_server` starts one from the binaries of this machine on a free port of 127.0.0.1, with
its files in a folder of its own, and stops it by its process id. PostgreSQL refuses to run as
root, so under root it runs as `postgres` (or `nobody`).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

USER = "natiq"
START_SECONDS = 60.0


class PostgresUnavailable(Exception):
    """There is no server and none can be started; the message says what is missing."""


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version first; None without one."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parts[-2]),
        reverse=True,
    )
    on_path = shutil.which("initdb")
    folders = [*found, *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _runner() -> pwd.struct_passwd | None:
    """Whom the server runs as; None for the present user."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("there is neither a user postgres nor nobody to run the server as")


@dataclass
class PostgresServer:
    """One server. It can be stopped and started again on the same port with the same data.

    `options` are words of its command line.
    """

    home: Path
    folder: Path
    port: int = field(default_factory=_free_port)
    options: tuple[str, ...] = ("-F",)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """An address such as postgresql+psycopg://natiq@127.0.0.1:5433/postgres."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make its files."""
        runner = _runner()
        if runner is not None:
            os.chown(self.home, runner.pw_uid, runner.pw_gid)
        # No sync: these data need not outlive the tests. Trust: 127.0.0.1 alone is listened to.
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            [self.folder / "initdb", "-D", self.home / "data", *options],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            **_as(runner),
        )
        if made.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {made.stderr.strip()[-500:]}")

    def start(self) -> None:
        """Start it on its port and wait until it answers."""
        log = self.home / "server.log"
        words = ["-p", str(self.port), "-k", str(self.home), "-c", "listen_addresses=127.0.0.1"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [self.folder / "postgres", "-D", self.home / "data", *words, *self.options],
                cwd=self.home,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_as(_runner()),
            )
        _wait_until_ready(self.process, self.port, log)

    def stop(self, how: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it by its process id: `fast` rolls back and closes connections, `immediate` breaks
        everything off as a crash would, so that the next start recovers."""
        server, self.process = self.process, None
        if server is None:
            return
        first = signal.SIGINT if how == "fast" else signal.SIGQUIT
        for sign in (first, signal.SIGQUIT, signal.SIGKILL):
            if server.poll() is not None:
                return
            server.send_signal(sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(10)


def _as(runner: pwd.struct_passwd | None) -> dict[str, Any]:
    if runner is None:
        return {}
    return {"user": runner.pw_uid, "group": runner.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def temporary_postgres(*options: str) -> Iterator[PostgresServer]:
    """Run a server that may be stopped and started again. Without `options` it does not sync, so
    what was committed may be lost by an immediate stop.

    Raises:
        PostgresUnavailable: no binaries here, or the server did not come up.
    """
    folder = binaries()
    if folder is None:
        raise PostgresUnavailable("no PostgreSQL binaries here (apt-get install postgresql)")
    home = Path(tempfile.mkdtemp(prefix="natiq-postgres-"))
    try:
        server = PostgresServer(home, folder, options=options or ("-F",))
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def temporary_server() -> Iterator[str]:
    """Run a server; yields an address such as postgresql+psycopg://natiq@127.0.0.1:5433/postgres.

    Raises:
        PostgresUnavailable: no binaries here, or the server did not come up.
    """
    with temporary_postgres() as server:
        yield server.url


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres").close()
            return
        time.sleep(0.1)
    raise PostgresUnavailable(f"the server did not come up: {log.read_text()[-500:]}")


@contextlib.contextmanager
def server_for_tests() -> Iterator[str]:
    """The server that the environment asks for.

    `NATIQ_TEST_POSTGRES_URL` names one whose user may create databases; else, with
    `NATIQ_TEST_POSTGRES` set, a temporary one is started.

    Raises:
        PostgresUnavailable: none is asked for, or it cannot be had.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise PostgresUnavailable("the package psycopg is not installed") from None
    url = os.environ.get("NATIQ_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    if not os.environ.get("NATIQ_TEST_POSTGRES"):
        raise PostgresUnavailable("run `make test-postgres`, or set NATIQ_TEST_POSTGRES_URL")
    with temporary_server() as address:
        yield address


@contextlib.contextmanager
def fresh_database(server: str, template: str | None = None) -> Iterator[str]:
    """A database of its own, dropped afterwards, connections to it included; yields its address.

    `template` is the address of a database to copy, to which nobody is connected.
    """
    import psycopg
    from psycopg import sql
    from sqlalchemy import make_url

    url = make_url(server)
    name = f"natiq_test_{secrets.token_hex(6)}"
    admin = url.set(drivername="postgresql").render_as_string(hide_password=False)
    source = (make_url(template).database if template else None) or "template0"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
