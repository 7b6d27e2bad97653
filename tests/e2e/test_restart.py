"""`kill -9` of a really running Natiq, all processes: what was accepted is answered after the next
start."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Running, start
from tests.support.modes import MakeEngines

pytestmark = pytest.mark.slow


def test_messages_survive_kill_9(tmp_path: Path, make_engines: MakeEngines) -> None:
    with make_engines() as shared:
        running = start(tmp_path, shared)
        try:
            token = httpx.post(f"{running.origin}/chat/api/session").json()["token"]
            headers = {"Authorization": f"Bearer {token}"}
            ids = [str(uuid.uuid4()) for _ in range(12)]
            for name in ids:
                answer = say(running, headers, name)
                assert answer.status_code == 202
        finally:
            running.kill()

        again = start(tmp_path, shared)
        try:
            # Given again after the crash, as a page does that saw no answer: still one each.
            for name in ids:
                assert say(again, headers, name).json()["duplicate"] is True
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline:
                history = httpx.get(f"{again.origin}/chat/api/messages", headers=headers).json()
                answers = [row for row in history["messages"] if row["direction"] == "out"]
                if len(answers) >= len(ids):
                    break
                time.sleep(0.3)
            assert len(answers) == len(ids)
            said = [row for row in history["messages"] if row["direction"] == "in"]
            assert [row["id"] for row in said] == ids
        finally:
            again.stop()


def say(running: Running, headers: dict[str, str], name: str) -> httpx.Response:
    """Give the message of that id to the chat."""
    body = {"id": name, "text": "كم رسوم تجديد جواز السفر؟"}
    return httpx.post(f"{running.origin}/chat/api/messages", json=body, headers=headers, timeout=60)
