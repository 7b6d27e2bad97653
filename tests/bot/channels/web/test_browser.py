"""The page in a real browser: what a citizen does with it, and what must not happen to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from core.db.tables import ConversationRow, InboxRow, OutboxRow
from core.messages import Choice, Link
from tests.support.chromium import ARGUMENTS, chromium_path

pytestmark = pytest.mark.browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(
            executable_path=chromium_path(), args=list(ARGUMENTS)
        )
        yield made
        await made.close()


@pytest.fixture
async def origin(house: Any, serve: Any) -> AsyncIterator[str]:
    async with serve(house.app) as address:
        yield address


@pytest.fixture
async def page(browser: Browser, origin: str) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    made = await context.new_page()
    mistakes: list[str] = []
    made.on("pageerror", lambda error: mistakes.append(str(error)))
    await made.goto(f"{origin}/chat")
    yield made
    assert mistakes == []
    await context.close()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("رسالتك").fill(text)
    await page.get_by_role("button", name="إرسال").click()


async def conversation_of(house: Any) -> int:
    async with house.deps.db.read() as session:
        found = await session.scalar(select(ConversationRow.id).order_by(ConversationRow.id.desc()))
    assert found is not None
    return int(found)


async def inbox_texts(house: Any) -> list[tuple[str, str | None]]:
    async with house.deps.db.read() as session:
        rows = await session.scalars(select(InboxRow).order_by(InboxRow.id))
        return [(row.text, row.choice) for row in rows]


async def outbox_states(house: Any) -> list[str]:
    async with house.deps.db.read() as session:
        return list(await session.scalars(select(OutboxRow.state).order_by(OutboxRow.id)))


async def test_question_answer_choice_and_reload(house: Any, page: Page) -> None:
    assert await page.locator("html").get_attribute("dir") == "rtl"
    await write(page, "كم رسوم الجواز؟")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await expect(page.locator("#typing")).to_be_visible()
    conversation = await conversation_of(house)
    await house.handle_all()
    await house.answer(
        conversation,
        "أيَّ خدمة تقصد؟",
        choices=(Choice("a", "تجديد", "تجديد الجواز"), Choice("b", "بدل فاقد")),
        links=(Link("البوابة", "https://portal.example/"), Link("شر", "javascript:alert(1)")),
    )
    await house.send_all()
    await expect(page.locator("#typing")).to_be_hidden()
    link = page.get_by_role("link", name="البوابة")
    assert await link.get_attribute("target") == "_blank"
    assert "noopener" in (await link.get_attribute("rel") or "")
    assert await page.locator(".links a").count() == 1
    await page.get_by_role("button", name="تجديد").click()
    await expect(page.locator(".message.in.received")).to_have_count(2)
    assert await inbox_texts(house) == [("كم رسوم الجواز؟", None), ("تجديد", "a")]
    buttons = page.locator(".choices button")
    assert [await buttons.nth(n).is_disabled() for n in range(2)] == [True, True]
    await expect(page.locator(".message")).to_have_text(
        [re.compile("كم رسوم الجواز؟"), re.compile("أيَّ خدمة تقصد؟"), re.compile("تجديد")]
    )
    before = await page.locator(".message .text").all_inner_texts()
    await page.reload()
    await expect(page.locator(".message")).to_have_count(3)
    assert await page.locator(".message .text").all_inner_texts() == before
    async with asyncio.timeout(60):
        while await outbox_states(house) != ["delivered"]:  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.05)


async def test_what_was_written_offline_arrives_once_and_in_order(house: Any, page: Page) -> None:
    await write(page, "قبل")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await page.context.set_offline(True)
    for text in ("أول", "ثان", "ثالث"):
        await write(page, text)
    await expect(page.locator("#connection")).to_be_visible()
    await expect(page.locator(".message.in.sending")).to_have_count(3)
    await page.context.set_offline(False)
    await expect(page.locator(".message.in.received")).to_have_count(4, timeout=15_000)
    await expect(page.locator("#connection")).to_be_hidden(timeout=15_000)
    assert [text for text, _ in await inbox_texts(house)] == ["قبل", "أول", "ثان", "ثالث"]


async def test_an_answer_that_is_lost_on_the_way_doubles_nothing(house: Any, page: Page) -> None:
    """The server stores the message, but the page never hears of it, and is then reloaded."""

    async def swallow(route: Route) -> None:
        if route.request.method == "POST":
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/chat/api/messages", swallow)
    await write(page, "مرة واحدة")
    await expect(page.locator("#connection")).to_be_visible()
    assert len(await inbox_texts(house)) == 1
    await page.unroute("**/chat/api/messages")
    await page.reload()
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await expect(page.locator(".message")).to_have_count(1)
    assert len(await inbox_texts(house)) == 1


async def test_unsent_messages_outlive_the_page(house: Any, page: Page) -> None:
    await page.route("**/chat/api/**", lambda route: route.abort())
    await write(page, "ما زلت هنا")
    await expect(page.locator(".message.in.sending")).to_have_count(1)
    await page.unroute("**/chat/api/**")
    await page.reload()
    await expect(page.locator(".message.in.received")).to_have_count(1)
    assert await inbox_texts(house) == [("ما زلت هنا", None)]


async def test_a_failure_can_be_retried(house: Any, page: Page) -> None:
    async def refuse(route: Route) -> None:
        error = {"code": "unavailable", "message": {"ar": "تعذَّر الآن", "en": "Not now"}}
        await route.fulfill(status=503, json={"error": error}, headers={"Retry-After": "600"})

    await page.route("**/chat/api/messages", refuse)
    await write(page, "أعدها")
    await expect(page.locator(".message.in.failed")).to_contain_text("تعذَّر الآن")
    await page.unroute("**/chat/api/messages")
    await page.get_by_role("button", name="إعادة المحاولة").click()
    await expect(page.locator(".message.in.received")).to_have_count(1)
    assert await inbox_texts(house) == [("أعدها", None)]


async def test_a_flood_is_slowed_and_nothing_is_lost(house: Any, page: Page) -> None:
    texts = [f"رسالة {number}" for number in range(24)]
    for text in texts:
        await write(page, text)
    await expect(page.locator(".message.in.received")).to_have_count(24, timeout=20_000)
    assert [text for text, _ in await inbox_texts(house)] == texts


async def test_texts_stay_texts(house: Any, page: Page) -> None:
    await write(page, "<b>سؤال</b>")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    hostile = (
        "<img src=x onerror=alert(1)> http://plain.example javascript:alert(1) "
        "https://good.example/a?b=c، ثم 920001234."
    )
    await house.say(await conversation_of(house), hostile)
    answer = page.locator(".message.out .text")
    await expect(answer).to_have_text(hostile)
    links = answer.locator("a")
    await expect(links).to_have_count(1)
    assert await links.get_attribute("href") == "https://good.example/a?b=c"
    assert await page.locator(".message img, .message b").count() == 0


async def test_language_and_mode(house: Any, page: Page) -> None:
    await write(page, "أريد موظفًا")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    conversation = await conversation_of(house)
    await house.set_mode(conversation, "human")
    await expect(page.locator("#staff")).to_be_visible()
    await house.answer(conversation, "معك، تفضّل.", kind="staff")
    await house.send_all()
    await expect(page.locator(".message.staff")).to_contain_text("من موظفي الوزارة")
    await page.get_by_role("button", name="English").click()
    assert await page.locator("html").get_attribute("dir") == "ltr"
    await expect(page.locator("#name")).to_have_text("Ministry of Public Services")
    await expect(page.locator(".message.staff")).to_contain_text("From a member of staff")
    await page.reload()
    assert await page.locator("html").get_attribute("lang") == "en"
    await expect(page.get_by_placeholder("Write your message here")).to_be_visible()


async def test_topics_are_a_tap_or_a_key_away(house: Any, page: Page) -> None:
    await page.get_by_role("button", name="الموضوعات").click()
    await expect(page.locator(".message.in.received")).to_have_count(1)
    conversation = await conversation_of(house)
    await house.answer(
        conversation,
        "اختر الموضوع الذي تسأل عنه.",
        choices=(Choice("menu:a", "إقامة الزائرين وتم…", "إقامة الزائرين وتمديدها"),),
    )
    await house.answer(conversation, "وبقي طلبك.", choices=(Choice("yes:1", "نعم، أرسل"),))
    await house.send_all()
    # What was said in one turn can be tapped, all of it, and the whole title is read.
    rows = page.locator(".choices button")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("إقامة الزائرين وتمديدها")
    assert [await rows.nth(n).is_enabled() for n in range(2)] == [True, True]
    await rows.nth(0).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.in.received")).to_have_count(2)
    assert [await rows.nth(n).is_enabled() for n in range(2)] == [False, False]
    await page.get_by_role("button", name="English").click()
    topics = page.get_by_role("button", name="Topics")
    await topics.focus()
    await page.keyboard.press("Space")
    await expect(page.locator(".message.in.received")).to_have_count(3)
    assert await inbox_texts(house) == [
        ("الموضوعات", "menu"),
        ("إقامة الزائرين وتم…", "menu:a"),
        ("Topics", "menu"),
    ]


async def test_topics_are_not_offered_while_a_human_speaks(house: Any, page: Page) -> None:
    await write(page, "أريد موظفًا")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    topics = page.get_by_role("button", name="الموضوعات")
    await topics.focus()
    conversation = await conversation_of(house)
    await house.set_mode(conversation, "human")
    await expect(topics).to_be_hidden()
    await expect(page.get_by_label("رسالتك")).to_be_focused()  # the focus is not lost
    await house.set_mode(conversation, "bot")
    await expect(topics).to_be_visible()


async def test_a_new_conversation_forgets_the_old_on_this_device(house: Any, page: Page) -> None:
    await write(page, "قديم")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await page.get_by_role("button", name="قائمة الخيارات").click()
    await page.get_by_role("menuitem", name="بدء محادثة جديدة").click()
    await page.get_by_role("button", name="رجوع").click()
    await expect(page.locator(".message")).to_have_count(1)
    await page.get_by_role("button", name="قائمة الخيارات").click()
    await page.get_by_role("menuitem", name="بدء محادثة جديدة").click()
    await page.get_by_role("button", name="بدء محادثة جديدة").click()
    await expect(page.locator("#empty")).to_be_visible()
    await expect(page.locator(".message")).to_have_count(0)
    await write(page, "جديد")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    async with house.deps.db.read() as session:
        assert len(list(await session.scalars(select(ConversationRow.id)))) == 2


async def test_keys(house: Any, page: Page) -> None:
    field = page.get_by_label("رسالتك")
    await field.press_sequentially("سطر")
    await field.press("Shift+Enter")
    await field.press_sequentially("آخر")
    await field.press("Enter")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await field.press_sequentially("   ")
    await field.press("Enter")
    assert await inbox_texts(house) == [("سطر\nآخر", None)]


async def test_without_a_stream_it_asks_for_news(house: Any, page: Page) -> None:
    await page.route("**/chat/api/events", lambda route: route.abort())
    await write(page, "سؤال")
    await expect(page.locator(".message.in.received")).to_have_count(1)
    await expect(page.locator("#typing")).to_be_visible()
    await house.handle_all()
    await house.say(await conversation_of(house), "جواب أول")
    await expect(page.locator(".message.out")).to_have_count(1, timeout=10_000)
    await expect(page.locator("#typing")).to_be_hidden()
    await house.say(await conversation_of(house), "جواب ثان")
    await expect(page.locator(".message.out")).to_have_count(2, timeout=10_000)
    await expect(page.locator("#connection")).to_be_hidden()


async def test_embedded_without_storage(make_house: Any, serve: Any, browser: Browser) -> None:
    house = make_house(frame_ancestors="http://localhost:*")

    async def site(request: Request) -> Response:
        script = f"http://127.0.0.1:{request.url.port}/chat/embed.js"
        return HTMLResponse(
            f'<!doctype html><html lang="ar" dir="rtl"><body><script src="{script}"></script>'
        )

    house.app.router.add_route("/site", site)
    async with serve(house.app) as origin:
        context = await browser.new_context(viewport={"width": 390, "height": 844})
        # As a browser does that keeps nothing for frames of other sites.
        await context.add_init_script(
            "Object.defineProperty(window, 'localStorage', "
            "{ get() { throw new DOMException('no', 'SecurityError'); } });"
        )
        page = await context.new_page()
        await page.goto(origin.replace("127.0.0.1", "localhost") + "/site")
        await page.get_by_role("button", name="فتح المحادثة").click()
        frame = page.frame_locator("iframe")
        await frame.get_by_label("رسالتك").fill("من موقع آخر")
        await frame.get_by_role("button", name="إرسال").click()
        await expect(frame.locator(".message.in.received")).to_have_count(1)
        await frame.get_by_label("رسالتك").press("Escape")
        await expect(page.locator("iframe")).to_be_hidden()
        await expect(page.get_by_role("button", name="فتح المحادثة")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(frame.locator(".message.in.received")).to_have_count(1)
        await context.close()
    assert await inbox_texts(house) == [("من موقع آخر", None)]


# -- following an earlier request ---------------------------------------------------------------


async def test_a_request_is_followed_by_number_and_code(house: Any, page: Page) -> None:
    await page.get_by_role("button", name="متابعة طلب سابق").click()
    await page.get_by_label("رقم الطلب").fill("٤٨٢٧٣١")
    await page.get_by_label("الرمز السري").fill("۰۱۷۳ 4652")
    await page.keyboard.press("Enter")
    await expect(page.locator("#resume-dialog")).to_be_hidden()
    await expect(page.locator(".message.in.received")).to_have_count(1)
    assert await inbox_texts(house) == [("482-731 0173-4652", "resume")]
    await expect(page.locator(".message.in .text")).to_have_text("482-731 ••••-••••")
    # Neither the page nor what it keeps on the device holds the code any longer.
    kept = await page.evaluate("() => JSON.stringify(localStorage) + document.body.outerHTML")
    assert "4652" not in kept
    assert await page.locator("#resume-code").input_value() == ""


async def test_digits_that_are_missing_are_said_and_nothing_is_sent(house: Any, page: Page) -> None:
    await page.get_by_role("button", name="متابعة طلب سابق").click()
    await page.get_by_label("رقم الطلب").fill("482-731")
    await page.get_by_label("الرمز السري").fill("1234")
    await page.locator("#resume-form").get_by_role("button", name="متابعة").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("الرمز السري")).to_be_focused()
    await expect(page.get_by_label("الرمز السري")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("رقم الطلب")).to_have_attribute("aria-invalid", "false")
    await page.keyboard.press("Escape")
    await expect(page.locator("#resume-dialog")).to_be_hidden()
    await expect(page.get_by_role("button", name="متابعة طلب سابق")).to_be_focused()
    assert await inbox_texts(house) == []
    await page.get_by_role("button", name="متابعة طلب سابق").click()
    await expect(page.get_by_role("alert")).to_be_hidden()
    assert await page.get_by_label("رقم الطلب").input_value() == ""


async def test_a_code_that_waits_for_the_network_is_not_shown(house: Any, page: Page) -> None:
    await page.context.set_offline(True)
    await page.get_by_role("button", name="متابعة طلب سابق").click()
    await page.get_by_label("رقم الطلب").fill("482731")
    await page.get_by_label("الرمز السري").fill("01734652")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.in .text")).to_have_text("482-731 ••••-••••")
    await page.context.set_offline(False)
    await page.reload()
    await expect(page.locator(".message.in.received")).to_have_count(1, timeout=15_000)
    await expect(page.locator(".message.in .text")).not_to_contain_text("4652")
    assert await inbox_texts(house) == [("482-731 0173-4652", "resume")]
