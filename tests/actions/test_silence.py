"""A human conversation in which nobody writes goes back to the bot, with a word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from actions.silence import Silence
from core.conversations import BOT, HUMAN
from core.db.tables import ConversationRow, InboxRow, OutboxRow
from core.errors import ChannelError
from tests.support.talk import Talk, refs

PASSWORD = "a long password"
HOURS = 12
DAY = timedelta(hours=24)


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة", "agent", PASSWORD)).id


def silence_of(talk: Talk, **windows: timedelta) -> Silence:
    root = talk.root
    length = timedelta(hours=HOURS)
    return Silence(root.db, root.outbox, root.catalogue, root.wakeup, length, windows, talk.clock)


@pytest.fixture
def silence(talk: Talk) -> Silence:
    return silence_of(talk)


async def test_silence_after_an_answer(talk: Talk, silence: Silence, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    talk.clock.advance(hours=HOURS, seconds=-1)
    assert await silence.step() == 0
    talk.clock.advance(seconds=1)
    assert await silence.step() == 1
    (said,) = await talk.deliver()
    assert said.origin.ref == "human_silent_answered"
    assert number in said.text
    assert "12 ساعة" in said.text
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id, conversation.state) == (BOT, None, {})
    view = await talk.root.tickets.show(number)
    assert (view.ticket.state, view.ticket.assignee_id) == ("answered", noura)
    assert view.events[-1].kind == "silence"
    assert await silence.step() == 0
    assert refs(await talk.say("سؤال")) == ["faq-a"]
    assert refs(await talk.say("وش صار")) == ["status_answered"]


async def test_silence_while_the_citizen_waits(
    talk: Talk, silence: Silence, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.assign(number, noura, noura)
    talk.clock.advance(hours=6)
    assert await talk.say("أين الجواب") == []
    talk.clock.advance(hours=HOURS, seconds=-1)
    assert await silence.step() == 0  # counted from what was written last
    talk.clock.advance(seconds=1)
    assert await silence.step() == 1
    assert refs(await talk.deliver()) == ["human_silent_waiting"]
    assert (await talk.root.tickets.show(number)).ticket.state == "open"


async def test_whoever_answers_or_takes_it_has_the_conversation_again(
    talk: Talk, silence: Silence, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الأول", noura)
    for act in ("reply", "assign"):
        talk.clock.advance(hours=HOURS)
        assert await silence.step() == 1
        await talk.deliver()
        if act == "reply":
            await talk.root.tickets.reply(number, "الثاني", noura)
        else:
            await talk.root.tickets.assign(number, noura, noura)
        conversation = await talk.conversation()
        assert (conversation.mode, conversation.touched_at) == (HUMAN, talk.clock())
        talk.clock.advance(hours=HOURS, seconds=-1)
        assert await silence.step() == 0
        talk.clock.advance(seconds=1)


async def test_what_is_not_handled_yet_is_no_silence(
    talk: Talk, silence: Silence, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    await talk.accept("لحظة")
    talk.clock.advance(hours=HOURS * 2)
    assert await silence.step() == 0
    async with talk.root.db.write() as session:
        await session.execute(update(InboxRow).values(not_before=talk.clock()))
    await talk.handle()
    assert (await talk.conversation()).touched_at == talk.clock()
    assert await silence.step() == 0


async def test_bots_conversations_are_left_alone(talk: Talk, silence: Silence, opened) -> None:
    await opened(talk)
    talk.clock.advance(days=30)
    assert await silence.step() == 0
    assert await talk.deliver() == []


async def test_a_conversation_from_before_this_was_counted(
    talk: Talk, silence: Silence, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الرد", noura)
    async with talk.root.db.write() as session:
        await session.execute(update(ConversationRow).values(touched_at=None))
    talk.clock.advance(hours=HOURS)
    assert await silence.step() == 1


async def test_each_of_several_is_told_in_its_own_language(
    talk: Talk, silence: Silence, noura: int, opened
) -> None:
    first, second = await opened(talk, "a"), await opened(talk, "b")
    await talk.say("thanks", who="b")
    for ticket in (first, second):
        await talk.root.tickets.reply(ticket.number, "الرد", noura)
    await talk.deliver()
    talk.clock.advance(hours=HOURS)
    assert await silence.step() == 2
    said = {e.address: e.message for e in talk.channel.sent[-2:]} if await talk.deliver() else {}
    assert {who: message.language for who, message in said.items()} == {"a": "ar", "b": "en"}
    assert "12 hours" in said["b"].text


# -- where a platform's window is closed --------------------------------------------------------


async def test_a_closed_window_keeps_the_word_until_the_person_writes(
    talk: Talk, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    talk.clock.advance(hours=13)
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    talk.clock.advance(hours=HOURS)
    assert await silence_of(talk, test=DAY).step() == 1
    assert await talk.deliver() == []
    (held,) = [row for row in await talk.outbox() if row.state == "held"]
    assert (held.origin_ref, held.failure) == ("human_silent_answered", "window")
    assert refs(await talk.say("سؤال")) == ["human_silent_answered", "faq-a"]


async def test_an_open_window_lets_it_through(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    talk.clock.advance(hours=HOURS)
    assert await silence_of(talk, test=DAY).step() == 1
    assert refs(await talk.deliver()) == ["human_silent_answered"]


async def test_a_held_word_is_dropped_when_a_human_is_back(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    talk.clock.advance(hours=13)
    await talk.root.tickets.reply(number, "الرد", noura)
    await talk.deliver()
    talk.clock.advance(hours=HOURS)
    await silence_of(talk, test=DAY).step()
    await talk.root.tickets.reply(number, "ورد آخر", noura)
    assert [m.text for m in await talk.deliver()] == ["ورد آخر"]
    assert await talk.say("شكرًا لكم") == []
    states = {row.origin_ref: row.state for row in await talk.rows(OutboxRow)}
    assert states["human_silent_answered"] == "withdrawn"


# -- the loop -----------------------------------------------------------------------------------


async def test_the_housekeeper_outlives_errors(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    steps: list[int] = []
    done = asyncio.Event()

    async def step() -> int:
        steps.append(1)
        if len(steps) == 1:
            raise ChannelError("the database is away")
        done.set()
        return 0

    monkeypatch.setattr("bot.housekeeper.EVERY", 0)
    monkeypatch.setattr(talk.root.housekeeper._silence, "step", step)
    task = asyncio.create_task(talk.root.housekeeper.run())
    await asyncio.wait_for(done.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_system_keeps_house(talk: Talk) -> None:
    await talk.root.start(watch=False)
    assert "housekeeper" in {task.get_name() for task in talk.root.tasks}
