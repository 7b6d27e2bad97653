"""The queue's filters, search and pages: they choose who is shown, never who comes first."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from core.db.tables import ConversationRow, OutboxRow
from desk.routes import queue


def shown(page: str) -> list[str]:
    """The ticket numbers of a page's queue, in order."""
    return re.findall(r'id="t-([0-9-]+)"', page)


def link(page: str, identity: str) -> str:
    """Where the link with this id leads, beneath the desk."""
    found = re.search(rf'<a [^>]*id="{identity}"[^>]*>', page)
    assert found, identity
    address = re.search(r'href="/desk([^"]*)"', found[0])
    assert address
    return address[1].replace("&amp;", "&")


@pytest.fixture
async def five(house: Any, sara: Any) -> dict[str, str]:
    """Tickets that differ in everything a filter asks for, oldest first."""
    omar = await house.staff.add("Omar Haddad", "lead", "correct horse battery")
    late = await house.ticket("تأخرت بطاقتي", address="a")
    house.clock.forward(days=4)
    mine = await house.ticket("أين جوازي", address="b", department="passports-directorate")
    await house.tickets.assign(mine, sara.id, None)
    house.clock.forward(minutes=1)
    his = await house.ticket("فكرة للموقع", address="c", kind="suggestion")
    await house.tickets.assign(his, omar.id, None)
    house.clock.forward(minutes=1)
    urgent = await house.ticket("حريق", address="d", kind="urgent", urgent=True)
    house.clock.forward(minutes=1)
    phone = await house.ticket("من الواتساب", address="e")
    async with house.db.write() as session:
        await session.execute(
            update(ConversationRow)
            .where(ConversationRow.id == (await house.tickets.show(phone)).ticket.conversation_id)
            .values(channel="whatsapp")
        )
    return {"late": late, "mine": mine, "his": his, "urgent": urgent, "phone": phone}


@pytest.fixture
async def browser(house: Any, sara: Any, five: dict[str, str]) -> Any:
    made = house.browser()
    await made.login(sara.name)
    return made


ALL_OPEN = ["urgent", "late", "mine", "his", "phone"]
FILTERS = [
    ("", ALL_OPEN),
    ("urgent=1", ["urgent"]),
    ("late=1", ["late"]),
    ("holder=me", ["mine"]),
    ("holder=nobody", ["urgent", "late", "phone"]),
    ("holder=2", ["his"]),
    ("kind=complaint", ["late", "mine", "phone"]),
    ("department=passports-directorate", ["mine"]),
    ("channel=whatsapp", ["phone"]),
    ("kind=complaint&holder=nobody&channel=web", ["late"]),
    ("q=%D8%A3%D9%8A%D9%86+%D8%AC%D9%88%D8%A7%D8%B2%D9%8A", ["mine"]),
    ("q=%D8%A7%D9%8A%D9%86+%D8%AD%D8%B1%D9%8A%D9%82", []),
    ("holder=%27--&channel=fax&urgent=2&page=-1&page=x", ALL_OPEN),
]


async def test_filters_choose_and_the_order_stays(browser: Any, five: dict[str, str]) -> None:
    for query, names in FILTERS:
        for path in (f"/?{query}", f"/part?{query}"):
            assert shown((await browser.get(path)).text) == [five[name] for name in names], query


async def test_filters_add_up_in_the_address_and_are_taken_off_again(
    browser: Any, five: dict[str, str]
) -> None:
    page = (await browser.get("/?kind=complaint")).text
    address = link(page, "only-nobody")
    assert parse_qs(urlsplit(address).query) == {"kind": ["complaint"], "holder": ["nobody"]}
    page = (await browser.get(address)).text
    assert shown(page) == [five["late"], five["phone"]]
    assert 'aria-current="true" id="only-nobody"' in page
    # The form keeps what the links chose, and the live part follows the address.
    page = (await browser.get(link(page, "state-open"))).text
    assert '<input type="hidden" name="state" value="open">' in page
    assert 'data-part-address="/desk/part?state=open&amp;kind=complaint&amp;holder=nobody"' in page
    page = (await browser.get(link(page, "only-nobody"))).text
    assert parse_qs(urlsplit(link(page, "state-all")).query) == {
        "kind": ["complaint"],
        "state": ["all"],
    }


