"""Documents as Meta posts them: messages of every kind and statuses, signed over Meta's own
spelling of the JSON, in which every letter that is not ASCII is escaped."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from tests.support.graph_server import APP_SECRET, PHONE_ID

PERSON = "966500000001"
USER_ID = "SA.13491208655302741918"
PATH = "/webhooks/whatsapp"

_ids = itertools.count(1)


def spell(document: Any) -> bytes:
    """The bytes that Meta sends and signs: slashes too are escaped."""
    return json.dumps(document, ensure_ascii=True).replace("/", "\\/").encode()


def sign(body: bytes, secret: str = APP_SECRET) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def document(
    *,
    messages: Sequence[dict[str, Any]] = (),
    statuses: Sequence[dict[str, Any]] = (),
    contacts: Sequence[dict[str, Any]] | None = None,
    phone_id: str = PHONE_ID,
    field: str = "messages",
) -> dict[str, Any]:
    """A whole document with these items in one change."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "966500000000", "phone_number_id": phone_id},
    }
    if messages:
        value["contacts"] = list(contacts) if contacts is not None else [contact()]
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    change = {"value": value, "field": field}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [change]}],
    }


def contact(who: str | None = PERSON, user_id: str | None = None) -> dict[str, Any]:
    """A sender; without a phone number for those who hide it."""
    names: dict[str, Any] = {"profile": {"name": "ليلى"}}
    if who is not None:
        names["wa_id"] = who
    if user_id is not None:
        names["user_id"] = user_id
    return names


def new_id() -> str:
    """An id of a message that a person sent."""
    return f"wamid.inbound-{next(_ids)}"


def message(
    kind: str,
    content: Any,
    *,
    who: str | None = PERSON,
    user_id: str | None = None,
    at: datetime | None = None,
    id: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One message of a kind, with what Meta puts under that kind's name. Without `at` it has no
    time; whoever posts it may add one."""
    sender = {} if who is None else {"from": who}
    if user_id is not None:
        sender["from_user_id"] = user_id
    if at is not None:
        sender["timestamp"] = str(int(at.timestamp()))
    return {
        **sender,
        "id": id or new_id(),
        "type": kind,
        kind: content,
        **more,
    }


def text(words: str, **more: Any) -> dict[str, Any]:
    """A text."""
    return message("text", {"body": words}, **more)


def tap(choice: str, title: str = "زر", **more: Any) -> dict[str, Any]:
    """A tapped reply button."""
    reply = {"type": "button_reply", "button_reply": {"id": choice, "title": title}}
    return message("interactive", reply, **more)


def pick(choice: str, title: str = "صف", **more: Any) -> dict[str, Any]:
    """A row picked from a list."""
    reply = {"type": "list_reply", "list_reply": {"id": choice, "title": title}}
    return message("interactive", reply, **more)


def template_tap(choice: str, title: str = "قراءة الرد", **more: Any) -> dict[str, Any]:
    """A tapped button of a template."""
    return message("button", {"payload": choice, "text": title}, **more)


def file(kind: str, media_id: str, mime: str, **more: Any) -> dict[str, Any]:
    """A file: `caption`, `filename` and `voice` are the file's, the rest the message's."""
    inner = {key: more.pop(key) for key in ("caption", "filename", "voice") if key in more}
    return message(kind, {"id": media_id, "mime_type": mime, "sha256": "x" * 44, **inner}, **more)


def status(
    message_id: str, state: str, *, code: int | None = None, who: str = PERSON
) -> dict[str, Any]:
    """What became of a message that we sent."""
    said: dict[str, Any] = {
        "id": message_id,
        "status": state,
        "timestamp": "1749416383",
        "recipient_id": who,
    }
    if code is not None:
        said["errors"] = [{"code": code, "title": "no", "error_data": {"details": "no"}}]
    return said


async def post(
    origin: str, payload: Any, *, secret: str = APP_SECRET, signature: str | None = None
) -> httpx.Response:
    """Post a document (or bytes) to our webhook, signed."""
    body = payload if isinstance(payload, bytes) else spell(payload)
    headers = {"Content-Type": "application/json"}
    headers["X-Hub-Signature-256"] = sign(body, secret) if signature is None else signature
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(f"{origin}{PATH}", content=body, headers=headers)
