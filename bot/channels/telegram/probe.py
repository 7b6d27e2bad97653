"""What `natiq doctor` asks Telegram: is the token accepted, and does the webhook fit the mode?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.channels.telegram.client import BotClient
from bot.channels.telegram.webhook import PATH
from bot.checks import Check
from core.errors import ChannelError

TOKEN, RECEIVING, GROUPS = "telegram token", "telegram receiving", "telegram groups"

#: An error of a delivery that is older than this says nothing of today, in seconds.
_RECENT = 3600


async def probe(token: str, api_url: str | None, webhook_origin: str | None) -> list[Check]:
    """The checks. `webhook_origin` is where Telegram should deliver; None when Natiq polls."""
    client = BotClient(token, api_url)
    try:
        try:
            about = await client.about()
        except ChannelError as error:
            return [_unreachable(error)]
        checks = [Check(TOKEN, "ok", f"accepted; the bot is @{about.get('username', '')}")]
        try:
            checks.append(_receiving(await client.webhook_info(), webhook_origin))
        except ChannelError as error:
            checks.append(Check(RECEIVING, "wrong", f"Telegram did not say ({error.reason})"))
        return [*checks, _groups(about)]
    finally:
        await client.close()


def _unreachable(error: ChannelError) -> Check:
    if error.reason == "token_refused":
        return Check(
            TOKEN,
            "wrong",
            "Telegram refuses it",
            "Copy the token from @BotFather (/mybots, API Token) into NATIQ_TELEGRAM_TOKEN.",
        )
    return Check(
        TOKEN,
        "wrong",
        f"Telegram was not reached ({error.reason})",
        "Let this machine reach https://api.telegram.org, or mend NATIQ_TELEGRAM_API_URL.",
    )


def _receiving(info: dict[str, Any], origin: str | None) -> Check:
    url, waiting = str(info.get("url") or ""), int(info.get("pending_update_count") or 0)
    if origin is None:
        if url:
            return Check(
                RECEIVING,
                "note",
                "a webhook is set, although Natiq polls",
                "Natiq removes it at its start; if another program uses this bot, "
                "make a bot for each.",
            )
        return Check(RECEIVING, "ok", f"by polling; {waiting} updates wait")
    if url != origin + PATH:
        found = "no webhook is set" if not url else "the webhook is set to another address"
        return Check(RECEIVING, "missing", found, "Start Natiq: it sets the webhook.")
    failed = info.get("last_error_date")
    if failed is not None and _seconds_since(failed) < _RECENT:
        return Check(
            RECEIVING,
            "wrong",
            f"deliveries fail: {str(info.get('last_error_message') or 'no reason given')[:120]}; "
            f"{waiting} updates wait",
            "Let Telegram reach NATIQ_PUBLIC_URL from outside, on port 443, 80, 88 or 8443, "
            "with a certificate that it accepts.",
        )
    return Check(RECEIVING, "ok", f"by webhook; {waiting} updates wait")


def _seconds_since(given: Any) -> float:
    """The library may have made a time of the number of seconds."""
    at = given if isinstance(given, datetime) else datetime.fromtimestamp(float(given), UTC)
    return (datetime.now(UTC) - at).total_seconds()


def _groups(about: dict[str, Any]) -> Check:
    if about.get("can_read_all_group_messages"):
        return Check(
            GROUPS,
            "note",
            "privacy mode is off: Telegram gives the bot every message of its groups",
            "Turn it on: @BotFather, /setprivacy, Enable. Natiq needs none of those messages.",
        )
    return Check(GROUPS, "ok", "privacy mode is on: the bot sees only what is addressed to it")
