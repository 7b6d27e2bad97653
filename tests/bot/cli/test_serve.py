"""`natiq serve` and `natiq health`: what they refuse. What they do, tests/deploy shows."""

from __future__ import annotations

import pytest

from tests.bot.cli.conftest import Natiq

POSTGRES = {"NATIQ_DATABASE_URL": "postgresql+psycopg://natiq@127.0.0.1:1/natiq"}


def test_an_unknown_role(natiq: Natiq) -> None:
    ran = natiq("serve", "sendr", **POSTGRES)
    assert ran.code == 2
    assert "sender, telegram, web, worker" in ran.err


@pytest.mark.parametrize("role", ["web", "worker", "sender", "telegram"])
def test_the_embedded_database_is_for_one_process(natiq: Natiq, role: str) -> None:
    ran = natiq("serve", role)
    assert ran.code == 2
    assert "NATIQ_DATABASE_URL" in ran.err
    assert "natiq run" in ran.err


def test_telegram_without_a_token(natiq: Natiq) -> None:
    ran = natiq("serve", "telegram", **POSTGRES)
    assert ran.code == 2
    assert "NATIQ_TELEGRAM_TOKEN" in ran.err


def test_missing_redis_is_said(natiq: Natiq) -> None:
    ran = natiq("serve", "telegram", **POSTGRES)
    assert "NATIQ_REDIS_URL is not set" in ran.err
    ran = natiq("serve", "telegram", **POSTGRES, NATIQ_REDIS_URL="redis://127.0.0.1:1/0")
    assert "NATIQ_REDIS_URL" not in ran.err


def test_nobody_answers(natiq: Natiq) -> None:
    ran = natiq("health", "--port", "1")
    assert ran.code == 1
    assert ran.out == ""
    assert "no answer on port 1" in ran.err
