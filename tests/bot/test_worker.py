"""The worker when things go wrong: errors, crash loops, lost leases, many workers at once."""

from __future__ import annotations

import asyncio

import pytest

from core.retry import HANDLING
from core.wakeup import OUTBOX
from tests.support.minds import URGENT, answer
from tests.support.talk import Talk, refs
from tests.support.waiting import eventually

TABLE = {"سؤال أ": answer("faq-a"), "سؤال ب": answer("faq-b")}


class Broken(Exception):
    """An error that nobody foresaw."""


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


def break_on(talk: Talk, text: str, times: int) -> list[str]:
    """Understanding `text` fails so many times; returns the list of failures."""
    failed: list[str] = []

    def before(seen: str) -> None:
        if seen == text and len(failed) < times:
            failed.append(seen)
            raise Broken(text)

    talk.mind.understanding.before = before  # type: ignore[attr-defined]
    return failed


async def test_a_passing_error_is_retried_with_growing_pauses(talk: Talk) -> None:
    failed = break_on(talk, "سؤال أ", 2)
    assert await talk.say("سؤال أ") == []
    (row,) = await talk.inbox()
    pauses = [(row.not_before - talk.clock()).total_seconds()]
    assert (row.state, row.attempts) == ("new", 1)
    # Not before its time, and not by a second worker either.
    assert await talk.handle() == 0
    talk.clock.now = row.not_before
    await talk.handle()
    (row,) = await talk.inbox()
    pauses.append((row.not_before - talk.clock()).total_seconds())
    talk.clock.now = row.not_before
    await talk.handle()
    assert refs(await talk.deliver()) == ["faq-a"]
    assert len(failed) == 2
    assert 1.0 <= pauses[0] <= 1.25 and 2.0 <= pauses[1] <= 2.5
    assert await talk.tickets() == []


async def test_a_message_that_cannot_be_handled_becomes_a_ticket(talk: Talk) -> None:
    failed = break_on(talk, "رسالة سامة", 99)
    conversation = await talk.accept("رسالة سامة")
    await talk.accept("سؤال أ")
    for _ in range(HANDLING.attempts):
        await talk.handle()
        talk.clock.advance(seconds=15)
    assert len(failed) == HANDLING.attempts
    poison, later = await talk.inbox()
    assert (poison.state, later.state) == ("poison", "done")
    (ticket,) = await talk.tickets()
    assert (ticket.kind, ticket.conversation_id) == ("unhandled", conversation)
    assert await talk.statement(ticket) == "رسالة سامة"
    told, answered = await talk.deliver()
    assert refs([told, answered]) == ["ticket_opened_unhandled", "faq-a"]
    assert ticket.number in told.text
    assert refs(await talk.say("سؤال ب")) == ["faq-b"], "the conversation goes on"


async def test_other_conversations_do_not_wait_for_a_poison_message(talk: Talk) -> None:
    break_on(talk, "رسالة سامة", 99)
    await talk.say("رسالة سامة", who="first")
    assert refs(await talk.say("سؤال أ", who="second")) == ["faq-a"]


