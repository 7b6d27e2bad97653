"""Reading tickets: filters, search, paging, details; and opening a closed one again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.conversations import BOT, HUMAN
from core.db.tables import TicketRow
from core.errors import ConflictError
from tests.support.talk import Talk, refs

PASSWORD = "a long password"


async def numbers_of(talk: Talk, **filters: object) -> list[str]:
    return [ticket.number for ticket in await talk.root.tickets.list(**filters)]  # type: ignore[arg-type]


# -- filters ------------------------------------------------------------------------------------


async def test_each_filter_keeps_what_it_names(talk: Talk, opened) -> None:
    noura = (await talk.root.staff.add("نورة", "agent", PASSWORD)).id
    plain = (await opened(talk, "a")).number
    urgent = (await opened(talk, "b", "urgent", urgent=True)).number
    passport = (await opened(talk, "c", "suggestion", department="passports")).number
    await talk.root.tickets.assign(passport, noura, noura)
    assert await numbers_of(talk) == [urgent, plain, passport]
    assert await numbers_of(talk, urgent=True) == [urgent]
    assert await numbers_of(talk, urgent=False) == [plain, passport]
    assert await numbers_of(talk, department="passports") == [passport]
    assert await numbers_of(talk, assignee_id=noura) == [passport]
    assert await numbers_of(talk, unassigned=True) == [urgent, plain]
    assert await numbers_of(talk, channel="test") == [urgent, plain, passport]
    assert await numbers_of(talk, channel="web") == []
    assert await numbers_of(talk, kind="suggestion", assignee_id=noura) == [passport]
    assert await talk.root.tickets.departments() == ["passports"]


async def test_overdue_tickets_are_filtered_as_they_are_shown(talk: Talk, opened) -> None:
    first, second = await opened(talk, "a"), await opened(talk, "b")
    await talk.root.tickets.reply(second.number, "تم", None)
    assert await numbers_of(talk, overdue=True) == []
    talk.clock.now = first.due_at
    talk.clock.advance(seconds=1)
    assert await numbers_of(talk, overdue=True) == [first.number]
    shown = {ticket.number: ticket.overdue for ticket in await talk.root.tickets.list()}
    assert shown == {first.number: True, second.number: False}


async def test_pages_together_are_the_whole(talk: Talk, opened) -> None:
    made = [(await opened(talk, f"c{i}")).number for i in range(5)]
    pages = [await numbers_of(talk, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert pages == [made[:2], made[2:4], made[4:], []]


# -- search -------------------------------------------------------------------------------------


async def tell(talk: Talk, ticket: TicketRow, text: str) -> None:
    async with talk.root.db.write() as session:
        row = await session.scalar(select(TicketRow).where(TicketRow.id == ticket.id))
        assert row is not None
        await talk.root.tickets.add_statement(session, row, text)


async def test_a_search_finds_what_was_said_on_the_ticket(talk: Talk, opened) -> None:
    ticket = await opened(talk, "a", details={"where": "فرع المطار", "reference": "BX 9917"})
    other = await opened(talk, "b")
    await tell(talk, ticket, "والموظّف أغلق الشُّبّاك")
    await talk.root.tickets.note(ticket.number, "يخص المدير إبراهيم", None)
    await talk.root.tickets.reply(ticket.number, "We are sorry about the Window", None)
    await talk.say("لم يصلني الختم", who="a")
    for words in (
        "تأخرت معاملتي المطار",
        "bx 9917",
        "الشباك",
        "ابراهيم",
        "WINDOW sorry",
        "الختم",
    ):
        assert ticket.number in await numbers_of(talk, search=words), words
    assert await numbers_of(talk, search="المطار") == [ticket.number]
    assert await numbers_of(talk, search="المطار شيء-لم-يقله-أحد") == []
    assert other.number in await numbers_of(talk, search="معاملتي")
    assert len(await numbers_of(talk, search="  ؟! ")) == 2


async def test_a_number_is_found_however_it_is_written(talk: Talk, opened) -> None:
    number = (await opened(talk, "a")).number
    await opened(talk, "b")
    arabic = number.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for written in (number, number.replace("-", ""), number.replace("-", " "), arabic):
        assert await numbers_of(talk, search=written) == [number], written
    assert number in await numbers_of(talk, search=number[:3])


@pytest.mark.parametrize("signs", ["%", "_", "\\", "' OR 1=1 --"])
async def test_signs_of_the_database_are_no_more_than_signs(talk: Talk, opened, signs: str) -> None:
    ticket = await opened(talk, "a")
    await tell(talk, ticket, "alpha beta")
    assert await numbers_of(talk, search=f"alpha{signs}gamma") == []
    assert await numbers_of(talk, search=f"al{signs}beta" if len(signs) == 1 else "alpha") != []


async def test_a_long_statement_is_found_to_its_end(talk: Talk, opened) -> None:
    ticket = await opened(talk, "a")
    await tell(talk, ticket, "كلمة " * 2_000 + "الخاتمة")
    assert await numbers_of(talk, search="الخاتمة") == [ticket.number]


# -- one ticket ---------------------------------------------------------------------------------


async def test_the_view_shows_what_the_intake_asked_for(talk: Talk, opened) -> None:
    ticket = await opened(talk, "a", details={"what": "تأخر", "where": "", "when": "أمس"})
    assert (await talk.root.tickets.show(ticket.number)).details == {"what": "تأخر", "when": "أمس"}
    assert (await talk.root.tickets.show((await opened(talk, "b")).number)).details == {}


async def test_staff_do_not_see_the_code(talk: Talk, opened) -> None:
    ticket = await opened(talk, "a")
    async with talk.root.db.write() as session:
        row = await session.get(TicketRow, ticket.id)
        assert row is not None
        code = await talk.root.tickets.issue_code(session, row)
        await talk.root.outbox.put(
            session,
            ticket.conversation_id,
            talk.root.catalogue.line(
                "ticket_opened_complaint",
                "ar",
                number=ticket.number,
                code=code,
                date=ticket.due_at,
            ),
            correlation="c",
            ticket_id=ticket.id,
        )
    (said,) = await talk.deliver()
    assert code in said.text
    view = await talk.root.tickets.show(ticket.number)
    shown = view.conversation[-1].text
    assert code not in shown
    assert shown == said.text.replace(code, "••••-••••")
    assert ticket.number in shown


# -- opening again ------------------------------------------------------------------------------


async def test_a_closed_ticket_is_opened_again(talk: Talk, opened) -> None:
    noura = (await talk.root.staff.add("نورة", "agent", PASSWORD)).id
    number = (await opened(talk)).number
    with pytest.raises(ConflictError, match="not closed"):
        await talk.root.tickets.reopen(number, noura)
    await talk.root.tickets.reply(number, "تم", noura)
    await talk.root.tickets.close(number, noura)
    await talk.deliver()
    await talk.root.tickets.reopen(number, noura)
    (said,) = await talk.deliver()
    assert (said.origin.ref, number in said.text) == ("ticket_reopened", True)
    view = await talk.root.tickets.show(number)
    assert (view.ticket.state, view.ticket.closed_at) == ("open", None)
    assert (view.events[-1].kind, view.events[-1].staff) == ("reopened", "نورة")
    assert (await talk.conversation()).mode == HUMAN
    assert await talk.say("سؤال") == []
    await talk.root.tickets.reply(number, "نكمل", noura)
    await talk.root.tickets.close(number, noura)
    assert refs(await talk.deliver()) == [number, "ticket_closed"]


async def test_nobodys_ticket_is_opened_again_without_taking_the_conversation(
    talk: Talk, opened
) -> None:
    number = (await opened(talk)).number
    await talk.root.tickets.reply(number, "تم", None)
    await talk.root.tickets.close(number, None)
    await talk.root.tickets.reopen(number, None)
    conversation = await talk.conversation()
    assert (conversation.mode, conversation.ticket_id) == (BOT, None)


async def test_a_code_is_given_anew_and_the_former_is_worth_nothing(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    async with talk.root.db.write() as session:
        row = await session.get(TicketRow, ticket.id)
        assert row is not None
        first = await talk.root.tickets.issue_code(session, row)
        kept = row.code_hash
        second = await talk.root.tickets.issue_code(session, row)
        assert row.code_hash != kept
    stored = str((await talk.tickets())[0].code_hash)
    assert first.replace("-", "") not in stored
    assert second.replace("-", "") not in stored
