"""`POST /webhooks/telegram`: Telegram gives an update; 200 says that it is committed.

Whoever does not know the secret token is refused before anything of the body is read. Whatever
Telegram may send is answered without a 5xx, which would make it repeat the same for hours; only a
failing database is answered with 503, so that it does repeat.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bot.channels.telegram.identity import TELEGRAM, NotStoredError
from bot.channels.telegram.receiver import Receiver
from core.logs import get_logger
from core.metrics import UPDATES

log = get_logger(__name__)

PATH = "/webhooks/telegram"

#: Largest body that is taken, in bytes.
MAX_BODY = 3 * 1024 * 1024

#: How much of a larger one is read and thrown away: a client that is still sending when the
#: connection closes never reads the answer.
_MAX_DRAINED = 8 * 1024 * 1024

#: How long a body may take to come in, in seconds.
_BODY_SECONDS = 30.0

_SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header


class _RefusedError(Exception):
    def __init__(self, status: int, result: str) -> None:
        super().__init__(result)
        self.status = status
        self.result = result


def create_telegram_router(receiver: Receiver, secret: str) -> APIRouter:
    """The route, to be included in the app."""
    router = APIRouter()

    @router.post(PATH, response_model=None)
    async def update(request: Request) -> Response:
        given = request.headers.get(_SECRET, "")
        try:
            if not hmac.compare_digest(given.encode("utf-8"), secret.encode("utf-8")):
                raise _RefusedError(403, "wrong secret")
            await receiver.take(await _body(request))
        except _RefusedError as refused:
            UPDATES.labels(TELEGRAM, refused.result).inc()
            log.warning("webhook refused", channel=TELEGRAM, reason=refused.result)
            return Response(status_code=refused.status)
        except NotStoredError as error:
            log.error("update not stored", channel=TELEGRAM, reason=str(error))
            return Response(status_code=503, headers={"Retry-After": "5"})
        except ClientDisconnect:
            return Response(status_code=400)
        return Response()

    return router


async def _body(request: Request) -> dict[str, Any]:
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > _MAX_DRAINED:
                    break
                if size <= MAX_BODY:
                    body += chunk
    except TimeoutError:
        raise _RefusedError(408, "too slow") from None
    if size > MAX_BODY:
        raise _RefusedError(413, "too large")
    try:
        update = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError as well
        raise _RefusedError(400, "malformed") from None
    if not isinstance(update, dict) or type(update.get("update_id")) is not int:
        raise _RefusedError(400, "malformed")
    return update
