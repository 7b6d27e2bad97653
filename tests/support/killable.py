"""A system in a process of its own, on a SQLite file, which may be told to kill itself.

python -m tests.support.killable FOLDER '{"accept": 3, "kill": "claimed", "at": 2, "ahead": 0}'

`accept` gives it that many messages (`id-0`, `id-1`, ...) of one citizen; `kill` names the moment
at which it dies by SIGKILL, the `at`-th time it comes there; `ahead` moves its clock, in seconds,
so that leases of a dead process have run out. Without `kill` it ends when the queues are empty.
Each send is a line of `FOLDER/sent.txt`, on disk before the sender goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.root import build_app
from core.messages import Delivery, Envelope, InboundMessage, Unlimited
from core.settings import Settings
from core.wakeup import OUTBOX
from tests.support.minds import action, scripted_mind


class Reaper:
    """Kills this process at a named moment."""

    def __init__(self, moment: str | None, at: int) -> None:
        self._moment = moment
        self._left = at

    def pass_by(self, moment: str) -> None:
        if moment != self._moment:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class FileChannel(Unlimited):
    """Sends by adding a line to a file, synced: what stands there has arrived."""

    name = "test"

    def __init__(self, path: Path, reaper: Reaper) -> None:
        self._path = path
        self._reaper = reaper

    async def send(self, envelope: Envelope) -> Delivery:
        self._reaper.pass_by("sending")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{envelope.outbox_id}\n")
            file.flush()
            os.fsync(file.fileno())
        self._reaper.pass_by("sent")
        return Delivery()


async def live(folder: Path, plan: dict[str, Any]) -> None:
    reaper = Reaper(plan.get("kill"), plan.get("at", 1))
    ahead = timedelta(seconds=plan.get("ahead", 0))
    mind = scripted_mind([], {f"رسالة {n}": action("thanks") for n in range(50)})
    mind.understanding.before = lambda _text: reaper.pass_by("claimed")  # type: ignore[attr-defined]
    root = build_app(
        Settings(_env_file=None, data_dir=folder, secret_key="k" * 40, log_level="error"),
        channels={"test": FileChannel(folder / "sent.txt", reaper)},
        mind=mind,
        clock=lambda: datetime.now(UTC) + ahead,
    )
    wake = root.wakeup.wake

    async def watched(topic: str) -> None:
        if topic == OUTBOX:
            reaper.pass_by("handled")
        await wake(topic)

    root.wakeup.wake = watched  # type: ignore[method-assign]
    await root.start(watch=False)
    for number in range(plan.get("accept", 0)):
        await root.inbox.accept(
            InboundMessage("test", f"id-{number}", "citizen", f"رسالة {number}")
        )
        reaper.pass_by("accepted")
    while await root.inbox.waiting() or await root.outbox.waiting():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await root.stop()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), json.loads(sys.argv[2])))
