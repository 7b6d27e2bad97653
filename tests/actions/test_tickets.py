"""Tickets in staff's hands, and what the citizen sees of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from actions import numbers, tickets
from core.conversations import BOT, HUMAN
from core.db.tables import StaffRow, TicketRow
from core.errors import ConflictError, InputError, NotFoundError
from core.messages import text_hash
from tests.support.talk import Talk, refs

PASSWORD = "a long password"


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة الحربي", "agent", PASSWORD)).id


@pytest.fixture
async def omar(talk: Talk) -> int:
    return (await talk.root.staff.add("Omar Said", "agent", PASSWORD)).id


# -- replying -----------------------------------------------------------------------------------


async def test_a_reply_goes_out_verbatim_without_a_name(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    text = "سطر أول.\nسطر ثان: {number} <b>%s</b>"
    outbox_id = await talk.root.tickets.reply(number, f"  {text}\r\n", noura)
    (said,) = await talk.deliver()
    assert (said.text, said.origin.kind, said.origin.ref) == (text, "staff", number)
    assert said.origin.approved_hash == text_hash(text)
    (row,) = [row for row in await talk.outbox() if row.id == outbox_id]
    assert "نورة" not in json.dumps(row.payload, ensure_ascii=False)
    view = await talk.root.tickets.show(number)
    assert (view.ticket.state, view.ticket.assignee) == ("answered", "نورة الحربي")
    assert view.ticket.first_reply_at == talk.clock()
    assert [(e.kind, e.staff, e.text) for e in view.events][-1] == ("reply", "نورة الحربي", text)


async def test_a_reply_takes_the_conversation(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    await talk.root.tickets.reply(ticket.number, "أهلًا", None)
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id) == (HUMAN, ticket.id)


async def test_replies_of_others_do_not_take_the_ticket_away(
    talk: Talk, noura: int, omar: int, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "الأول", noura)
    first = (await talk.root.tickets.show(number)).ticket.first_reply_at
    talk.clock.advance(hours=1)
    await talk.root.tickets.reply(number, "الثاني", omar)
    ticket = (await talk.root.tickets.show(number)).ticket
    assert (ticket.assignee, ticket.first_reply_at) == ("نورة الحربي", first)


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "س" * (tickets.MAX_REPLY + 1)])
async def test_empty_and_overlong_replies_are_refused(talk: Talk, opened, text: str) -> None:
    number = (await opened(talk)).number
    with pytest.raises(InputError, match=r"othing was sent"):
        await talk.root.tickets.reply(number, text, None)
    assert await talk.deliver() == []
    assert (await talk.root.tickets.show(number)).ticket.state == "open"


async def test_a_reply_to_a_closed_ticket_is_refused(talk: Talk, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "تم", None)
    await talk.root.tickets.close(number, None)
    await talk.deliver()
    for refused in (
        talk.root.tickets.reply(number, "بعد الإغلاق", None),
        talk.root.tickets.assign(number, None, None),
        talk.root.tickets.close(number, None),
    ):
        with pytest.raises(ConflictError, match="closed"):
            await refused
    assert await talk.deliver() == []


async def test_a_number_may_be_given_as_people_write_it(talk: Talk, opened) -> None:
    number = (await opened(talk)).number
    arabic = number.replace("-", " ").translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert (await talk.root.tickets.show(arabic)).ticket.number == number


async def test_unknown_and_mistyped_numbers(talk: Talk, opened) -> None:
    number = (await opened(talk)).number
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    with pytest.raises(NotFoundError, match="mistyped"):
        await talk.root.tickets.show(wrong)
    free = next(n for n in iter(numbers.draw, "") if n != number)
    with pytest.raises(NotFoundError) as caught:
        await talk.root.tickets.reply(free, "نص", None)
    assert "mistyped" not in str(caught.value)


# -- assigning, notes ---------------------------------------------------------------------------


async def test_who_takes_a_ticket_takes_the_conversation(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.assign(number, noura, noura)
    assert (await talk.conversation()).mode == HUMAN
    assert await talk.say("سؤال") == []
    await talk.root.tickets.assign(number, None, noura)
    view = await talk.root.tickets.show(number)
    assert view.ticket.assignee is None
    assert [e.kind for e in view.events] == ["opened", "assigned", "released"]


async def test_a_ticket_survives_its_assignee(talk: Talk, noura: int, omar: int, opened) -> None:
    """Promise 6: whoever leaves, the ticket stays in the queue and others go on with it."""
    number = (await opened(talk)).number
    await talk.root.tickets.assign(number, noura, noura)
    async with talk.root.db.write() as session:
        await session.execute(update(StaffRow).where(StaffRow.id == noura).values(disabled=True))
    assert await talk.root.staff.get(noura) is None
    assert [t.number for t in await talk.root.tickets.list()] == [number]
    await talk.root.tickets.assign(number, omar, omar)
    await talk.root.tickets.reply(number, "نكمل نحن", omar)
    assert [m.text for m in await talk.deliver()] == ["نكمل نحن"]
    await talk.root.tickets.close(number, omar)
    assert (await talk.conversation()).mode == BOT


async def test_notes_stay_inside(talk: Talk, noura: int, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.note(number, " اتصلت بالفرع ", noura)
    assert await talk.deliver() == []
    view = await talk.root.tickets.show(number)
    assert (view.events[-1].kind, view.events[-1].text) == ("note", "اتصلت بالفرع")
    assert view.ticket.state == "open"
    assert (await talk.conversation()).mode == BOT
    with pytest.raises(InputError):
        await talk.root.tickets.note(number, "  ", noura)


# -- closing ------------------------------------------------------------------------------------


async def test_closing_without_a_reply_is_refused(talk: Talk, opened) -> None:
    number = (await opened(talk)).number
    with pytest.raises(ConflictError, match="reply first"):
        await talk.root.tickets.close(number, None)
    assert (await talk.root.tickets.show(number)).ticket.state == "open"


async def test_closing_tells_the_citizen_and_frees_the_bot(talk: Talk, opened) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "تم", None)
    talk.clock.advance(minutes=5)
    await talk.root.tickets.close(number, None)
    said = await talk.deliver()
    assert refs(said) == [number, "ticket_closed"]
    assert number in said[1].text
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id, conversation.state) == (BOT, None, {})
    ticket = (await talk.root.tickets.show(number)).ticket
    assert (ticket.state, ticket.closed_at, ticket.overdue) == ("closed", talk.clock(), False)
    assert refs(await talk.say("سؤال")) == ["faq-a"]
    assert await talk.root.tickets.list() == []
    assert [t.number for t in await talk.root.tickets.list(include_closed=True)] == [number]


async def test_the_other_ticket_keeps_the_conversation(
    talk: Talk, noura: int, omar: int, opened
) -> None:
    first, second = await opened(talk), await opened(talk)
    await talk.root.tickets.reply(first.number, "عن الأولى", noura)
    await talk.root.tickets.reply(second.number, "عن الثانية", omar)
    assert (await talk.conversation()).ticket_id == second.id
    await talk.root.tickets.close(second.number, omar)
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id) == (HUMAN, first.id)
    await talk.root.tickets.close(first.number, noura)
    assert (await talk.conversation()).mode == BOT


async def test_closing_what_nobody_is_talking_about_changes_no_talk(
    talk: Talk, noura: int, opened
) -> None:
    first, second = await opened(talk), await opened(talk)
    await talk.root.tickets.reply(first.number, "تم", None)
    await talk.root.tickets.reply(second.number, "أهلًا", noura)
    await talk.root.tickets.close(first.number, None)
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id) == (HUMAN, second.id)


async def test_an_untaken_ticket_does_not_keep_the_conversation(talk: Talk, opened) -> None:
    first, _second = await opened(talk), await opened(talk)
    await talk.root.tickets.reply(first.number, "تم", None)
    await talk.root.tickets.close(first.number, None)
    assert (await talk.conversation()).mode == BOT


# -- lists --------------------------------------------------------------------------------------


async def test_lists_by_state_and_kind_and_counts(talk: Talk, opened) -> None:
    first = await opened(talk, "a", "complaint")
    second = await opened(talk, "b", "human")
    await talk.root.tickets.reply(second.number, "تم", None)
    listed = talk.root.tickets.list
    assert [t.number for t in await listed(state="answered")] == [second.number]
    assert [t.number for t in await listed(kind="complaint")] == [first.number]
    assert await talk.root.tickets.counts() == {"open": 1, "answered": 1}
    assert len(await listed(limit=1)) == 1


async def test_overdue_is_about_the_first_answer(talk: Talk, opened) -> None:
    ticket = await opened(talk)

    async def overdue() -> bool:
        return (await talk.root.tickets.show(ticket.number)).ticket.overdue

    talk.clock.now = ticket.due_at
    assert not await overdue()
    talk.clock.advance(seconds=1)
    assert await overdue()
    await talk.root.tickets.reply(ticket.number, "عذرًا على التأخير", None)
    assert not await overdue()


async def test_numbers_that_are_taken_are_not_given_again(
    talk: Talk, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await opened(talk)
    other = next(n for n in iter(numbers.draw, "") if n != first.number)
    drawn = iter([first.number, first.number, other])
    monkeypatch.setattr(numbers, "draw", lambda: next(drawn))
    assert (await opened(talk)).number == other


# -- status -------------------------------------------------------------------------------------


async def status(talk: Talk, number: str | None = None, who: str = "citizen") -> list[str]:
    """Which lines the citizen is told."""
    from tests.support.minds import action

    text = f"وش صار على {number}" if number else "وش صار"
    table = talk.mind.understanding.table  # type: ignore[attr-defined]
    table[text] = action("status", number)
    return refs(await talk.say(text, who=who))


async def bot_speaks(talk: Talk) -> None:
    """So that status can be asked while a ticket is in any state."""
    from core.conversations import load

    conversation_id = (await talk.conversation()).id
    async with talk.root.db.write() as session:
        row = await load(session, conversation_id)
        row.mode, row.ticket_id = BOT, None


async def test_status_in_every_state(talk: Talk, opened) -> None:
    assert await status(talk) == ["status_none"]
    ticket = await opened(talk)
    assert await status(talk) == ["status_open"]
    talk.clock.now = ticket.due_at + timedelta(seconds=1)
    assert await status(talk) == ["status_late"]
    await talk.root.tickets.reply(ticket.number, "نعمل عليها", None)
    await talk.deliver()
    await bot_speaks(talk)
    assert await status(talk) == ["status_answered"]
    async with talk.root.db.write() as session:
        await session.execute(update(TicketRow).values(state="open"))
    assert await status(talk) == ["status_waiting"]
    await talk.root.tickets.close(ticket.number, None)
    await talk.deliver()
    assert await status(talk) == ["status_closed"]


async def test_status_tells_number_and_date(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    (said,) = await talk.say("وش صار")
    assert ticket.number in said.text
    local = ticket.due_at.astimezone(talk.settings.zone)
    assert f"{local.day} نوفمبر {local.year} الساعة {local.hour}:{local.minute:02d}" in said.text


async def test_status_of_somebody_elses_ticket(talk: Talk, opened) -> None:
    theirs = (await opened(talk, "somebody else")).number
    assert await status(talk, theirs) == ["status_not_yours"]
    assert await status(talk, theirs, who="somebody else") == ["status_open"]
    # A mistyped number is not looked up at all: the writer's own tickets are told.
    own = (await opened(talk)).number
    wrong = own[:-1] + str((int(own[-1]) + 1) % 10)
    assert await status(talk, wrong) == ["status_open"]


async def test_status_of_several(talk: Talk, opened) -> None:
    made = [await opened(talk) for _ in range(4)]
    await talk.root.tickets.reply(made[0].number, "تم", None)
    await talk.root.tickets.close(made[0].number, None)
    await talk.deliver()
    said = await talk.say("وش صار")
    assert refs(said) == ["status_open"] * 3
    assert [t.number in s.text for t, s in zip(reversed(made[1:]), said, strict=True)] == [True] * 3
    assert await status(talk, made[0].number) == ["status_closed"]
