"""The sender: order, retries, dead letters, and what may have been sent twice."""

from __future__ import annotations

import asyncio

import pytest

from core.db.tables import Contact
from core.errors import ChannelError
from core.retry import SENDING
from tests.support.minds import answer
from tests.support.talk import Talk, refs
from tests.support.waiting import eventually

TABLE = {f"سؤال {x}": answer(f"faq-{x}") for x in "abc"}


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


async def ask(talk: Talk, *names: str, who: str = "citizen") -> None:
    for name in names:
        await talk.accept(f"سؤال {name}", who=who)
    await talk.handle()


async def test_messages_arrive_in_order_and_once(talk: Talk) -> None:
    await ask(talk, "a", "b", "c")
    assert refs(await talk.deliver()) == ["faq-a", "faq-b", "faq-c"]
    assert await talk.deliver() == []
    for row in await talk.outbox():
        assert (row.state, row.attempts, row.maybe_doubled) == ("sent", 1, False)
        assert (row.external_id, row.sent_at) == (f"ext-{row.id}", talk.clock())


async def test_the_envelope_goes_to_the_opened_address(talk: Talk) -> None:
    await ask(talk, "a", who="+966 55 000")
    await talk.deliver()
    (envelope,) = talk.channel.sent
    assert envelope.address == "+966 55 000"
    assert envelope.correlation_id == (await talk.inbox())[0].correlation


async def test_a_permanent_error_is_a_dead_letter_and_the_next_goes_on(talk: Talk) -> None:
    talk.channel.troubles.append(ChannelError("blocked", permanent=True))
    await ask(talk, "a", "b")
    assert refs(await talk.deliver()) == ["faq-b"]
    first, second = await talk.outbox()
    assert (first.state, first.failure, first.attempts) == ("failed", "blocked", 1)
    assert (second.state, second.failure) == ("sent", None)


async def test_order_holds_over_retries(talk: Talk) -> None:
    talk.channel.troubles.append(ChannelError("busy"))
    await ask(talk, "a", "b", "c")
    assert await talk.deliver() == [], "the later ones wait behind the first"
    first = (await talk.outbox())[0]
    assert (first.state, first.failure, first.maybe_doubled) == ("pending", "busy", False)
    talk.clock.now = first.not_before
    assert refs(await talk.deliver()) == ["faq-a", "faq-b", "faq-c"]


async def test_other_conversations_do_not_wait_for_a_retry(talk: Talk) -> None:
    talk.channel.troubles.append(ChannelError("busy"))
    await ask(talk, "a", who="first")
    await ask(talk, "b", who="second")
    assert refs(await talk.deliver()) == ["faq-b"]


async def test_the_platforms_own_pause_is_kept(talk: Talk) -> None:
    talk.channel.troubles.append(ChannelError("flood", retry_after=77.5))
    await ask(talk, "a")
    await talk.deliver()
    (row,) = await talk.outbox()
    assert (row.not_before - talk.clock()).total_seconds() == pytest.approx(77.5)
    talk.clock.advance(seconds=77)
    assert await talk.deliver() == []
    talk.clock.advance(seconds=0.6)
    assert refs(await talk.deliver()) == ["faq-a"]


async def test_no_answer_from_the_platform_may_mean_doubled(talk: Talk, monkeypatch) -> None:
    monkeypatch.setattr("bot.sender.SEND_TIMEOUT", 0.02)
    real = talk.channel.send
    calls = []

    async def send(envelope):
        calls.append(envelope.outbox_id)
        if len(calls) == 1:
            await asyncio.sleep(60)
        return await real(envelope)

    monkeypatch.setattr(talk.channel, "send", send)
    await ask(talk, "a")
    await talk.deliver()
    (row,) = await talk.outbox()
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "timeout", True)
    talk.clock.advance(seconds=5)
    assert refs(await talk.deliver()) == ["faq-a"]
    (row,) = await talk.outbox()
    assert (row.state, row.maybe_doubled, row.attempts) == ("sent", True, 2)


async def test_an_uncertain_error_may_mean_doubled(talk: Talk) -> None:
    talk.channel.troubles.append(ChannelError("reset", uncertain=True))
    await ask(talk, "a")
    await talk.deliver()
    assert [row.maybe_doubled for row in await talk.outbox()] == [True]


async def test_an_unforeseen_error_is_retried_and_its_words_are_not_kept(talk: Talk) -> None:
    talk.channel.troubles.append(KeyError("secret words"))
    await ask(talk, "a")
    await talk.deliver()
    (row,) = await talk.outbox()
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "KeyError", True)
    talk.clock.advance(seconds=5)
    assert refs(await talk.deliver()) == ["faq-a"]


