"""How the sender ends, waits and gives up: an orderly stop doubles nothing, nothing is tried for
ever, and nobody waits longer than the platform asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from core.errors import ChannelError
from core.messages import Delivery, Envelope, Pace
from core.rates import LocalRateLimits
from core.retry import SENDING
from tests.support.minds import answer
from tests.support.talk import Talk, refs

Script = Callable[..., Awaitable[Talk]]

TABLE = {f"سؤال {name}": answer(f"faq-{name}") for name in "abc"}


@pytest.fixture
async def talk(script: Script) -> Talk:
    return await script(TABLE)


async def ask(talk: Talk, *names: str, who: str = "citizen") -> None:
    for name in names:
        await talk.accept(f"سؤال {name}", who=who)
    await talk.handle()


class Line:
    """A channel's `send` that waits on its way until the test lets it arrive."""

    def __init__(self, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = talk.channel.send
        self.on_its_way, self.arrive = asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(talk.channel, "send", self.send)

    async def send(self, envelope: Envelope) -> Delivery:
        self.on_its_way.set()
        await self.arrive.wait()
        return await self._real(envelope)


async def test_an_orderly_stop_lets_what_is_on_its_way_arrive(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(talk, monkeypatch)
    await ask(talk, "a", "b")
    running = asyncio.create_task(talk.root.sender.run())
    await asyncio.wait_for(line.on_its_way.wait(), 30)
    running.cancel()
    asyncio.get_running_loop().call_later(0.05, line.arrive.set)
    with pytest.raises(asyncio.CancelledError):
        await running
    first, second = await talk.outbox()
    assert (first.state, first.maybe_doubled, second.state) == ("sent", False, "pending")
    assert refs(await talk.deliver()) == ["faq-b"], "at once, without waiting for a lease to end"


async def test_but_it_does_not_wait_for_ever(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.sender.FINISH", 0.05)
    line = Line(talk, monkeypatch)
    await ask(talk, "a")
    running = asyncio.create_task(talk.root.sender.run())
    await asyncio.wait_for(line.on_its_way.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 30)
    assert [row.state for row in await talk.outbox()] == ["sending"]


async def test_a_message_that_kills_its_senders_is_not_tried_for_ever(talk: Talk) -> None:
    await ask(talk, "a", "b")
    for _ in range(SENDING.attempts):
        assert await talk.root.outbox.claim(["test"]) is not None
        talk.clock.advance(seconds=31)
    assert refs(await talk.deliver()) == ["faq-b"]
    first = (await talk.outbox())[0]
    assert (first.state, first.failure, first.maybe_doubled) == ("failed", "sender_died", True)


async def test_what_was_given_up_without_an_answer_may_have_arrived(talk: Talk) -> None:
    talk.channel.troubles.extend(ChannelError("down") for _ in range(SENDING.attempts - 1))
    talk.channel.troubles.append(ChannelError("reset", uncertain=True))
    await ask(talk, "a")
    for _ in range(SENDING.attempts):
        (row,) = await talk.outbox()
        talk.clock.now = max(talk.clock.now, row.not_before)
        await talk.deliver()
    (row,) = await talk.outbox()
    assert (row.state, row.failure, row.maybe_doubled) == ("failed", "reset", True)


async def test_it_sleeps_until_something_may_be_done(talk: Talk) -> None:
    sender = talk.root.sender
    assert await sender._pause() == 1.0, "nothing waits: the usual look"
    talk.channel.troubles.append(ChannelError("flood", retry_after=60.0))
    await ask(talk, "a")
    await talk.deliver()
    assert await sender._pause() == 1.0
    talk.clock.advance(seconds=59.75)
    assert await sender._pause() == pytest.approx(0.25)
    talk.clock.advance(seconds=60)
    assert await sender._pause() == 0.01


async def test_a_full_pace_costs_no_attempt_and_no_more_than_its_wait(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paces(envelope: Envelope) -> Sequence[Pace]:
        return (Pace(f"test:{envelope.conversation_id}", 1, 2.0),)

    monkeypatch.setattr(talk.channel, "paces", paces)
    sender: Any = talk.root.sender
    sender._rates = LocalRateLimits(lambda: talk.clock.now.timestamp())
    await ask(talk, "a", "b")
    await ask(talk, "c", who="another")
    assert refs(await talk.deliver()) == ["faq-a", "faq-c"], "others do not wait with them"
    row = (await talk.outbox())[1]
    assert (row.state, row.attempts) == ("pending", 0)
    assert row.not_before - talk.clock() == timedelta(seconds=2)
    talk.clock.advance(seconds=2)
    assert refs(await talk.deliver()) == ["faq-b"]
    assert (await talk.outbox())[1].attempts == 1
