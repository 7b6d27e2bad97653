"""Serves an application over HTTP until the process is told to stop, then drains."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from bot.root import Root
from core.errors import NatiqError
from core.logs import get_logger

log = get_logger(__name__)

#: How long requests that are under way may still take after the signal, in seconds.
FINISH = 3

#: How often it looks whether all loops still run, in seconds.
_LOOK = 1.0


class LoopEndedError(NatiqError):
    """A part of the process is gone, and will not come back but with a new process."""

    def __init__(self, loops: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(loops)} ended with an error that nobody foresaw (see the log), so this "
            "process ends, to be begun anew. Nothing accepted is lost."
        )


async def serve_http(root: Root, app: FastAPI, announce: Callable[[Root, int], None]) -> None:
    """Returns after SIGTERM or SIGINT, when what was under way is answered. `announce` is told the
    port once it is open.

    Raises:
        LoopEndedError: one of the process' loops ended, which none should; so does the process.
    """
    settings = root.settings
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies or None,
        proxy_headers=bool(settings.trusted_proxies),
        timeout_graceful_shutdown=FINISH,
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal once more when it has stopped serving, which would end the process
    # before the loops have put down what is in their hands.
    signal.signal(signal.SIGTERM, _go_on)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells by a flag
        await asyncio.sleep(0.02)
    if server.started:
        port = server.servers[0].sockets[0].getsockname()[1]
        announce(root, port)
        log.info("started", port=port, role=",".join(sorted(root.roles)))
    while not serving.done():
        await asyncio.wait({serving}, timeout=_LOOK)
        if root.broken:
            server.should_exit = True
    await serving
    if root.broken:
        raise LoopEndedError(root.broken)


def _go_on(_signal: int, _frame: object) -> None:
    return None


def shown_host(host: str) -> str:
    """A host that can be opened in a browser."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only shown
