"""The web application: chat, desk, health and metrics. The one place where bot and desk meet."""

from __future__ import annotations

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.responses import JSONResponse, RedirectResponse, Response

from actions.redelivery import Redelivery
from bot.channels.telegram.webhook import create_telegram_router
from bot.channels.web.api import ChatDeps, create_chat_router
from bot.root import Root
from core.messages import Language
from core.metrics import WAITING
from desk.app import create_desk
from desk.deps import DeskDeps


def create_web(root: Root) -> FastAPI:
    """Everything that is reached over HTTP."""
    settings = root.settings
    web = FastAPI(title="Natiq", docs_url=None, redoc_url=None, openapi_url=None)
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
            )
        ),
        prefix="/chat",
    )
    telegram = root.telegram
    if telegram is not None and telegram.webhook is not None:
        web.include_router(create_telegram_router(telegram.receiver, telegram.webhook.secret))
    if root.whatsapp is not None:
        web.include_router(root.whatsapp.router(), prefix="/webhooks/whatsapp")
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

    @web.get("/")
    async def home() -> Response:
        return RedirectResponse("/chat")

    @web.get("/healthz")
    async def healthz() -> Response:
        """The process is alive."""
        return JSONResponse({"status": "ok"})

    @web.get("/readyz")
    async def readyz() -> Response:
        """The database answers and the knowledge base is loaded."""
        try:
            async with root.db.read() as session:
                await session.execute(text("SELECT 1"))
        except Exception as error:
            return JSONResponse({"status": "no database", "error": type(error).__name__}, 503)
        return JSONResponse({"status": "ok", "entries": len(root.faq.index.entries)})

    @web.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus: counts and times, nothing personal."""
        WAITING.labels("inbox").set(await root.inbox.waiting())
        WAITING.labels("outbox").set(await root.outbox.waiting())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return web


def _departments(root: Root) -> dict[str, dict[Language, str]]:
    """Titles by owner id, as the knowledge base in service has them. A department is called by the
    topics that it answers for."""
    titles: dict[str, dict[Language, str]] = {}
    for topic in root.faq.knowledge.topics:
        known = titles.setdefault(topic.owner, {})
        for language, title in topic.title.items():
            known[language] = f"{known[language]} / {title}" if language in known else title
    return titles
