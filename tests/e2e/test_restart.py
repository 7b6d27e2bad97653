"""`kill -9` of a really running Natiq: what was accepted is answered after the next start."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import start, stop

pytestmark = pytest.mark.slow


def test_messages_survive_kill_9(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log.txt"
    running = start(data, log)
    token = httpx.post(f"{running.origin}/chat/api/session").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    ids = [str(uuid.uuid4()) for _ in range(12)]
    for name in ids:
        body = {"id": name, "text": "كم رسوم تجديد جواز السفر؟"}
        answer = httpx.post(f"{running.origin}/chat/api/messages", json=body, headers=headers)
        assert answer.status_code == 202
    running.process.kill()
    running.process.wait()

    log.unlink()
    again = start(data, log)
    try:
        # Given again after the crash, as a page does that saw no answer: still one each.
        for name in ids:
            body = {"id": name, "text": "كم رسوم تجديد جواز السفر؟"}
            answer = httpx.post(f"{again.origin}/chat/api/messages", json=body, headers=headers)
            assert answer.json()["duplicate"] is True
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
        stop(again)
