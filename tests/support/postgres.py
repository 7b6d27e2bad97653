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
from pathlib import Path
from typing import Any

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


@contextlib.contextmanager
def temporary_server() -> Iterator[str]:
    """Run a server; yields an address such as postgresql+psycopg://natiq@127.0.0.1:5433/postgres.

    Raises:
        PostgresUnavailable: no binaries here, or the server did not come up.
    """
    folder = binaries()
    if folder is None:
        raise PostgresUnavailable("no PostgreSQL binaries here (apt-get install postgresql)")
    runner = _runner()
    as_runner: dict[str, Any] = {}
    if runner is not None:
        as_runner = {"user": runner.pw_uid, "group": runner.pw_gid, "extra_groups": []}
    home = Path(tempfile.mkdtemp(prefix="natiq-postgres-"))
    try:
        if runner is not None:
            os.chown(home, runner.pw_uid, runner.pw_gid)
        data = home / "data"
        # No sync: these data need not outlive the tests. Trust: 127.0.0.1 alone is listened to.
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            [folder / "initdb", "-D", data, *options],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            **as_runner,
        )
        if made.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {made.stderr.strip()[-500:]}")
        port = _free_port()
        log = home / "server.log"
        options = ["-p", str(port), "-k", str(home), "-F", "-c", "listen_addresses=127.0.0.1"]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [folder / "postgres", "-D", data, *options],
                cwd=home,
                stdout=output,
                stderr=subprocess.STDOUT,
                **as_runner,
            )
        try:
            _wait_until_ready(server, port, log)
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        finally:
            _stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


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


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Shut down by its process id: SIGINT closes connections, then SIGQUIT if it lingers."""
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)


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
