"""What those who run Natiq ask each process: whether it lives, whether it is ready, its counts."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from bot.root import Root
from core.metrics import WAITING


def create_ops(root: Root) -> FastAPI:
    """An application of these alone, for the roles that serve nothing else."""
    app = FastAPI(title="Natiq", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(create_ops_router(root))
    return app


def create_ops_router(root: Root) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        """The process is alive, and so are its loops: one that ended does not come back."""
        if root.broken:
            return JSONResponse({"status": "a loop ended", "loops": root.broken}, 503)
        return JSONResponse({"status": "ok", "roles": sorted(root.roles)})

    @router.get("/readyz")
    async def readyz() -> Response:
        """The database answers, the knowledge base is loaded, the loops run."""
        if root.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if root.broken:
            return JSONResponse({"status": "a loop ended", "loops": root.broken}, 503)
        try:
            async with root.db.read() as session:
                await session.execute(text("SELECT 1"))
        except Exception as error:
            return JSONResponse({"status": "no database", "error": type(error).__name__}, 503)
        ready: dict[str, object] = {"status": "ok", "roles": sorted(root.roles)}
        knowledge = root.knowledge
        if knowledge is not None:
            ready["entries"] = len(root.faq.index.entries if root.mind else knowledge.entries)
        return JSONResponse(ready)

    @router.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus: counts and times, nothing personal."""
        WAITING.labels("inbox").set(await root.inbox.waiting())
        WAITING.labels("outbox").set(await root.outbox.waiting())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