async def test_departments_are_called_by_their_titles(browser: Any, five: dict[str, str]) -> None:
    page = (await browser.get("/")).text
    assert "<bdi>الجوازات</bdi>" in page
    assert '<option value="passports-directorate">الجوازات</option>' in page
    assert "الجوازات" in (await browser.get(f"/tickets/{five['mine']}")).text


async def test_words_are_searched_in_closed_tickets_too(
    house: Any, browser: Any, sara: Any, five: dict[str, str]
) -> None:
    await house.tickets.reply(five["late"], "وصلت بطاقتك إلى الفرع", sara.id)
    await house.tickets.close(five["late"], sara.id)
    found = await browser.http.get("/desk/find", params={"q": " الفرع  بطاقتك "})
    assert found.status_code == 303
    page = (await browser.get(found.headers["location"].removeprefix("/desk"))).text
    assert shown(page) == [five["late"]]
    assert "نتائج البحث عن" in page and 'value="الفرع بطاقتك"' in page
    assert shown((await browser.get(link(page, "search-off"))).text) == [
        five[name] for name in ALL_OPEN
    ]
    assert (await browser.get("/find?q=")).headers["location"] == "/desk/"


async def test_digits_that_are_no_ticket_are_searched_in_the_words(
    house: Any, browser: Any
) -> None:
    number = await house.ticket("رقم معاملتي 554412 منذ شهر", address="z")
    found = await browser.get("/find?q=554412")
    assert shown((await browser.get(found.headers["location"][5:])).text) == [number]
    assert (await browser.get("/find?q=554413")).status_code == 404


async def test_long_queues_have_pages(
    house: Any, sara: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queue.PAGE == 50
    page_size = 4
    monkeypatch.setattr(queue, "PAGE", page_size)
    numbers = []
    for index in range(page_size + 3):
        numbers.append(await house.ticket(f"شكوى {index}", address=f"c{index}"))
    at_desk = house.browser()
    await at_desk.login(sara.name)
    first = (await at_desk.get("/?kind=complaint")).text
    assert shown(first) == numbers[:page_size]
    assert "page-before" not in first
    second = (await at_desk.get(link(first, "page-after"))).text
    assert shown(second) == numbers[page_size:]
    assert "page-after" not in second
    assert link(second, "page-before") == "/?kind=complaint"
    # Another filter begins on its first page.
    assert "page" not in link(second, "only-urgent")
    assert shown((await at_desk.get("/?page=99999999999999999999")).text) == numbers[:page_size]
    beyond = (await at_desk.get("/?page=999999999")).text
    assert shown(beyond) == [] and "لا توجد تذاكر بهذه التصفية" in beyond


async def test_whoever_wrote_it_is_told_that_it_did_not_arrive(
    house: Any, browser: Any, sara: Any, five: dict[str, str]
) -> None:
    mine, his = five["mine"], five["his"]
    written = await house.tickets.reply(mine, "رد سارة", sara.id)
    await house.tickets.reply(his, "رد عمر", 2)
    assert "undelivered-mine" not in (await browser.get("/")).text
    async with house.db.write() as session:
        await session.execute(update(OutboxRow).values(state="failed", failure="blocked_by_user"))
    for path in ("/", f"/tickets/{his}", "/part", f"/tickets/{his}/part"):
        page = (await browser.get(path)).text
        assert 'ردود كتبتَها ولم تصل <span class="count">1</span>' in page, path
    page = (await browser.get("/")).text
    assert shown((await browser.get(link(page, "undelivered-mine"))).text) == [mine]
    everybodys = link(page, "only-undelivered")
    assert shown((await browser.get(everybodys)).text) == [mine, his]
    # Closing does not hide it; sending again, or noting it, does.
    await house.tickets.close(mine, sara.id)
    assert shown((await browser.get(everybodys)).text) == [mine, his]
    await browser.get(f"/tickets/{mine}")
    await browser.post(f"/tickets/{mine}/messages/{written}/again")
    assert "undelivered-mine" not in (await browser.get("/")).text
