"""A process of its own that accepts messages, to race with another one.

Usage: python -m tests.support.accepting DATABASE_URL PREFIX COUNT ADDRESS. It prints `ready`, waits
for a line on stdin, gives each of COUNT messages to the inbox, and prints a JSON list of
[inbox id, conversation id, duplicate].
"""

from __future__ import annotations

import asyncio
import json
import sys

from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.logs import setup_logging
from core.messages import InboundMessage
from core.queues.inbox import Inbox
from core.wakeup import LocalWakeup

KEY = b"a key for tests, and for nothing but tests"


async def main(url: str, prefix: str, count: int, address: str) -> None:
    """Accept the messages `<prefix>0`, `<prefix>1`, ... of one address."""
    setup_logging("error")
    database = Database(url)
    inbox = Inbox(database, Contacts(Vault(KEY)), LocalWakeup())
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    results = []
    for number in range(count):
        message = InboundMessage("web", f"{prefix}{number}", address, f"text {number}")
        accepted = await inbox.accept(message)
        results.append([accepted.inbox_id, accepted.conversation_id, accepted.duplicate])
    await database.close()
    _say(json.dumps(results))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
