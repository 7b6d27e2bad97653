"""Nobody is shut out of the desk: axe finds nothing serious on any page, however it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from core.db.tables import OutboxRow
from core.messages import Media
from tests.desk.test_files import Post
from tests.support.axe import RUN, axe_script, grave

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


async def full_ticket(house: Any, folder: Any) -> str:
    """A ticket that shows all that a ticket can show."""
    sara = await house.staff.by_name("Sara Alqahtani")
    omar = await house.staff.add("Omar Haddad", "lead", PASSWORD)
    number: str = await house.ticket(
        department="passports-directorate", details={"what": "تأخر الجواز", "reference": "PA-42"}
    )
    urgent = await house.ticket(kind="urgent", urgent=True, address="citizen-2")
    post = Post(house, folder)
    await post(number)
    await post(number, "audio/ogg", media=Media("voice", "ref"))
    await post(number, "video/mp4", media=Media("video", "ref"))
    await post(number, "application/pdf", media=Media("document", "ref", "إيصال.pdf"))
    await post(number, None, state="refused", failure="type")
    failed = await house.tickets.reply(number, "رد لم يصل", sara.id)
    held = await house.tickets.reply(number, "رد ينتظر", sara.id)
    async with house.db.write() as session:
        for outbox_id, state in ((failed, "failed"), (held, "held")):
            await session.execute(
                update(OutboxRow).where(OutboxRow.id == outbox_id).values(state=state, failure="x")
            )
    await house.tickets.note(number, "ملاحظة", omar.id)
    await house.tickets.begin_answer(number, omar.id)
    await house.tickets.begin_answer(urgent, omar.id)
    return number


async def test_axe_finds_nothing_serious(
    house: Any, sara: Any, chromium: Any, served: str, tmp_path: Any
) -> None:
    number = await full_ticket(house, tmp_path / "attachments")
    found: dict[str, list[str]] = {}

    async def look(page: Any, name: str) -> None:
        await page.evaluate(axe_script())
        bad = grave(await page.evaluate(RUN))
        if bad:
            found[name] = bad

    for language in ("ar", "en"):
        context = await chromium.new_context()
        page = await context.new_page()
        page.set_default_timeout(30_000)
        await page.goto(f"{served}/desk/language/{language}?next=/desk/login")

        async def everywhere(name: str, page: Any = page, language: str = language) -> None:
            """Look at the page in light and dark, at a desk and on a phone."""
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                for width in (1280, 390):
                    await page.set_viewport_size({"width": width, "height": 844})
                    await look(page, f"{name} {language} {scheme} {width}")

        await page.fill("#name", sara.name)
        await page.fill("#password", "a wrong password")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#error")
        await everywhere("login")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/desk/")
        await everywhere("queue")
        await page.goto(f"{served}/desk/?kind=complaint&holder=me&q=PA-42&state=all")
        await everywhere("filtered queue")
        await page.goto(f"{served}/desk/tickets/{number}")
        await page.wait_for_selector("#answering-now")
        await everywhere("ticket")
        await page.keyboard.press("?")
        await everywhere("help")
        await page.goto(f"{served}/desk/password")
        await everywhere("password")
        await context.close()
    assert found == {}
