"""Puts the parts of WhatsApp together, for the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter

from bot.channels.whatsapp.channel import WhatsAppChannel
from bot.channels.whatsapp.graph import Graph, Reader
from bot.channels.whatsapp.notice import reply_notice
from bot.channels.whatsapp.receive import Receiver
from bot.channels.whatsapp.webhook import WebhookDeps, create_whatsapp_router
from bot.sender import Notice
from core.catalogue import Catalogue
from core.clock import Clock
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.messages import Language
from core.queues.inbox import Inbox
from core.queues.receipts import Receipts
from core.wakeup import Wakeup


@dataclass(frozen=True, slots=True)
class WhatsApp:
    """The channel for the sender, the notice for late replies, and what the webhook needs."""

    channel: WhatsAppChannel
    notice: Notice
    webhook: WebhookDeps

    def router(self) -> APIRouter:
        """The webhook's routes, to be mounted at `/webhooks/whatsapp`."""
        return create_whatsapp_router(self.webhook)

    async def close(self) -> None:
        """Close the connections to Meta."""
        await self.channel.close()


def build_whatsapp(
    *,
    phone_id: str,
    token: str,
    app_secret: str,
    verify_token: str,
    api_url: str | None,
    template: str,
    ministry: Mapping[Language, str],
    db: Database,
    inbox: Inbox,
    contacts: Contacts,
    vault: Vault,
    wakeup: Wakeup,
    catalogue: Catalogue,
    clock: Clock,
) -> WhatsApp:
    """Connects nothing yet: the first call of Meta is the first message that is sent."""
    graph = Graph(phone_id, token, api_url)
    receiver = Receiver(
        phone_id,
        Reader(phone_id),
        db=db,
        inbox=inbox,
        receipts=Receipts(db, clock),
        contacts=contacts,
        wakeup=wakeup,
        vault=vault,
    )
    return WhatsApp(
        channel=WhatsAppChannel(graph, vault, lambda language: catalogue.label("choose", language)),
        notice=reply_notice(catalogue, template, ministry),
        webhook=WebhookDeps(receiver, app_secret, verify_token),
    )
