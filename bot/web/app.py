"""The web application: chat, desk, health and metrics. The one place where bot and desk meet."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response

from actions.redelivery import Redelivery
from bot.channels.telegram.webhook import PATH as TELEGRAM_WEBHOOK
from bot.channels.telegram.webhook import create_telegram_router
from bot.channels.web.api import ChatDeps, create_chat_router
from bot.root import Root
from bot.web.admission import Admission, gates
from bot.web.ops import create_ops_router
from core.messages import Language
from desk.app import create_desk
from desk.deps import DeskDeps

__all__ = ["TELEGRAM_WEBHOOK", "WHATSAPP_WEBHOOK", "create_web"]

WHATSAPP_WEBHOOK = "/webhooks/whatsapp"


def create_web(root: Root) -> FastAPI:
    """Everything that is reached over HTTP."""
    settings = root.settings
    assert root.shared is not None  # noqa: S101 - made with the root
    web = FastAPI(title="Natiq", docs_url=None, redoc_url=None, openapi_url=None)
    web.add_middleware(Admission, gates=gates())
    web.include_router(
        create_chat_router(
            ChatDeps(
                db=root.db,
                inbox=root.inbox,
                outbox=root.outbox,
                contacts=root.contacts,
                wakeup=root.wakeup,
                vault=root.vault,
                frame_ancestors=settings.frame_ancestors,
                sample=settings.sample,
                names=root.names.ministry,
                buckets=root.shared.buckets,
            )
        ),
        prefix="/chat",
    )
    telegram = root.telegram
    if telegram is not None and telegram.webhook is not None:
        web.include_router(create_telegram_router(telegram.receiver, telegram.webhook.secret))
    if root.whatsapp is not None:
        web.include_router(root.whatsapp.router(), prefix=WHATSAPP_WEBHOOK)
    public = settings.public_url or ""
    web.mount(
        "/desk",
        create_desk(
            DeskDeps(
                db=root.db,
                tickets=root.tickets,
                redelivery=Redelivery(root.db, root.outbox, root.wakeup),
                staff=root.staff,
                wakeup=root.wakeup,
                secret_key=root.secret_key,
                zone=settings.zone,
                secure_cookies=public.startswith("https://"),
                sample=settings.sample,
                ministry=root.names.ministry,
                origins=(public,) if public else (),
                attachments=root.attachments,
                departments=lambda: _departments(root),
            )
        ),
    )

    web.include_router(create_ops_router(root))

    @web.get("/")
    async def home() -> Response:
        return RedirectResponse("/chat")

    return web


def _departments(root: Root) -> dict[str, dict[Language, str]]:
    """Titles by owner id, as the knowledge base in service has them. A department is called by the
    topics that it answers for."""
    titles: dict[str, dict[Language, str]] = {}
    knowledge = root.knowledge
    for topic in knowledge.topics if knowledge is not None else ():
        known = titles.setdefault(topic.owner, {})
        for language, title in topic.title.items():
            known[language] = f"{known[language]} / {title}" if language in known else title
    return titles
