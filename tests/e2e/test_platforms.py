"""The main job on each of the two real platforms, from the citizen's phone to the desk and back:
real HTTP, the real client libraries, the real mind over the sample ministry."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from actions import numbers
from core.db.tables import AttachmentRow, TicketRow
from tests.e2e.platforms import PATIENCE, Ministry, Reading, ministry
from tests.support.files import JPEG
from tests.support.modes import MakeEngines

pytestmark = pytest.mark.slow

PLATFORMS = ("telegram", "whatsapp")

RENEWAL = "كم رسوم تجديد جواز السفر؟"
UNCLEAR = "جواز"
COMPLAINT = "عندي شكوى: انتظرت ثلاث ساعات في المركز ولم يستقبلني أحد من الموظفين"
_NUMBER = re.compile(r"\d{3}-\d{3}")


@pytest.fixture
async def running(tmp_path: Path, make_engines: MakeEngines) -> AsyncIterator[Ministry]:
    with make_engines() as engines:
        async with ministry(tmp_path / "data", engines) as made:
            yield made


async def complain(citizen: Reading) -> str:
    """Complain, pass over every question, agree; returns the ticket's number."""
    told = await citizen.ask(COMPLAINT)
    for _ in range(8):
        if any(choice.startswith("yes:") for choice in told.choices):
            break
        unsolved = [c for c in told.choices if c.startswith("unsolved:")]
        told = await (citizen.tap("unsolved:") if unsolved else citizen.ask("تخطي"))
    assert COMPLAINT[:40] in told.text, "the citizen sees their own words before they are sent"
    told = await citizen.tap("yes:", lambda one: _NUMBER.search(one.text) is not None)
    found = _NUMBER.search(told.text)
    assert found is not None
    return numbers.normalise(found[0])


async def ticket(made: Ministry, number: str) -> TicketRow:
    async with made.root.db.read() as session:
        row = await session.scalar(select(TicketRow).where(TicketRow.number == number))
        assert row is not None
        return row


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_question_is_answered_verbatim(running: Ministry, platform: str) -> None:
    citizen = running.citizen(platform)
    told = await citizen.ask(RENEWAL)
    assert told.text.startswith(running.answer("passport-renew-fees"))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_choices_lead_to_the_answer(running: Ministry, platform: str) -> None:
    citizen = running.citizen(platform)
    told = await citizen.ask(UNCLEAR)
    offered = [choice for choice in told.choices if choice.startswith("faq:")]
    assert 2 <= len(offered) <= 3
    told = await citizen.tap(offered[0])
    assert told.text.startswith(running.answer(offered[0].removeprefix("faq:")))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_menu_leads_to_an_answer_by_taps_alone(running: Ministry, platform: str) -> None:
    citizen = running.citizen(platform)
    await citizen.ask("/menu")
    told = await citizen.tap("menu:passports")
    question = next(choice for choice in told.choices if choice.startswith("faq:"))
    told = await citizen.tap(question)
    assert told.text.startswith(running.answer(question.removeprefix("faq:")))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_complaint_goes_to_the_desk_and_the_reply_comes_back(
    running: Ministry, platform: str
) -> None:
    citizen = running.citizen(platform)
    number = await complain(citizen)
    assert COMPLAINT in await running.staff.page(f"/tickets/{number}")

    reply = "نعتذر عما حدث. موعدك محجوز غدًا الساعة التاسعة،\nوسيستقبلك زميلنا عند المدخل."
    await running.staff.reply(number, reply)
    told = await citizen.next()
    assert told.text == reply
    assert "sara" not in " ".join(one.text for one in citizen.citizen.received())

    # A human has the conversation: what is said goes to the ticket, and the bot stays mute.
    await citizen.citizen.say("شكرًا، سأحضر في الموعد")
    await settled(running)
    assert "سأحضر في الموعد" in await running.staff.page(f"/tickets/{number}")
    await citizen.citizen.say("/status")
    told = await citizen.next()
    assert _NUMBER.search(told.text), "asking for the status is answered even then"

    await running.staff.reply(number, "أهلًا بك.")
    await citizen.next(lambda one: one.text == "أهلًا بك.")
    await running.staff.close(number)
    await citizen.next(lambda one: _NUMBER.search(one.text) is not None)
    told = await citizen.ask(RENEWAL)
    assert told.text.startswith(running.answer("passport-renew-fees")), "the bot is back"


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_picture_reaches_the_ticket(running: Ministry, platform: str) -> None:
    citizen = running.citizen(platform)
    number = await complain(citizen)
    await running.staff.reply(number, "أرسل صورة الإيصال من فضلك.")
    await citizen.next(lambda one: one.text == "أرسل صورة الإيصال من فضلك.")
    await citizen.citizen.photo(JPEG)
    row = await ticket(running, number)
    kept = await eventually(running, row.id)
    answer = await running.staff.file(number, kept.id)
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"].startswith("image/jpeg")
    assert f"/attachments/{kept.id}" in await running.staff.page(f"/tickets/{number}")


async def test_a_late_reply_waits_behind_a_template(running: Ministry) -> None:
    citizen = running.citizen("whatsapp")
    number = await complain(citizen)
    await settled(running)  # else what has just arrived would count as being sent for a day
    running.clock.shift += timedelta(hours=30)
    reply = "وجدنا معاملتك:\nهي جاهزة للاستلام."
    await running.staff.log_in_anew("sara")
    await running.staff.reply(number, reply)
    told = await citizen.next(lambda one: one.kind == "template")
    assert told.choices == ("read_reply",)
    assert reply not in [one.text for one in citizen.citizen.received()]
    told = await citizen.tap("read_reply")
    assert told.text == reply
    await settled(running)
    assert citizen.citizen.received()[-1].text == reply, "nothing is said besides"


async def settled(made: Ministry) -> None:
    """Wait until nothing is left to handle or to send."""
    deadline = time.monotonic() + PATIENCE
    while await made.root.inbox.waiting() or await made.root.outbox.waiting():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def eventually(made: Ministry, ticket_id: int) -> AttachmentRow:
    """The ticket's file, once it is kept."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with made.root.db.read() as session:
            row = await session.scalar(
                select(AttachmentRow).where(AttachmentRow.ticket_id == ticket_id)
            )
        if row is not None and row.state == "kept":
            return row
        await asyncio.sleep(0.02)
    raise AssertionError("the file was not kept")
