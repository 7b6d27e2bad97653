"""A small HTTP/1.1 server whose answers may be late, half or missing, as in the real world.

An ASGI server always answers; here a handler may also have the connection dropped or cut short.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class HttpRequest:
    """A request, read in full. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def form(self) -> dict[str, Any]:
        """The parameters: of the address, and of a JSON or a url-encoded body."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("application/json") and self.body:
            return {**self.query, **json.loads(self.body)}
        return {**self.query, **dict(parse_qsl(self.body.decode(), keep_blank_values=True))}


@dataclass(frozen=True)
class HttpAnswer:
    """An answer. With `cut`, only so many bytes of the body go out before the connection ends."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    cut: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


#: None drops the connection without an answer.
HttpHandler = Callable[[HttpRequest], Awaitable[HttpAnswer | None]]


def json_answer(value: Any, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(value, ensure_ascii=False).encode())


class HttpServer:
    """Serves on a free port of this machine, in the running event loop."""

    def __init__(self, handler: HttpHandler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.origin = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        request = await _read(reader)
        answer = await self._handler(request)
        if answer is None:
            writer.transport.abort()
            return False
        head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        headers = {
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(head.encode() + b"\r\n" + answer.body[: answer.cut])
        await writer.drain()
        return answer.cut is None


async def _read(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0") or 0))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method, unquote(parts.path), query, headers, body)
