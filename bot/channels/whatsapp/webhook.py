"""`GET` and `POST /webhooks/whatsapp`: Meta's handshake, and signed documents.

The signature is checked over the bytes as they came, because Meta signs its own spelling of the
JSON (with \\uXXXX for every letter that is not ASCII). Without a right signature nothing is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response

from bot.channels.whatsapp.receive import Receiver, count
from core import metrics
from core.logs import get_logger

log = get_logger(__name__)

#: Meta's documents are at most 3 MB
#: (https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview).
MAX_BODY = 3 * 1024 * 1024

#: So much of a longer one is still read and thrown away, in bytes: who writes until the connection
#: closes never reads that it was too long.
MAX_DRAINED = 6 * 1024 * 1024

#: How long a document may take to come in, in seconds.
MAX_SECONDS = 30.0

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class WebhookDeps:
    """What the routes need: who takes documents, and the two secrets shared with Meta."""

    receiver: Receiver
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)


def create_whatsapp_router(deps: WebhookDeps) -> APIRouter:
    """The two routes, to be mounted at `/webhooks/whatsapp`."""
    router = APIRouter()

    @router.get("")
    async def handshake(request: Request) -> Response:
        """Meta asks once whether the address is ours: 200 with the challenge, else 403."""
        query = request.query_params
        token, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
        right = hmac.compare_digest(token.encode(), deps.verify_token.encode())
        if not right or query.get("hub.mode") != "subscribe" or not challenge:
            count("handshake_refused")
            return PlainTextResponse("forbidden", 403)
        count("handshake")
        return PlainTextResponse(challenge, headers={"X-Content-Type-Options": "nosniff"})

    @router.post("")
    async def document(request: Request) -> Response:
        """200 when everything in the document is committed; 401 or 403 for a missing or wrong
        signature, 413 beyond 3 MB, 400 for what is no JSON, 503 when it could not be stored."""
        signature = _SIGNATURE.fullmatch(request.headers.get("x-hub-signature-256", ""))
        if signature is None:
            count("unsigned")
            return PlainTextResponse("unauthorized", 401)
        body = await _body(request)
        if isinstance(body, Response):
            return body
        expected = hmac.new(deps.app_secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature[1].lower(), expected):
            count("wrong_signature")
            return PlainTextResponse("forbidden", 403)
        try:
            payload = json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError):
            count("malformed")
            return PlainTextResponse("bad request", 400)
        try:
            with metrics.STAGES.labels("accept").time():
                await deps.receiver.take(payload)
        except Exception:
            # Meta gives it again, for seven days.
            count("not_stored")
            log.exception("a document of WhatsApp could not be stored")
            return PlainTextResponse("try again", 503)
        return PlainTextResponse("ok")

    return router


async def _body(request: Request) -> bytes | Response:
    """The body, or the answer to one that is too long, too slow or cut off."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= MAX_BODY:
                    parts.append(chunk)
                elif size > MAX_DRAINED:
                    break
    except (TimeoutError, ClientDisconnect):
        count("cut_off")
        return PlainTextResponse("bad request", 400)
    if size > MAX_BODY:
        count("too_large")
        return PlainTextResponse("too large", 413)
    return b"".join(parts)


def _refuse(_constant: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")
