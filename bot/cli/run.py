"""`natiq run`: every role in one process, on the embedded database."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from bot.cli.common import command, run_async, say, settings_and_logs
from bot.cli.serving import serve_http, shown_host
from bot.root import Root, build_app
from bot.web.app import TELEGRAM_WEBHOOK, WHATSAPP_WEBHOOK, create_web
from core.memory import give_back, limit_arenas
from core.settings import Settings

#: Name of the member of staff that the sample's first run makes.
FIRST_STAFF = "admin"


@command
def run() -> None:
    """Start chat, desk, worker and sender. Ctrl+C ends; nothing accepted is lost."""
    limit_arenas()
    run_async(_run(settings_and_logs()))


async def _run(settings: Settings) -> None:
    root = build_app(settings, progress=say)
    give_back()
    await root.start()
    try:
        await _first_staff(root)
        await serve_http(root, create_web(root), _announce)
    finally:
        await root.stop()


def _announce(root: Root, port: int) -> None:
    settings = root.settings
    origin = settings.public_url or f"http://{shown_host(settings.host)}:{port}"
    if settings.sample:
        say("Sample ministry (fictional): nothing it says is official information.")
    say(f"Chat: {origin}/chat")
    say(f"Desk: {origin}/desk")
    for line in channels_of(root):
        say(line)


def channels_of(root: Root) -> list[str]:
    """What the operator wants to know of each platform: whether it is on, and what it is to be
    told."""
    public = root.settings.public_url or "https://<your address>"
    if root.telegram is None:
        telegram = "off (set NATIQ_TELEGRAM_TOKEN)"
    elif root.telegram.webhook is None:
        telegram = "on, by polling"
    else:
        telegram = f"on, by webhook at {public}{TELEGRAM_WEBHOOK}"
    if root.whatsapp is None:
        whatsapp = "off (set NATIQ_WHATSAPP_TOKEN and its companions)"
    else:
        whatsapp = f"on; tell Meta the webhook {public}{WHATSAPP_WEBHOOK}"
    return [f"Telegram: {telegram}", f"WhatsApp: {whatsapp}"]


async def _first_staff(root: Root) -> None:
    """On the sample's first run somebody must be able to log in: a one-time password, shown on a
    terminal, else written to a file that only its owner can read.

    It is shown before it is stored: whoever is killed in between gets another at the next start,
    and not an account that nobody can open.
    """
    if not root.settings.sample or await root.staff.count():
        return
    password = secrets.token_urlsafe(12)
    if sys.stderr.isatty():
        say(f"Desk login: {FIRST_STAFF} with the one-time password {password}")
    else:
        path = root.settings.data_dir / "desk-password.txt"
        _write_private(path, password + "\n")
        say(f"Desk login: {FIRST_STAFF} with the one-time password in {path}")
    await root.staff.add(FIRST_STAFF, "admin", password, must_change=True)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
