"""Two people at one ticket: the lock of whoever writes, and replies that cross."""

from __future__ import annotations

import pytest

from actions.answering import LOCK, AnsweredMeanwhileError, BeingAnsweredError
from core.errors import ConflictError, NotFoundError
from core.wakeup import DESK
from tests.support.talk import Talk

PASSWORD = "a long password"


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة الحربي", "agent", PASSWORD)).id


@pytest.fixture
async def omar(talk: Talk) -> int:
    return (await talk.root.staff.add("Omar Said", "agent", PASSWORD)).id


async def woken(talk: Talk) -> bool:
    """Whether the desk was woken since this was asked last."""
    return await talk.root.wakeup.wait(DESK, 0.001)


# -- the lock -----------------------------------------------------------------------------------


async def test_the_first_to_write_holds_the_lock(talk: Talk, noura: int, omar: int, opened) -> None:
    number = (await opened(talk)).number
    mine = await talk.root.tickets.begin_answer(number, noura)
    assert (mine.holder, mine.mine, mine.until) == ("نورة الحربي", True, talk.clock() + LOCK)
    theirs = await talk.root.tickets.begin_answer(number, omar)
    assert (theirs.holder, theirs.mine, theirs.until) == ("نورة الحربي", False, mine.until)
    ticket = (await talk.root.tickets.show(number)).ticket
    assert (ticket.answering, ticket.answering_id) == ("نورة الحربي", noura)
    with pytest.raises(BeingAnsweredError) as caught:
        await talk.root.tickets.reply(number, "من عمر", omar)
    assert caught.value.who == "نورة الحربي"
    assert await talk.deliver() == []


async def test_the_lock_is_renewed_and_runs_out(talk: Talk, noura: int, omar: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.begin_answer(number, noura)
    talk.clock.advance(seconds=50)
    assert (await talk.root.tickets.begin_answer(number, noura)).until == talk.clock() + LOCK
    talk.clock.advance(seconds=59)
    assert not (await talk.root.tickets.begin_answer(number, omar)).mine
    talk.clock.advance(seconds=1)
    assert (await talk.root.tickets.show(number)).ticket.answering is None
    assert (await talk.root.tickets.begin_answer(number, omar)).mine
    # The one whose lock ran out does not get it back by a late sign of life.
    assert not (await talk.root.tickets.begin_answer(number, noura)).mine


async def test_the_lock_is_taken_over_only_when_asked(
    talk: Talk, noura: int, omar: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.begin_answer(number, noura)
    assert (await talk.root.tickets.begin_answer(number, omar, take_over=True)).mine
    assert not (await talk.root.tickets.begin_answer(number, noura)).mine
    with pytest.raises(BeingAnsweredError):
        await talk.root.tickets.reply(number, "من نورة", noura)
    await talk.root.tickets.end_answer(number, noura)  # not hers any more
    assert (await talk.root.tickets.show(number)).ticket.answering == "Omar Said"
    await talk.root.tickets.end_answer(number, omar)
    assert (await talk.root.tickets.show(number)).ticket.answering is None
    await talk.root.tickets.reply(number, "من نورة", noura)


async def test_a_reply_ends_the_writers_lock(talk: Talk, noura: int, omar: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.begin_answer(number, noura)
    await talk.root.tickets.reply(number, "الرد", noura)
    assert (await talk.root.tickets.begin_answer(number, omar)).mine


async def test_a_script_without_a_name_waits_as_well(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.begin_answer(number, noura)
    with pytest.raises(BeingAnsweredError):
        await talk.root.tickets.reply(number, "من الطرفية", None)


async def test_the_desk_is_woken_when_the_holder_changes_only(
    talk: Talk, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    while await woken(talk):
        pass
    await talk.root.tickets.begin_answer(number, noura)
    assert await woken(talk)
    await talk.root.tickets.begin_answer(number, noura)
    assert not await woken(talk)
    await talk.root.tickets.end_answer(number, noura)
    assert await woken(talk)
    await talk.root.tickets.end_answer(number, noura)
    assert not await woken(talk)


async def test_there_is_no_lock_on_what_cannot_be_answered(
    talk: Talk, noura: int, omar: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "تم", noura)
    await talk.root.tickets.begin_answer(number, noura)
    await talk.root.tickets.close(number, omar)
    assert (await talk.root.tickets.show(number)).ticket.answering is None
    with pytest.raises(ConflictError, match="closed"):
        await talk.root.tickets.begin_answer(number, noura)
    with pytest.raises(NotFoundError):
        await talk.root.tickets.begin_answer("000-000", noura)


# -- replies that cross -------------------------------------------------------------------------


async def test_a_reply_that_was_not_read_stops_the_next(
    talk: Talk, noura: int, omar: int, opened
) -> None:
    number = (await opened(talk)).number
    seen = (await talk.root.tickets.show(number)).last_reply
    assert seen == 0
    first = await talk.root.tickets.reply(number, "من نورة", noura, seen=seen)
    with pytest.raises(AnsweredMeanwhileError):
        await talk.root.tickets.reply(number, "من عمر", omar, seen=seen)
    assert [m.text for m in await talk.deliver()] == ["من نورة"]
    assert (await talk.root.tickets.show(number)).last_reply == first
    await talk.root.tickets.reply(number, "من عمر", omar, seen=first)
    assert [m.text for m in await talk.deliver()] == ["من عمر"]


async def test_the_same_words_are_not_sent_twice(talk: Talk, noura: int, omar: int, opened) -> None:
    number = (await opened(talk)).number
    first = await talk.root.tickets.reply(number, "تم", noura, seen=0)
    assert await talk.root.tickets.reply(number, " تم\r\n", noura, seen=0) == first
    assert await talk.root.tickets.reply(number, "تم", omar, seen=0) == first
    assert len(await talk.deliver()) == 1
    # Whoever has read it and writes the same again means it.
    assert await talk.root.tickets.reply(number, "تم", noura, seen=first) != first
    assert len(await talk.deliver()) == 1


async def test_ones_own_earlier_reply_does_not_stop_one(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "أولًا", noura, seen=0)
    await talk.root.tickets.reply(number, "وثانيًا", noura, seen=0)
    assert [m.text for m in await talk.deliver()] == ["أولًا", "وثانيًا"]


async def test_the_same_reply_to_a_ticket_closed_meanwhile_is_the_former(
    talk: Talk, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    first = await talk.root.tickets.reply(number, "تم", noura, seen=0)
    await talk.root.tickets.close(number, noura)
    assert await talk.root.tickets.reply(number, "تم", noura, seen=0) == first
    with pytest.raises(ConflictError, match="closed"):
        await talk.root.tickets.reply(number, "شيء آخر", noura, seen=first)
