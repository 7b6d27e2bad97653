"""`natiq health`: whether the process on this machine's port is ready; for containers."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer

from bot.cli.common import command, fail, say, settings_and_logs

#: Longest wait for the answer, in seconds.
_PATIENCE = 4.0

#: Bytes of an answer that are read: ours are far shorter.
_MOST = 65_536


@command
def health(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Instead of NATIQ_PORT.")
    ] = None,
) -> None:
    """Ask the Natiq process on this machine's port whether it is ready. Exit 0 when it is, 1 when
    it is not or does not answer."""
    settings = settings_and_logs("error")
    asked = port if port is not None else settings.port
    host = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    connection = HTTPConnection(host, asked, timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        status = str(json.loads(answer.read(_MOST))["status"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        fail(f"no answer on port {asked} ({type(error).__name__})", 1)
    finally:
        connection.close()
    if answer.status != 200:
        fail(status, 1)
    say(status)
