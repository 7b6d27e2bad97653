"""What an operator is told of the platforms at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.run import channels_of
from bot.root import build_app
from core.settings import Settings

WHATSAPP = {
    "whatsapp_phone_id": "1",
    "whatsapp_token": "secret-token",
    "whatsapp_app_secret": "s" * 32,
    "whatsapp_verify_token": "v" * 32,
}


@pytest.mark.parametrize(
    ("given", "telegram", "whatsapp"),
    [
        ({}, "off (set NATIQ_TELEGRAM_TOKEN)", "off (set NATIQ_WHATSAPP_TOKEN and its companions)"),
        (
            {"telegram_token": "1:secret-token"},
            "on, by polling",
            "off (set NATIQ_WHATSAPP_TOKEN and its companions)",
        ),
        (
            {
                **WHATSAPP,
                "public_url": "https://natiq.example",
                "telegram_token": "1:secret-token",
                "telegram_mode": "webhook",
                "telegram_webhook_secret": "hook",
            },
            "on, by webhook at https://natiq.example/webhooks/telegram",
            "on; tell Meta the webhook https://natiq.example/webhooks/whatsapp",
        ),
    ],
)
def test_the_platforms(tmp_path: Path, given: dict[str, str], telegram: str, whatsapp: str) -> None:
    root = build_app(Settings(_env_file=None, data_dir=tmp_path, **given), roles=())  # type: ignore[arg-type]
    lines = channels_of(root)
    assert lines == [f"Telegram: {telegram}", f"WhatsApp: {whatsapp}"]
    assert "secret" not in " ".join(lines)
