"""A process whose loop ended does not go on as if nothing were amiss."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.serving import LoopEndedError, serve_http
from bot.root import build_app
from bot.web.ops import create_ops
from core.settings import Settings


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


async def test_a_loop_that_ends_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks() -> None:
        await begun.wait()
        raise ValueError("with words of a citizen")

    begun = asyncio.Event()
    settings = Settings(_env_file=None, data_dir=tmp_path, port=0)
    root = build_app(settings, roles={"sender"})
    monkeypatch.setattr(type(root.sender), "run", lambda _self: breaks())
    await root.start()
    ports: list[int] = []

    def announce(_root: object, port: int) -> None:
        ports.append(port)
        begun.set()

    try:
        with pytest.raises(LoopEndedError, match="sender-0") as caught:
            await serve_http(root, create_ops(root), announce)
    finally:
        await root.stop()
    assert ports
    assert "citizen" not in str(caught.value)
