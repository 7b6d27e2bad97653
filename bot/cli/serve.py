"""`natiq serve ROLE`: one role in a process of its own, as many processes as are needed.

They share a PostgreSQL database, and Redis, without which each finds its work by looking.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import command, run_async, say, settings_and_logs
from bot.cli.run import channels_of
from bot.cli.serving import serve_http, shown_host
from bot.root import ROLES, Role, Root, build_app
from bot.web.app import create_web
from bot.web.ops import create_ops
from core.errors import ConfigError, InputError
from core.memory import give_back, limit_arenas
from core.settings import Settings


@command
def serve(
    role: Annotated[str, typer.Argument(help="web, worker, sender or telegram.")],
    host: Annotated[
        str | None, typer.Option(help="Instead of NATIQ_HOST; for health checks and metrics too.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Instead of NATIQ_PORT; 0 takes a free one."),
    ] = None,
) -> None:
    """Start one role: web (chat, desk, webhooks), worker (answers), sender, or telegram (polling).
    Every one answers /healthz, /readyz and /metrics. Ctrl+C or SIGTERM ends it in good order."""
    known: dict[str, Role] = {name: name for name in ROLES}
    if role not in known:
        raise InputError(f"There is no role {role!r}; choose one of: {', '.join(sorted(known))}.")
    limit_arenas()
    given: dict[str, Any] = {"host": host, "port": port}
    settings = settings_and_logs(**{k: v for k, v in given.items() if v is not None})
    check(settings, known[role])
    run_async(_serve(settings, known[role]))


def check(settings: Settings, role: Role) -> None:
    """Refuse what cannot work, warn of what works badly.

    Raises:
        ConfigError: says what to set.
    """
    if not settings.resolved_database_url().startswith("postgresql"):
        raise ConfigError(
            "natiq serve runs one role of several, which share a PostgreSQL database: set "
            "NATIQ_DATABASE_URL (or NATIQ_DATABASE_URL_FILE) to an address such as "
            "postgresql+psycopg://user:password@host/natiq. On SQLite use: natiq run"
        )
    if settings.redis_url is None:
        say(
            "NATIQ_REDIS_URL is not set: messages wait up to a second for each process on its "
            "way, and each sender keeps a pace by itself alone. Set it when there are several."
        )
    if role == "telegram" and settings.telegram_token is None:
        raise ConfigError(
            "The role telegram has nothing to do without NATIQ_TELEGRAM_TOKEN: set it, or leave "
            "the role out."
        )


async def _serve(settings: Settings, role: Role) -> None:
    root = build_app(settings, roles={role}, progress=say)
    give_back()
    await root.start()
    try:
        if role == "web" and not await root.staff.count():
            say(
                "Nobody can log in at the desk yet. Add somebody: natiq staff add NAME --role admin"
            )
        app = create_web(root) if role == "web" else create_ops(root)
        await serve_http(root, app, _announce)
    finally:
        await root.stop()


def _announce(root: Root, port: int) -> None:
    [role] = root.roles
    say(f"{role}: http://{shown_host(root.settings.host)}:{port}")
    if role == "web":
        for line in channels_of(root):
            say(line)
