"""Reads what a browser sends: the session's token, a bounded JSON body, a message's fields.

Whatever is wrong becomes an `ApiError`, which `guarded` turns into the API's error form. Nothing
here quotes what a person wrote, neither in an answer nor in a log line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bot.channels.web.strings import error_sentences
from core.logs import get_logger
from core.messages import Language

log = get_logger(__name__)

#: Largest body that is read, in bytes.
MAX_BODY = 64 * 1024

#: How much of a larger one is read and thrown away, in bytes: a client that is still sending when
#: the connection closes never reads that its body was too large.
MAX_DRAINED = 4 * 1024 * 1024

#: How long a body may take to come in, in seconds.
BODY_SECONDS = 30.0

#: Longest value of a button (the inbox column's length).
MAX_CHOICE = 200

#: Most ids that one request may mark as delivered.
MAX_IDS = 500

#: Headers on every answer of the API.
API_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

#: 256 bits in base64url without padding, as `secrets.token_urlsafe(32)` writes them.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SURROGATES = re.compile("[\ud800-\udfff]")

_BIGGEST_ID = 2**63 - 1


class ApiError(Exception):
    """An answer other than success: status, a code for programs, a sentence in each language."""

    def __init__(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def response(self) -> Response:
        """The error as JSON: `{"error": {"code", "message": {"ar", "en"}}}`."""
        error = {"code": self.code, "message": error_sentences(self.code)}
        return JSONResponse({"error": error}, self.status, headers={**API_HEADERS, **self.headers})


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A citizen's message as it came, its fields checked. `id` is a lower-case UUID."""

    id: str
    text: str
    choice: str | None
    language: Language | None


Handler = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """Turn errors into the API's form. An unforeseen one is logged by type and place alone: an
    error of the database quotes its parameters, and those are what a person wrote."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ApiError as error:
            return error.response()
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.error("chat request failed", path=request.url.path, exc_info=True)
            return ApiError(503, "unavailable", {"Retry-After": "2"}).response()

    return answer


def session_address(request: Request) -> str:
    """The web address of the session: SHA-256 of its bearer token, as 64 hexadecimal digits.

    Raises:
        ApiError: 401, when there is no token or it is not one of ours in form.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise ApiError(401, "unauthorized", {"WWW-Authenticate": "Bearer"})
    return hashlib.sha256(token.encode("ascii")).hexdigest()


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object, never holding more than `MAX_BODY` bytes of it.

    Raises:
        ApiError: 415 not JSON by its type, 413 too large, 400 not a JSON object, 408 too slow.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupported_type")
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_DRAINED:
                    break
                if size <= MAX_BODY:
                    body += chunk
    except TimeoutError:
        raise ApiError(408, "too_slow", {"Connection": "close"}) from None
    if size > MAX_BODY:
        raise ApiError(413, "too_large", {"Connection": "close"})
    try:
        data = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError as well
        raise ApiError(400, "bad_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, "bad_json")
    return data


def new_message(data: dict[str, Any]) -> NewMessage:
    """The fields of a message to accept.

    Raises:
        ApiError: 400 `bad_field`, or `empty` when there is neither a visible text nor a choice.
    """
    given = data.get("id")
    identity = given.lower() if isinstance(given, str) else ""
    text, choice, language = data.get("text", ""), data.get("choice"), data.get("language")
    if (
        not _UUID.fullmatch(identity)
        or not isinstance(text, str)
        or not (choice is None or isinstance(choice, str))
        or language not in (None, "ar", "en")
    ):
        raise ApiError(400, "bad_field")
    text = _storable(text)
    if choice is not None:
        choice = _storable(choice)
        if not 0 < len(choice) <= MAX_CHOICE:
            raise ApiError(400, "bad_field")
    elif not text.strip():
        raise ApiError(400, "empty")
    return NewMessage(identity, text, choice, language)


def delivered_ids(data: dict[str, Any]) -> list[int]:
    """The outbox ids that a page says it has shown.

    Raises:
        ApiError: 400 `bad_field`.
    """
    ids = data.get("ids")
    if not isinstance(ids, list) or len(ids) > MAX_IDS:
        raise ApiError(400, "bad_field")
    if not all(type(one) is int and 0 < one <= _BIGGEST_ID for one in ids):
        raise ApiError(400, "bad_field")
    return ids


def cursor_of(request: Request) -> int:
    """The outbox id after which to go on: `Last-Event-ID`, else `?after=`, else 0.

    Raises:
        ApiError: 400 `bad_field`, when it is not a whole number.
    """
    given = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not (given.isascii() and given.isdecimal() and int(given[:20]) <= _BIGGEST_ID):
        raise ApiError(400, "bad_field")
    return int(given[:20])


def _storable(text: str) -> str:
    """Without NUL and lone surrogates, which cannot be stored as UTF-8."""
    return _SURROGATES.sub("", text.replace("\x00", ""))
