"""An orderly stop of the worker: the message in hand is handled, the next is left, and no lease
stands in anybody's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from tests.support.minds import answer
from tests.support.talk import Talk, refs
from tests.support.waiting import eventually

TABLE = {"سؤال أ": answer("faq-a"), "سؤال ب": answer("faq-b")}

Script = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def talk(script: Script) -> Talk:
    return await script(TABLE)


class Thought:
    """Understanding that waits until the test lets it go on."""

    def __init__(self, talk: Talk) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        talk.mind.understanding.before = self._think  # type: ignore[attr-defined]

    def _think(self, _text: str) -> None:
        self.begun.set()
        assert self.go.wait(60)


async def test_the_message_in_hand_is_handled_and_no_lease_is_left(talk: Talk) -> None:
    thought = Thought(talk)
    await talk.accept("سؤال أ")
    await talk.accept("سؤال ب")
    running = asyncio.create_task(talk.worker.run())
    await eventually(thought.begun.is_set)
    running.cancel()
    await asyncio.sleep(0)
    thought.go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [row.state for row in await talk.inbox()] == ["done", "new"]
    assert refs(await talk.deliver()) == ["faq-a"]
    assert await talk.handle() == 1, "at once, without waiting for a lease to end"
    assert refs(await talk.deliver()) == ["faq-b"]
    assert [row.attempts for row in await talk.inbox()] == [1, 1]


async def test_but_it_does_not_wait_for_ever(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.FINISH", 0.05)
    thought = Thought(talk)
    await talk.accept("سؤال أ")
    running = asyncio.create_task(talk.worker.run())
    await eventually(thought.begun.is_set)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    thought.go.set()
    assert [row.state for row in await talk.inbox()] == ["new"]
    assert await talk.handle() == 0, "the lease stands, as after a kill"
    talk.clock.advance(seconds=16)
    assert await talk.handle() == 1
    assert refs(await talk.deliver()) == ["faq-a"]
