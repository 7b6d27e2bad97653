"""Many processes under load: each conversation in order, each message once, the pace kept by all
senders together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.installation import Installation, Traffic, approved_answers, told
from tests.support.telegram_world import Sent
from tests.support.waiting import eventually

pytestmark = [pytest.mark.scaled, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

Say = Callable[[str], None]

PEOPLE = 2000


async def test_2000_conversations_on_four_workers_and_two_senders(
    whole: Installation, say: Say
) -> None:
    before = await whole.handled()
    traffic = Traffic(whole, people=PEOPLE, each=2, seconds=0)
    await traffic.run()
    await traffic.answered()
    traffic.check()
    say(told("2,000 conversations", traffic))
    assert set(traffic.attempts) == {1}, "a lease ran out, or an attempt failed"
    shares = [now - then for now, then in zip(await whole.handled(), before, strict=True)]
    say(f"handled by each worker: {shares}")
    assert sum(shares) == 2 * PEOPLE
    assert min(shares) > 0, "a worker took no part"


async def test_telegram_on_two_senders(whole: Installation, say: Say) -> None:
    """At Telegram's own pace: 30 a second over all, one a second in a chat."""
    answers = approved_answers()
    mark = whole.newest()
    chats = range(7_000_000, 7_000_060)
    wanted: dict[int, list[str]] = {chat: [] for chat in chats}
    for turn in range(3):
        for number, chat in enumerate(chats):
            entry, answer = answers[(number + 7 * turn) % len(answers)]
            whole.telegram.meet(chat)
            whole.telegram.taps(Sent(chat, 1, "x", [], True, {}), f"faq:{entry}")
            wanted[chat].append(answer)

    def told_all() -> bool:
        return all(len(whole.telegram.told(chat)) >= 3 for chat in chats)

    await eventually(told_all, 300)
    await eventually(lambda: asyncio.to_thread(lambda: whole.unsent() == 0), 300)
    for chat in chats:
        assert [text.strip() for text in whole.telegram.told(chat)] == wanted[chat]
    rows = whole.rows(mark)
    assert {(row.state, row.attempts, row.answers, row.doubled) for row in rows} == {
        ("done", 1, 1, 0)
    }
    assert not whole.telegram.violations
    say(f"Telegram: {len(rows)} messages in {len(chats)} chats, in order, within the pace")