async def test_a_failing_dispatcher_leaves_nothing_half_done(talk: Talk, monkeypatch) -> None:
    """The ticket is made in the transaction that fails afterwards: it must be gone."""
    talk.mind.understanding.table["خطر"] = URGENT  # type: ignore[attr-defined]
    outbox = talk.root.outbox
    real, calls = outbox.put, []

    async def put(session, *args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise Broken
        return await real(session, *args, **kwargs)

    monkeypatch.setattr(outbox, "put", put)
    await talk.say("خطر")
    assert (await talk.tickets(), await talk.outbox()) == ([], [])
    talk.clock.advance(seconds=15)
    await talk.handle()
    assert refs(await talk.deliver()) == ["emergency", "ticket_opened_urgent"]
    assert len(await talk.tickets()) == 1


async def test_a_message_that_kills_its_worker_goes_to_staff_unread(talk: Talk) -> None:
    """Claimed again and again and never finished: whoever took it died."""
    await talk.accept("رسالة قاتلة")
    for _ in range(HANDLING.attempts):
        assert await talk.root.inbox.claim() is not None
        assert await talk.root.inbox.claim() is None, "leased"
        talk.clock.advance(seconds=16)
    await talk.handle()
    assert talk.mind.understanding.seen == []  # type: ignore[attr-defined]
    assert [t.kind for t in await talk.tickets()] == ["unhandled"]
    assert refs(await talk.deliver()) == ["ticket_opened_unhandled"]
    assert [row.state for row in await talk.inbox()] == ["poison"]


async def test_who_lost_the_lease_writes_nothing(talk: Talk) -> None:
    """The first worker is suspended while it understands; a second one takes the message over."""
    answers: list[str] = []

    def before(text: str) -> None:
        if not answers:
            answers.append("suspended")
            talk.clock.advance(seconds=16)
            other.result = asyncio.run_coroutine_threadsafe(talk.worker.step(), loop).result(10)

    class other:
        result = False

    loop = asyncio.get_running_loop()
    talk.mind.understanding.before = before  # type: ignore[attr-defined]
    await talk.accept("سؤال أ")
    assert await talk.worker.step()
    assert other.result, "the second worker had the message"
    assert refs(await talk.deliver()) == ["faq-a"]
    assert len(await talk.outbox()) == 1
    (row,) = await talk.inbox()
    assert (row.state, row.attempts) == ("done", 2)


async def test_an_error_after_the_lease_was_lost_is_not_counted_twice(talk: Talk) -> None:
    await talk.accept("سؤال أ")
    first = await talk.root.inbox.claim()
    assert first is not None
    talk.clock.advance(seconds=16)
    await talk.handle()
    await talk.worker._again_or_staff(first)
    assert [row.state for row in await talk.inbox()] == ["done"]
    first.row.attempts = HANDLING.attempts
    await talk.worker._again_or_staff(first)
    assert await talk.tickets() == []


async def test_several_workers_keep_each_conversations_order(talk: Talk) -> None:
    people = ("a", "b", "c")
    for number in range(8):
        for who in people:
            await talk.accept(f"سؤال {who} {number}", who=who)
    seen: list[str] = []
    talk.mind.understanding.before = seen.append  # type: ignore[attr-defined]

    async def work() -> None:
        while await talk.root.inbox.waiting():
            if not await talk.worker.step():
                await asyncio.sleep(0.005)

    await asyncio.wait_for(asyncio.gather(*(work() for _ in range(4))), 60)
    assert len(seen) == 24
    for who in people:
        assert [t for t in seen if f" {who} " in t] == [f"سؤال {who} {n}" for n in range(8)]
        rows = [r for r in await talk.outbox() if r.conversation_id == await _of(talk, who)]
        assert [r.inbox_id for r in rows] == sorted(r.inbox_id for r in rows)
    assert [row.attempts for row in await talk.inbox()] == [1] * 24


async def _of(talk: Talk, who: str) -> int:
    return (await talk.conversation(who)).id


async def test_the_same_message_three_times_is_answered_once(talk: Talk) -> None:
    for _ in range(3):
        await talk.accept("سؤال أ", external_id="42")
    assert await talk.handle() == 1
    await talk.accept("سؤال أ", external_id="42")
    assert await talk.handle() == 0
    assert refs(await talk.deliver()) == ["faq-a"]


async def test_a_step_wakes_whoever_waits_for_its_results(talk: Talk) -> None:
    await talk.accept("سؤال أ")
    waiting = asyncio.create_task(talk.root.wakeup.wait(OUTBOX, 20))
    await asyncio.sleep(0)
    await talk.worker.step()
    assert await waiting is True


async def idle(talk: Talk) -> bool:
    return not await talk.root.inbox.waiting()


async def test_the_loop_outlives_errors_of_the_database(talk: Talk, monkeypatch) -> None:
    monkeypatch.setattr("bot.worker.POLL", 0.01)
    real, failures = talk.root.inbox.claim, []

    async def claim():
        if len(failures) < 2:
            failures.append(1)
            raise OSError("disk")
        return await real()

    monkeypatch.setattr(talk.root.inbox, "claim", claim)
    await talk.accept("سؤال أ")
    running = asyncio.create_task(talk.worker.run())
    await eventually(lambda: idle(talk))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert refs(await talk.deliver()) == ["faq-a"]
