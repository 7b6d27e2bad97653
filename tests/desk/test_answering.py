"""Two people never answer one ticket at once, failed messages are settled, and tickets reopen."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from actions.answering import LOCK
from core.db.tables import OutboxRow

PASSWORD = "correct horse battery"


@pytest.fixture
async def omar_at_desk(house: Any) -> Any:
    """A browser in which Omar is logged in."""
    member = await house.staff.add("Omar Haddad", "lead", PASSWORD)
    browser = house.browser("198.51.100.7")
    await browser.login(member.name)
    return browser


async def test_who_writes_is_shown_to_the_others_until_they_stop(
    house: Any, at_desk: Any, omar_at_desk: Any
) -> None:
    number = await house.ticket()
    held = await at_desk.post(f"/tickets/{number}/answering")
    assert held.json() == {"mine": True, "free": False}
    for path in (f"/tickets/{number}", f"/tickets/{number}/part"):
        page = (await omar_at_desk.get(path)).text
        assert "يكتب الآن ردًّا" in page and "Sara Alqahtani" in page and "take-over" in page
    assert "يكتب الرد الآن" in (await omar_at_desk.get("/")).text
    assert "answering-now" not in (await at_desk.get(f"/tickets/{number}")).text
    assert (await omar_at_desk.post(f"/tickets/{number}/answering")).json()["mine"] is False
    # A heartbeat keeps it, silence loses it.
    house.clock.forward(seconds=50)
    await at_desk.post(f"/tickets/{number}/answering")
    house.clock.forward(seconds=50)
    assert "answering-now" in (await omar_at_desk.get(f"/tickets/{number}")).text
    house.clock.forward(seconds=LOCK.total_seconds())
    assert "answering-now" not in (await omar_at_desk.get(f"/tickets/{number}")).text
    assert (await omar_at_desk.post(f"/tickets/{number}/answering")).json()["mine"] is True
    assert (await omar_at_desk.post(f"/tickets/{number}/answering/end")).status_code == 204
    assert "answering-now" not in (await at_desk.get(f"/tickets/{number}")).text


async def test_a_reply_against_the_lock_comes_back_with_its_text(
    house: Any, at_desk: Any, omar_at_desk: Any
) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/answering")
    await omar_at_desk.get(f"/tickets/{number}")
    refused = await omar_at_desk.post(f"/tickets/{number}/reply", text="رد عمر", seen="0")
    assert refused.status_code == 409
    assert "يكتب Sara Alqahtani الآن ردًّا" in refused.text
    assert "\nرد عمر</textarea>" in refused.text and 'id="take-over"' in refused.text
    assert await house.sent(number) == []
    # Without a script: taking over brings the text along.
    taken = await omar_at_desk.post(f"/tickets/{number}/take-over", text="رد عمر")
    assert taken.status_code == 200 and "\nرد عمر</textarea>" in taken.text
    assert "توليت الرد" in taken.text
    sent = await omar_at_desk.post(f"/tickets/{number}/reply", text="رد عمر", seen="0")
    assert sent.headers["location"].endswith("?done=reply")
    # Now Sara's is the one that comes back.
    late = await at_desk.post(f"/tickets/{number}/reply", text="رد سارة", seen="0")
    assert late.status_code == 409 and "\nرد سارة</textarea>" in late.text
    assert [row.payload["text"] for row in await house.sent(number)] == ["رد عمر"]


async def test_taking_over_without_a_text_leads_back(
    house: Any, at_desk: Any, omar_at_desk: Any
) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/answering")
    taken = await omar_at_desk.post(f"/tickets/{number}/take-over")
    assert taken.headers["location"] == f"/desk/tickets/{number}?done=taken_over"
    assert "Omar Haddad" in (await at_desk.get(f"/tickets/{number}")).text


async def test_a_stranger_gets_401_for_the_heartbeat(house: Any) -> None:
    number = await house.ticket()
    assert (await house.browser().post(f"/tickets/{number}/answering")).status_code == 401


async def test_a_closed_ticket_is_opened_again(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    early = await at_desk.post(f"/tickets/{number}/reopen")
    assert early.status_code == 409 and "التذكرة مفتوحة" in early.text
    await at_desk.post(f"/tickets/{number}/close")
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert 'id="reopen"' in page and 'id="close"' not in page
    done = await at_desk.post(f"/tickets/{number}/reopen")
    assert done.headers["location"].endswith("?done=reopened")
    assert (await house.tickets.show(number)).ticket.state == "open"
    assert [row.origin_ref for row in await house.sent(number)][-1] == "ticket_reopened"
    page = (await at_desk.get(f"/tickets/{number}?done=reopened")).text
    assert "أُعيد فتح التذكرة، وسيُبلَّغ المواطن" in page and 'id="close"' in page


async def fail(house: Any, outbox_id: int) -> None:
    async with house.db.write() as session:
        await session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == outbox_id)
            .values(state="failed", failure="blocked_by_user")
        )


async def test_a_failed_reply_is_sent_again_once(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    (row,) = await house.sent(number)
    await fail(house, row.id)
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert f'id="again-{row.id}"' in page and f'id="drop-{row.id}"' in page
    done = await at_desk.post(f"/tickets/{number}/messages/{row.id}/again")
    assert done.headers["location"].endswith("?done=resent")
    assert [sent.payload["text"] for sent in await house.sent(number)] == ["رد", "رد"]
    page = (await at_desk.get(f"/tickets/{number}?done=resent")).text
    assert f'id="again-{row.id}"' not in page and "أُعيد إرسالها" in page
    twice = await at_desk.post(f"/tickets/{number}/messages/{row.id}/again")
    assert twice.status_code == 409 and "لم يتغيّر شيء" in twice.text
    assert len(await house.sent(number)) == 2


async def test_a_failed_line_can_be_settled_too(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    await at_desk.post(f"/tickets/{number}/close")
    line = (await house.sent(number))[-1]
    await fail(house, line.id)
    assert f'id="drop-{line.id}"' in (await at_desk.get(f"/tickets/{number}")).text
    done = await at_desk.post(f"/tickets/{number}/messages/{line.id}/drop")
    assert done.headers["location"].endswith("?done=dropped")
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert f'id="drop-{line.id}"' not in page and "لن يُعاد إرسالها" in page


@pytest.mark.parametrize("wrong", ["999", str(2**63), "9" * 40])
async def test_messages_that_are_not_there(house: Any, at_desk: Any, wrong: str) -> None:
    number = await house.ticket()
    answer = await at_desk.post(f"/tickets/{number}/messages/{wrong}/again")
    assert answer.status_code == 409


async def test_a_held_reply_says_what_it_waits_for(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد متأخر", seen="0")
    async with house.db.write() as session:
        await session.execute(update(OutboxRow).values(state="held", failure="window"))
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "تنتظر أن يكتب المواطن" in page and "لم يُرسل إليه إشعار بعد" in page
    conversation_id = (await house.tickets.show(number)).ticket.conversation_id
    async with house.db.write() as session:
        session.add(
            OutboxRow(
                conversation_id=conversation_id,
                channel="whatsapp",
                correlation="abc",
                payload={"text": "لديك رد جديد.", "language": "ar"},
                origin_kind="line",
                origin_ref="reply_ready",
                approved_hash="0" * 64,
                text_hash="0" * 64,
                state="sent",
                not_before=house.clock(),
                created_at=house.clock(),
            )
        )
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "أُرسل إليه إشعار فيه زر لقراءة الرد" in page
