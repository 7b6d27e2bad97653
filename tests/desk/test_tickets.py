"""Working on tickets: what is shown, what is sent, and what is refused in words."""

from __future__ import annotations

import asyncio
import html
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from actions import numbers
from core.db.tables import OutboxRow


async def test_the_queue_is_ordered_by_urgency_then_age(house: Any, sara: Any) -> None:
    first = await house.ticket("الأولى", address="a")
    house.clock.forward(minutes=90)
    second = await house.ticket("الثانية", address="b", kind="suggestion")
    urgent = await house.ticket("عاجل", address="c", kind="urgent", urgent=True)
    house.clock.forward(days=3)
    at_desk = house.browser()
    await at_desk.login(sara.name)
    page = (await at_desk.get("/")).text
    assert page.index(urgent) < page.index(first) < page.index(second)
    assert "3 أيام" in page and "متأخرة" in page
    assert f'<bdi dir="ltr" class="number">{first}</bdi>' in page
    # 07:00 in UTC is 10:00 in the ministry's zone.
    assert "2026-08-03 10:00" in page


async def test_the_queue_filters_by_state_and_kind(house: Any, at_desk: Any) -> None:
    complaint = await house.ticket(address="a")
    suggestion = await house.ticket(address="b", kind="suggestion")
    await at_desk.post(f"/tickets/{complaint}/reply", text="رد", seen="0")
    by_kind = (await at_desk.get("/?kind=suggestion")).text
    assert suggestion in by_kind and complaint not in by_kind
    by_state = (await at_desk.get("/part?state=answered")).text
    assert complaint in by_state and suggestion not in by_state
    nothing = (await at_desk.get("/?state=closed&kind=rumour")).text
    assert "لا توجد تذاكر بهذه التصفية" in nothing
    assert complaint in (await at_desk.get("/?state=%27--&kind=zzz")).text


async def test_an_empty_queue_says_so(at_desk: Any) -> None:
    assert "لا أحد ينتظر الآن" in (await at_desk.get("/")).text


async def test_the_reply_goes_out_verbatim_and_names_nobody(
    house: Any, at_desk: Any, sara: Any
) -> None:
    number = await house.ticket()
    text = "السلام عليكم،\r\nبطاقتك «جاهزة» <b>الآن</b> & تنتظرك."
    answer = await at_desk.post(f"/tickets/{number}/reply", text=text, seen="0")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/desk/tickets/{number}?done=reply",
    )
    (row,) = await house.sent(number)
    assert row.payload["text"] == text.replace("\r\n", "\n")
    assert row.origin_kind == "staff"
    assert sara.name not in repr(row.payload) and "Sara" not in repr(row.payload)
    page = (await at_desk.get(f"/tickets/{number}?done=reply")).text
    assert "حُفظ الرد" in page and "بانتظار الإرسال" in page
    assert "&lt;b&gt;الآن&lt;/b&gt;" in page


