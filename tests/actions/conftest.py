"""A whole system for the actions' tests; understanding is scripted, all else is real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.conversations import load
from core.db.tables import TicketRow
from tests.support.minds import action, answer, entry, scripted_mind
from tests.support.talk import Talk

TABLE = {"سؤال": answer("faq-a"), "وش صار": action("status"), "thanks": action("thanks")}


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    made = await Talk(tmp_path, scripted_mind([entry("faq-a")], TABLE)).start()
    yield made
    await made.stop()


async def open_ticket(
    talk: Talk, who: str = "citizen", kind: str = "complaint", **more: object
) -> TicketRow:
    """A ticket of this citizen, opened as an action opens it."""
    conversation_id = await talk.accept("سؤال", who=who)
    await talk.handle()
    await talk.deliver()
    async with talk.root.db.write() as session:
        return await talk.root.tickets.open(
            session,
            await load(session, conversation_id),
            kind=kind,
            statement="تأخرت معاملتي",
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture
def opened():
    return open_ticket
