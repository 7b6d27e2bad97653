"""Telegram as one part of the system: made when its token is set, and only then imported."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.client import BotClient
from bot.channels.telegram.identity import Me
from bot.channels.telegram.polling import Commands, Poller, WebhookKeeper
from bot.channels.telegram.receiver import Receiver
from bot.channels.telegram.webhook import PATH
from bot.commands import SLASH
from core.catalogue import LANGUAGES, Catalogue
from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.errors import ConfigError
from core.queues.inbox import Inbox

#: What @BotFather gives: the bot's id, a colon, a secret.
TOKEN_FORM = re.compile(r"(\d{1,15}):[A-Za-z0-9_-]+")

#: What Telegram takes as a secret token (https://core.telegram.org/bots/api#setwebhook).
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Telegram delivers (an origin), and the secret by which it is known."""

    origin: str
    secret: str


@dataclass(slots=True)
class Telegram:
    """Everything of the channel. `webhook` is None when it polls."""

    me: Me
    client: BotClient
    channel: TelegramChannel
    receiver: Receiver
    loop: Poller | WebhookKeeper
    webhook: Webhook | None

    async def run(self) -> None:
        """Receive by polling for ever, or set the webhook."""
        await self.loop.run()

    async def close(self) -> None:
        """Close the connections."""
        await self.receiver.close()
        await self.client.close()


def build_telegram(
    *,
    token: str,
    api_url: str | None,
    webhook: Webhook | None,
    db: Database,
    inbox: Inbox,
    contacts: Contacts,
    vault: Vault,
    catalogue: Catalogue,
    clock: Clock = utc_now,
) -> Telegram:
    """Wire the channel. Nothing is asked of Telegram yet.

    Raises:
        ConfigError: the token or the webhook's secret is not of Telegram's form.
    """
    form = TOKEN_FORM.fullmatch(token)
    if form is None:
        raise ConfigError(
            "NATIQ_TELEGRAM_TOKEN is not a bot's token; @BotFather shows it, like 123456:ABC-DEF"
        )
    if webhook is not None and not _SECRET.fullmatch(webhook.secret):
        raise ConfigError(
            "NATIQ_TELEGRAM_WEBHOOK_SECRET takes 1 to 256 letters (A-Z, a-z), digits, _ and -"
        )
    me = Me(int(form[1]))
    client = BotClient(token, api_url)
    receiver = Receiver(db, inbox, contacts, vault, me, client.answer_tap, clock)
    channel = TelegramChannel(client, me, db, contacts)
    commands: Commands = {
        language: {name: catalogue.label(f"command_{name}", language) for name in SLASH}
        for language in LANGUAGES
    }
    loop: Poller | WebhookKeeper
    if webhook is None:
        loop = Poller(client, me, commands, receiver)
    else:
        loop = WebhookKeeper(client, me, commands, webhook.origin + PATH, webhook.secret)
    return Telegram(me, client, channel, receiver, loop, webhook)