async def test_the_same_form_sent_twice_is_sent_once(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    answers = await asyncio.gather(
        *(at_desk.post(f"/tickets/{number}/reply", text="رد واحد", seen="0") for _ in range(3))
    )
    done = sorted(answer.headers["location"].rsplit("=")[-1] for answer in answers)
    assert done == ["already", "already", "reply"]
    assert len(await house.sent(number)) == 1


async def test_a_colleagues_reply_meanwhile_keeps_mine_from_going_out(
    house: Any, at_desk: Any
) -> None:
    number = await house.ticket()
    colleague = await house.staff.add("Omar Haddad", "lead", "correct horse battery")
    await house.tickets.reply(number, "رد الزميل", colleague.id)
    answer = await at_desk.post(f"/tickets/{number}/reply", text="ردي أنا", seen="0")
    assert answer.status_code == 409
    assert "رد زميل على هذه التذكرة" in answer.text
    assert "\nردي أنا</textarea>" in answer.text
    assert len(await house.sent(number)) == 1
    (seen,) = [row.id for row in await house.sent(number)]
    assert f'name="seen" value="{seen}"' in answer.text
    again = await at_desk.post(f"/tickets/{number}/reply", text="ردي أنا", seen=str(seen))
    assert again.status_code == 303
    assert [row.payload["text"] for row in await house.sent(number)] == ["رد الزميل", "ردي أنا"]


async def test_an_empty_or_too_long_reply_is_refused_and_kept(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    empty = await at_desk.post(f"/tickets/{number}/reply", text=" \r\n ", seen="0")
    assert empty.status_code == 422 and "الرد فارغ" in empty.text
    long = "ر" * 4_001
    answer = await at_desk.post(f"/tickets/{number}/reply", text=long, seen="0")
    assert answer.status_code == 422
    assert "طول الرد 4001، والحد الأقصى 4000" in answer.text
    assert long in answer.text
    assert await house.sent(number) == []


async def test_closing_without_a_reply_is_refused_in_words(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    answer = await at_desk.post(f"/tickets/{number}/close")
    assert answer.status_code == 409
    assert "ولا يُترك أحد بلا جواب" in answer.text
    assert (await house.tickets.show(number)).ticket.state == "open"


async def test_a_closed_ticket_takes_no_reply_and_keeps_the_text(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    closed = await at_desk.post(f"/tickets/{number}/close")
    assert closed.headers["location"].endswith("?done=closed")
    assert (await house.tickets.show(number)).ticket.state == "closed"
    late = await at_desk.post(f"/tickets/{number}/reply", text="تأخرت", seen="9")
    assert late.status_code == 409
    assert "أُغلقت هذه التذكرة" in late.text and "تأخرت</textarea>" in late.text
    assert (await at_desk.post(f"/tickets/{number}/close")).status_code == 409
    assert (await at_desk.post(f"/tickets/{number}/assign", to="nobody")).status_code == 409


async def test_taking_handing_over_and_leaving(house: Any, at_desk: Any, sara: Any) -> None:
    number = await house.ticket()
    omar = await house.staff.add("Omar Haddad", "lead", "correct horse battery")
    editor = await house.staff.add("Editor", "editor", "correct horse battery")

    async def assignee() -> str | None:
        holder: str | None = (await house.tickets.show(number)).ticket.assignee
        return holder

    for to, holder in ((sara.id, sara.name), (omar.id, omar.name)):
        answer = await at_desk.post(f"/tickets/{number}/assign", to=str(to))
        assert answer.headers["location"].endswith("?done=assigned")
        assert await assignee() == holder
    for to in (str(editor.id), "999", "", "1e3", "²"):
        assert (await at_desk.post(f"/tickets/{number}/assign", to=to)).status_code == 422
    assert await assignee() == omar.name
    answer = await at_desk.post(f"/tickets/{number}/assign", to="nobody")
    assert answer.headers["location"].endswith("?done=released")
    assert await assignee() is None


async def test_a_note_is_for_staff_alone(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    answer = await at_desk.post(f"/tickets/{number}/note", text="اتصلت بالفرع")
    assert answer.headers["location"].endswith("?done=note")
    assert "اتصلت بالفرع" in (await at_desk.get(f"/tickets/{number}")).text
    assert await house.sent(number) == []
    assert (await at_desk.post(f"/tickets/{number}/note", text="  ")).status_code == 422
    long = await at_desk.post(f"/tickets/{number}/note", text="م" * 4_001)
    assert long.status_code == 422 and "م" * 4_001 in long.text


async def test_what_the_citizen_wrote_is_never_markup(house: Any, at_desk: Any) -> None:
    attack = "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>'\"{{ 7777*7 }}"
    number = await house.ticket(attack)
    await at_desk.post(f"/tickets/{number}/note", text=attack)
    for path in (f"/tickets/{number}", f"/tickets/{number}/part"):
        page = (await at_desk.get(path)).text
        assert "<script>" not in page and "<img" not in page and "54439" not in page
        assert html.escape(attack, quote=False)[:40] in page
    refused = await at_desk.post(f"/tickets/{number}/reply", text=attack * 100, seen="0")
    assert "<img" not in refused.text and refused.status_code == 422
    found = await at_desk.http.get("/desk/find?q=%3Cimg%20src%3Dx%3E", follow_redirects=True)
    assert found.status_code == 200 and "<img" not in found.text
    assert "&lt;img src=x&gt;" in found.text


async def test_a_failed_delivery_is_told_in_words(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    async with house.db.write() as session:
        await session.execute(update(OutboxRow).values(state="failed", failure="blocked_by_user"))
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "لم تصل إلى المواطن" in page and "blocked_by_user" in page
    assert "رسالة لم تصل" in (await at_desk.get("/")).text


async def test_a_number_that_is_not_there_says_what_may_be_mistyped(
    house: Any, at_desk: Any
) -> None:
    number = await house.ticket()
    digits = number.replace("-", "")
    arabic = digits.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (number, digits, arabic, f" {digits[:3]} {digits[3:]} "):
        found = await at_desk.http.get("/desk/find", params={"q": typed})
        assert found.headers["location"] == f"/desk/tickets/{number}"
    assert (await at_desk.get(f"/tickets/{digits}")).headers["location"].endswith(number)
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    page = await at_desk.get(f"/tickets/{wrong}")
    assert page.status_code == 404 and "خانة خاطئة" in page.text and wrong in page.text
    valid = next(n for n in (numbers.draw() for _ in range(9)) if n != number)
    page = await at_desk.get(f"/tickets/{valid}")
    assert page.status_code == 404 and "تحقق من الرقم" in page.text
    assert (await at_desk.post(f"/tickets/{valid}/reply", text="x")).status_code == 404


@pytest.mark.parametrize(
    "form",
    "reply note assign close reopen take-over answering answering/end "
    "messages/1/again messages/1/drop".split(),
)
async def test_forged_forms_are_refused(house: Any, at_desk: Any, form: str) -> None:
    number = await house.ticket()
    path = f"/desk/tickets/{number}/{form}"
    fields = {"text": "x", "to": "nobody", "seen": "0"}
    right = {**fields, "csrf": at_desk.csrf}
    post = at_desk.http.post
    before = (await house.tickets.show(number)).events

    async def refused(answer: httpx.Response) -> None:
        assert answer.status_code == 403
        assert "لم يُقبل النموذج" in answer.text

    await refused(await post(path, data=fields))
    await refused(await post(path, data={**fields, "csrf": "0" * 64}))
    await refused(await post(path, data={**fields, "csrf": "é"}))
    for origin in ("https://evil.example", "null", "http://desk.test.evil.example"):
        await refused(await post(path, data=right, headers={"origin": origin}))
    for site in ("cross-site", "same-site", "none"):
        await refused(await post(path, data=right, headers={"sec-fetch-site": site}))
    assert (await house.tickets.show(number)).events == before
    taken = await post(path, data=right, headers={"sec-fetch-site": "same-origin"})
    assert taken.status_code in (200, 204, 303, 409)
