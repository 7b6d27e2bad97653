"""Two people at two desks at once, and a day's work with the keyboard alone."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

pytestmark = pytest.mark.browser

#: How long a machine that has much else to do may take, in milliseconds. How fast it is as a rule
#: is measured by `test_news_is_on_the_page_within_two_seconds` alone.
LIVE = 30_000


@pytest.fixture
async def omar(house: Any) -> Any:
    return await house.staff.add("Omar Haddad", "lead", "correct horse battery")


async def test_two_at_once_never_answer_twice_and_lose_no_draft(
    house: Any, sara: Any, omar: Any, desk_page: Any
) -> None:
    number = await house.ticket("أين معاملتي؟")
    hers, his = await desk_page(sara.name), await desk_page(omar.name)
    for page in (hers, his):
        await page.click(f"#t-{number}")
        await page.wait_for_selector("#reply")

    # Sara types: Omar sees it live, and keeps what he types himself.
    await his.focus("#reply")
    await hers.type("#reply", "Sara writes")
    await his.wait_for_selector("#answering-now >> text=Sara Alqahtani", timeout=LIVE)
    await his.keyboard.type("Omar's draft")
    assert await his.evaluate("document.activeElement.id") == "reply"

    # He sends nevertheless: nothing goes out, his text is there, and Sara is still the writer.
    await his.keyboard.press("Control+Enter")
    await his.wait_for_selector("#trouble")
    assert await his.input_value("#reply") == "Omar's draft"
    assert await house.sent(number) == []

    # Sara's reply goes out: he sees it live, nobody is writing any more, his draft is there.
    await hers.focus("#reply")
    await hers.keyboard.press("Control+Enter")
    await his.wait_for_selector(".bubble.staff >> text=Sara writes", timeout=LIVE)
    await his.wait_for_selector("#answering-now", state="detached", timeout=LIVE)
    await hers.wait_for_selector("[data-done=reply]")
    assert await hers.input_value("#reply") == ""
    assert await his.input_value("#reply") == "Omar's draft"

    # His draft is older than her reply, so it is asked once whether it is still needed.
    await his.focus("#reply")
    await his.keyboard.press("Control+Enter")
    await his.wait_for_selector("#trouble")
    assert await his.input_value("#reply") == "Omar's draft"
    await his.focus("#reply")
    await his.keyboard.press("Control+Enter")
    await his.wait_for_selector("[data-done=reply]")
    await hers.wait_for_selector(".bubble.staff >> text=Omar's draft", timeout=LIVE)
    assert [row.payload["text"] for row in await house.sent(number)] == [
        "Sara writes",
        "Omar's draft",
    ]
    # The citizen is told neither name.
    assert all("Sara Alq" not in str(row.payload) for row in await house.sent(number))


async def test_taking_over_is_seen_at_both_desks_and_moves_no_focus(
    house: Any, sara: Any, omar: Any, desk_page: Any
) -> None:
    number = await house.ticket()
    hers, his = await desk_page(sara.name), await desk_page(omar.name)
    for page in (hers, his):
        await page.click(f"#t-{number}")
        await page.wait_for_selector("#reply")
    await hers.type("#reply", "Half a reply")
    await his.wait_for_selector("#take-over", timeout=LIVE)
    await his.focus("#take-over")
    await his.keyboard.press("Enter")
    await hers.wait_for_selector("#answering-now >> text=Omar Haddad", timeout=LIVE)
    assert await hers.input_value("#reply") == "Half a reply"
    assert await hers.evaluate("document.activeElement.id") == "reply"
    await his.wait_for_function("document.activeElement.id === 'reply'")
    await his.keyboard.type("Mine")
    await his.keyboard.press("Control+Enter")
    await his.wait_for_selector("[data-done=reply]")
    await hers.wait_for_selector(".bubble.staff >> text=Mine", timeout=LIVE)

    # Who leaves the page without sending no longer holds others up.
    await hers.keyboard.type(" and more")
    await his.wait_for_selector("#answering-now >> text=Sara Alqahtani", timeout=LIVE)
    await hers.click("#to-queue")
    await his.wait_for_selector("#answering-now", state="detached", timeout=LIVE)
    await hers.click(f"#t-{number}")
    await hers.wait_for_selector("#reply")
    assert await hers.input_value("#reply") == "Half a reply and more"


async def test_news_is_on_the_page_within_two_seconds(
    house: Any, sara: Any, omar: Any, desk_page: Any
) -> None:
    """The middle one of five, so that a pause of the machine decides nothing."""
    queue, talk = await desk_page(sara.name), await desk_page(omar.name)
    number = await house.ticket()
    await talk.click(f"#t-{number}")
    await talk.wait_for_selector("#reply")
    took: dict[str, list[float]] = {"ticket": [], "message": []}
    for turn in range(5):
        began = time.monotonic()
        new = await house.ticket(address=f"citizen-{turn + 2}")
        await queue.wait_for_selector(f"#t-{new}", timeout=LIVE)
        took["ticket"].append(time.monotonic() - began)
        began = time.monotonic()
        await house.says(f"هل من جديد {turn}؟")
        await talk.wait_for_selector(f"text=هل من جديد {turn}؟", timeout=LIVE)
        took["message"].append(time.monotonic() - began)
    assert {what: statistics.median(times) < 2 for what, times in took.items()} == {
        "ticket": True,
        "message": True,
    }, took


async def test_the_queue_is_live_and_steals_no_focus(
    house: Any, sara: Any, omar: Any, desk_page: Any
) -> None:
    first = await house.ticket()
    hers, his = await desk_page(sara.name), await desk_page(omar.name)
    await hers.keyboard.press("j")
    assert await hers.evaluate("document.activeElement.id") == f"t-{first}"
    second = await house.ticket(urgent=True, address="citizen-2")
    await hers.wait_for_selector(f"#t-{second}", timeout=LIVE)
    assert await hers.evaluate("document.activeElement.id") == f"t-{first}"
    await hers.wait_for_selector("#news >> text=وصلت تذكرة جديدة", state="attached")
    await his.goto(f"{his.url.rstrip('/')}/tickets/{first}")
    await his.type("#reply", "x")
    await hers.wait_for_selector(".writing >> text=Omar Haddad", timeout=LIVE)


async def focus_by_tab(page: Any, identity: str, *, key: str = "Tab") -> None:
    """Press Tab until the element with this id has the focus."""
    for _ in range(80):
        if await page.evaluate("document.activeElement.id") == identity:
            return
        await page.keyboard.press(key)
    raise AssertionError(f"Tab never reached #{identity}")


async def test_the_keyboard_alone_suffices(
    house: Any, sara: Any, chromium: Any, served: str
) -> None:
    number = await house.ticket("أين معاملتي؟")
    await house.ticket("أخرى", address="citizen-2")
    page = await (await chromium.new_context()).new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"{served}/desk/")
    keys = page.keyboard

    # The name has the focus at once.
    await keys.type(sara.name)
    await keys.press("Tab")
    await keys.type("correct horse battery")
    await keys.press("Enter")
    await page.wait_for_url("**/desk/")

    # The first stop is the way past the header, and the focus can be seen.
    await keys.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    await keys.press("Enter")
    await focus_by_tab(page, f"t-{number}")
    await keys.press("Enter")
    await page.wait_for_selector("#reply")
    await focus_by_tab(page, "reply")
    await keys.type("Your file is ready.")
    await focus_by_tab(page, "reply", key="Shift+Tab")
    await keys.press("Control+Enter")
    await page.wait_for_selector("[data-done=reply]")
    await focus_by_tab(page, "close")
    await keys.press("Enter")
    await page.wait_for_selector("[data-done=closed]")
    assert (await house.tickets.show(number)).ticket.state == "closed"
    assert (await house.sent(number))[0].payload["text"] == "Your file is ready."

    # The same with shortcuts, on an Arabic keyboard as well.
    await keys.press("q")
    await page.wait_for_url("**/desk/")
    await keys.press("/")
    assert await page.evaluate("document.activeElement.id") == "find"
    await keys.type("j/?")  # typing is typing
    assert await page.input_value("#find") == "j/?"
    await keys.press("Escape")
    await page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent("
        "'keydown', {key: 'ت', code: 'KeyJ', bubbles: true}))"
    )
    assert (await page.evaluate("document.activeElement.id")).startswith("t-")
    await keys.press("Enter")
    await page.wait_for_selector("#reply")
    for key, identity in (("r", "reply"), ("Escape", ""), ("n", "note"), ("Escape", "")):
        await keys.press(key)
        assert await page.evaluate("document.activeElement.id") == identity

    # All of them are listed, and can be switched off.
    await keys.press("?")
    assert await page.evaluate("document.getElementById('help').open")
    await focus_by_tab(page, "use-keys")
    await keys.press("Space")
    await keys.press("Escape")
    assert not await page.evaluate("document.getElementById('help').open")
    await keys.press("r")
    assert await page.evaluate("document.activeElement.id") != "reply"
    await page.reload()
    await keys.press("r")
    assert await page.evaluate("document.activeElement.id") != "reply"


async def test_nothing_moves_for_those_who_asked_for_less_motion(
    house: Any, sara: Any, chromium: Any, served: str
) -> None:
    number = await house.ticket()
    for motion, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        context = await chromium.new_context(reduced_motion=motion)
        page = await context.new_page()
        await page.goto(f"{served}/desk/tickets/{number}")
        await page.fill("#name", sara.name)
        await page.fill("#password", "correct horse battery")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".bubbles")
        style = "getComputedStyle(document.querySelector('.bubbles')).scrollBehavior"
        assert await page.evaluate(style) == behaviour


async def test_without_a_script_everything_is_done_by_links_and_forms(
    house: Any, sara: Any, chromium: Any, served: str
) -> None:
    number = await house.ticket()
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"{served}/desk/")
    await page.fill("#name", sara.name)
    await page.fill("#password", "correct horse battery")
    await page.keyboard.press("Enter")
    await page.click("#only-me")
    assert await page.locator(f"#t-{number}").count() == 0
    await page.click("#only-me")
    await page.click("#more-filters")
    await page.select_option("#kind", "complaint")
    await page.click("#apply")
    assert "kind=complaint" in page.url
    await page.click(f"#t-{number}")
    await page.fill("#reply", "Without a script")
    await page.click("#reply-form > button")
    await page.wait_for_url("**done=reply")
    await page.click("#close")
    await page.wait_for_url("**done=closed")
    await page.click("#reopen")
    await page.wait_for_url("**done=reopened")
