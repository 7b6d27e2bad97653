"""What `natiq doctor` asks Meta, and what it asks our own webhook in Meta's stead."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

import httpx

from bot.channels.whatsapp.graph import Graph
from bot.checks import Check, masked
from core.errors import ChannelError

PATH = "/webhooks/whatsapp"

TOKEN, SECRET, TEMPLATE, WEBHOOK = (
    "whatsapp token",
    "whatsapp app secret",
    "whatsapp template",
    "whatsapp webhook",
)

LANGUAGES = ("ar", "en")

#: Meta's app secrets look like this.
_APP_SECRET = re.compile(r"[0-9a-f]{32}")

#: Seconds for an answer of our own webhook.
_PATIENCE = 10.0


async def probe_meta(
    phone_id: str, token: str, api_url: str | None, business_id: str | None, template: str
) -> list[Check]:
    """Is the token good for the number, and is the template of late replies approved?"""
    graph = Graph(phone_id, token, api_url)
    try:
        try:
            about = await graph.phone()
        except ChannelError as error:
            return [_refused(error)]
        name = str(about.get("verified_name") or "without a name")
        number = masked(str(about.get("display_phone_number") or ""))
        rating = str(about.get("quality_rating") or "unknown")
        checks = [Check(TOKEN, "ok", f"accepted for {name}, {number}; quality {rating}")]
        return [*checks, await _template(graph, business_id, template)]
    finally:
        await graph.close()


def check_app_secret(app_secret: str) -> Check:
    """A wrong one cannot be told from a right one before Meta signs something with it."""
    if _APP_SECRET.fullmatch(app_secret):
        return Check(SECRET, "ok", "well-formed; whether it is right shows at the first message")
    return Check(
        SECRET,
        "wrong",
        "not 32 digits of 0-9 and a-f",
        "Copy the App Secret from developers.facebook.com (the app, App settings, Basic) into "
        "NATIQ_WHATSAPP_APP_SECRET.",
    )


async def probe_webhook(public_url: str, verify_token: str) -> Check:
    """Does our webhook answer Meta's handshake from where this runs?"""
    challenge = secrets.token_hex(8)
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": verify_token,
        "hub.challenge": challenge,
    }
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            answer = await client.get(public_url + PATH, params=query)
    except httpx.HTTPError as error:
        return Check(
            WEBHOOK,
            "wrong",
            f"not reached ({type(error).__name__})",
            f"Start Natiq, and let the proxy at NATIQ_PUBLIC_URL pass {PATH} on to it.",
        )
    if answer.status_code == httpx.codes.OK and answer.text == challenge:
        return Check(WEBHOOK, "ok", "answers Meta's handshake")
    if answer.status_code == httpx.codes.FORBIDDEN:
        return Check(
            WEBHOOK,
            "wrong",
            "refuses our verify token (403)",
            "Restart Natiq: it runs with another NATIQ_WHATSAPP_VERIFY_TOKEN.",
        )
    return Check(
        WEBHOOK,
        "wrong",
        f"answers {answer.status_code}, not the handshake",
        f"Let the proxy at NATIQ_PUBLIC_URL pass {PATH} on to Natiq, unchanged.",
    )


def _refused(error: ChannelError) -> Check:
    if error.reason.startswith("meta_"):
        return Check(
            TOKEN,
            "wrong",
            f"Meta refuses it ({error.reason})",
            "Make a permanent token of a system user who may use this number "
            "(whatsapp_business_messaging, whatsapp_business_management), and take "
            "NATIQ_WHATSAPP_PHONE_ID from the app's WhatsApp page.",
        )
    return Check(
        TOKEN,
        "wrong",
        f"Meta was not reached ({error.reason})",
        "Let this machine reach https://graph.facebook.com, or mend NATIQ_WHATSAPP_API_URL.",
    )


async def _template(graph: Graph, business_id: str | None, template: str) -> Check:
    if business_id is None:
        return Check(
            TEMPLATE,
            "missing",
            "not looked at: NATIQ_WHATSAPP_BUSINESS_ID is not set",
            "Set it to the WhatsApp Business Account's id, from the app's WhatsApp page.",
        )
    try:
        answer = await graph.get(
            f"/{business_id}/message_templates",
            fields="name,language,status",
            name=template,
            limit="100",
        )
    except ChannelError as error:
        return Check(
            TEMPLATE,
            "wrong",
            f"Meta does not show the templates ({error.reason})",
            "Check NATIQ_WHATSAPP_BUSINESS_ID, and that the token may "
            "whatsapp_business_management.",
        )
    rows = answer.get("data")
    states = {
        str(row.get("language")): str(row.get("status"))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("name") == template
    }
    return _approved(template, states)


def _approved(template: str, states: dict[str, str]) -> Check:
    lacking = [language for language in LANGUAGES if states.get(language) != "APPROVED"]
    if not lacking:
        return Check(TEMPLATE, "ok", f"{template} is approved in {_joined(LANGUAGES)}")
    found = ", ".join(f"{one}: {states.get(one, 'not there').lower()}" for one in lacking)
    return Check(
        TEMPLATE,
        "missing",
        f"{template} is not approved everywhere ({found})",
        f"Create it in the WhatsApp Manager in {_joined(lacking)}, with the text in "
        "README.md, and wait until Meta has approved it.",
    )


def _joined(languages: Iterable[str]) -> str:
    return " and ".join(languages)
