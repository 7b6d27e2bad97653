"""A Graph API server for load, in a process of its own: takes messages, after a delay that stands
for Meta's, and notes when each arrived and for whom.

    python -m bot.bench.graph PORT SECONDS PHONE_ID TOKEN

`GET /taken?after=N` lists what was taken from number N on: `[time, recipient, id]`, the times by
`time.monotonic`, which all processes of one machine share.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import time
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.types import Receive, Scope, Send

#: How often it looks whether whoever started it is still there, in seconds.
_LOOK = 2.0


class GraphServer:
    """An ASGI application: one WhatsApp number at Meta."""

    def __init__(self, phone_id: str, token: str, seconds: float) -> None:
        self._phone_id = phone_id
        self._token = token
        self._seconds = seconds
        self._taken: list[tuple[float, str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        arrived = time.monotonic()
        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        status, answer = await self._answer(scope, body, arrived)
        content = json.dumps(answer).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, body: bytes, arrived: float) -> tuple[int, Any]:
        path, method = scope["path"], scope["method"]
        if method == "GET" and path == "/readyz":
            return 200, {"status": "ok"}
        if method == "GET" and path == "/taken":
            after = int(parse_qs(scope["query_string"].decode())["after"][0])
            return 200, self._taken[after:]
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if given != f"Bearer {self._token}":
            return 401, _error(190, "Invalid OAuth access token.")
        if method != "POST" or path.strip("/").split("/")[1:] != [self._phone_id, "messages"]:
            return 400, _error(100, "Unsupported request")
        try:
            message = json.loads(body)
            who = message["to"]
            whole = message["messaging_product"] == "whatsapp" and message[message["type"]]
        except (ValueError, KeyError, TypeError):
            whole = None
        if not whole or not isinstance(who, str):
            return 400, _error(131008, "Required parameter is missing")
        raw = who.encode() + len(self._taken).to_bytes(8, "big")
        message_id = "wamid." + base64.b64encode(raw).decode()
        self._taken.append((arrived, who, message_id))
        await asyncio.sleep(self._seconds)
        return 200, {
            "messaging_product": "whatsapp",
            "contacts": [{"input": who, "wa_id": who}],
            "messages": [{"id": message_id}],
        }


def _error(code: int, details: str) -> dict[str, Any]:
    kind = {"type": "OAuthException", "code": code, "fbtrace_id": "bench"}
    return {"error": {"message": f"(#{code}) {details}", **kind}}


async def _leave_with(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells a process that it is an orphan
        await asyncio.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


async def _serve(port: int, server: GraphServer) -> None:
    watching = asyncio.create_task(_leave_with(os.getppid()))
    config = uvicorn.Config(
        server,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    await uvicorn.Server(config).serve()
    watching.cancel()


if __name__ == "__main__":
    _port, _seconds, _phone_id, _token = sys.argv[1:]
    asyncio.run(_serve(int(_port), GraphServer(_phone_id, _token, float(_seconds))))