async def test_after_a_day_of_trying_it_is_given_up(talk: Talk) -> None:
    start = talk.clock()
    talk.channel.troubles.extend(ChannelError("down") for _ in range(SENDING.attempts))
    await ask(talk, "a", "b")
    for _ in range(SENDING.attempts):
        (row, _) = await talk.outbox()
        talk.clock.now = max(talk.clock.now, row.not_before)
        await talk.deliver()
    first, second = await talk.outbox()
    assert (first.state, first.failure, first.attempts) == ("failed", "down", SENDING.attempts)
    assert second.state == "sent"
    assert 12 < (talk.clock() - start).total_seconds() / 3600 < 30


async def test_a_sender_that_died_while_sending_leaves_it_in_flight(talk: Talk) -> None:
    await ask(talk, "a")
    assert await talk.root.outbox.claim(["test"]) is not None
    assert await talk.deliver() == [], "leased"
    assert [row.state for row in await talk.outbox()] == ["sending"]
    talk.clock.advance(seconds=31)
    assert refs(await talk.deliver()) == ["faq-a"]
    (row,) = await talk.outbox()
    assert (row.state, row.maybe_doubled, row.attempts) == ("sent", True, 2)


async def test_a_sender_that_lost_its_lease_writes_nothing(talk: Talk, monkeypatch) -> None:
    real = talk.channel.send
    calls = []

    async def send(envelope):
        calls.append(envelope.outbox_id)
        if len(calls) == 1:
            talk.clock.advance(seconds=31)
            await talk.root.sender.step()
            raise ChannelError("late", permanent=True)
        return await real(envelope)

    monkeypatch.setattr(talk.channel, "send", send)
    await ask(talk, "a")
    await talk.deliver()
    (row,) = await talk.outbox()
    assert (row.state, row.failure, row.maybe_doubled) == ("sent", None, True)


async def test_several_senders_keep_each_conversations_order(talk: Talk) -> None:
    people = ("p", "q", "r")
    for who in people:
        await ask(talk, *"abcabc", who=who)

    async def work() -> None:
        while await talk.root.outbox.waiting():
            if not await talk.root.sender.step():
                await asyncio.sleep(0.005)

    await asyncio.wait_for(asyncio.gather(*(work() for _ in range(4))), 60)
    for who in people:
        got = [e.message.origin.ref for e in talk.channel.sent if e.address == who]
        assert got == [f"faq-{x}" for x in "abcabc"]


async def test_an_address_that_cannot_be_opened_holds_up_nobody_else(talk: Talk) -> None:
    await ask(talk, "a", who="sealed with another key")
    await ask(talk, "b", who="other")
    conversation = await talk.conversation("sealed with another key")
    async with talk.root.db.write() as session:
        contact = await session.get(Contact, conversation.contact_id)
        assert contact is not None
        sealed, contact.sealed_address = contact.sealed_address, b"x" * 40
    assert refs(await talk.deliver()) == ["faq-b"]
    (row, _) = await talk.outbox()
    assert (row.state, row.failure, row.attempts) == ("pending", "ConfigError", 0)
    async with talk.root.db.write() as session:
        contact = await session.get(Contact, conversation.contact_id)
        assert contact is not None
        contact.sealed_address = sealed
    talk.clock.advance(minutes=1)
    assert refs(await talk.deliver()) == ["faq-a"]


async def test_a_channel_that_this_process_lacks_is_left_to_others(talk: Talk) -> None:
    await ask(talk, "a")
    assert await talk.root.outbox.claim(["web"]) is None
    assert await talk.root.outbox.claim([]) is None
    assert refs(await talk.deliver()) == ["faq-a"]


async def test_the_loop_outlives_errors_of_the_database(talk: Talk, monkeypatch) -> None:
    monkeypatch.setattr("bot.sender.POLL", 0.01)
    real, failures = talk.root.outbox.claim, []

    async def claim(channels):
        if len(failures) < 2:
            failures.append(1)
            raise OSError("disk")
        return await real(channels)

    monkeypatch.setattr(talk.root.outbox, "claim", claim)
    await ask(talk, "a")
    running = asyncio.create_task(talk.root.sender.run())
    await eventually(lambda: talk.channel.sent)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [e.message.origin.ref for e in talk.channel.sent] == ["faq-a"]
