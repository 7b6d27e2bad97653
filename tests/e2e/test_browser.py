"""The main job in a real browser: a citizen on a phone, staff at a desk, one running Natiq."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML

from tests.e2e.conftest import Running
from tests.support.places import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse battery staple"
COMPLAINT = "معاملة جوازي من شهرين وكل مرة يقولون تعال بكرة وما حد يرد علي"
REPLY = "نعتذر عن التأخير. جوازك جاهز، وسيصلك غدًا بالبريد.\nشكرًا لصبرك."


def entry(topic: str, faq_id: str) -> dict[str, object]:
    """An entry as its editor wrote it."""
    path = ROOT / "faq" / "content" / f"{topic}.yml"
    data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return next(item for item in data["entries"] if item["id"] == faq_id)


@pytest.fixture
def phone(chromium: Browser, natiq: Running) -> Iterator[Page]:
    """A citizen's phone with the chat open."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, locale="ar", has_touch=True
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{natiq.origin}/chat")
    yield page
    context.close()
    assert problems == []


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox").fill(text)
    page.locator("#send").click()


def last_answer(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#messages")).to_contain_text(text, timeout=60_000)


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def desk_page(chromium: Browser, natiq: Running) -> Page:
    """A desk, logged in with the one-time password, which is changed at once."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{natiq.origin}/desk")
    page.locator("input[name=name]").fill("admin")
    page.locator("input[name=password]").fill(natiq.first_password())
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/password**")
    page.locator("input[name=new]").fill(PASSWORD)
    page.locator("input[name=again]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/?$"))
    return page


def test_question_gets_the_approved_answer_verbatim(phone: Page) -> None:
    say(phone, "كم رسوم تجديد جواز السفر؟")
    answer = entry("passports", "passport-renew-fees")["answer"]
    assert isinstance(answer, dict)
    expect(phone.locator("#messages")).to_contain_text(on_one_line(answer["ar"])[:60])
    shown = phone.locator("#messages li").last.inner_text()
    assert on_one_line(answer["ar"]) in on_one_line(shown)


def test_english_is_answered_in_english(phone: Page) -> None:
    say(phone, "How much does it cost to renew a passport?")
    answer = entry("passports", "passport-renew-fees")["answer"]
    assert isinstance(answer, dict)
    last_answer(phone, on_one_line(answer["en"])[:50])


def test_ambiguous_question_offers_choices_and_a_tap_answers(phone: Page) -> None:
    say(phone, "جواز جديد")
    choices = phone.locator("#messages li").last.get_by_role("button")
    expect(choices.first).to_be_visible(timeout=60_000)
    offered = choices.count()
    assert 3 <= offered <= 4, "two or three entries, and a way out"
    label = choices.first.inner_text().splitlines()[0]
    choices.first.click()
    shorts = {
        item["short"]["ar"]: item["answer"]["ar"]
        for path in (ROOT / "faq" / "content").glob("*.yml")
        for item in YAML(typ="safe").load(path.read_text(encoding="utf-8"))["entries"]
    }
    last_answer(phone, on_one_line(shorts[label])[:50])


def test_complaint_to_ticket_to_reply_to_citizen(
    phone: Page, chromium: Browser, natiq: Running
) -> None:
    say(phone, COMPLAINT)
    for question in ("أين حدث ذلك؟", "متى حدث ذلك؟", "رقم معاملة", "صورة أو مستند"):
        last_answer(phone, question)
        phone.locator("#messages li").last.get_by_role("button", name="تخطي").click()
    last_answer(phone, "هذا ما سأرفعه إلى الموظفين بكلماتك")
    phone.get_by_role("button", name="نعم، أرسل").last.click()
    last_answer(phone, "سجّلنا شكواك برقم")
    told = phone.locator("#messages").inner_text()
    found = re.search(r"برقم \u200e?([0-9]{3}-[0-9]{3})", told)
    assert found is not None
    number = found[1]

    queue = json.loads(natiq.natiq("ticket", "list", "--json"))["tickets"]
    assert [ticket["kind"] for ticket in queue if ticket["number"] == number] == ["complaint"]

    say(phone, "وش صار على شكواي؟")
    last_answer(phone, "عند الموظفين")

    desk = desk_page(chromium, natiq)
    desk.get_by_role("link", name=re.compile(number)).first.click()
    expect(desk.locator("body")).to_contain_text(COMPLAINT)
    desk.locator("textarea[name=text]").first.fill(REPLY)
    desk.keyboard.press("Control+Enter")
    last_answer(phone, "جوازك جاهز، وسيصلك غدًا بالبريد.")
    assert "admin" not in phone.locator("body").inner_text()

    # A human has the conversation now: the bot is mute, what is written reaches the desk.
    before = phone.locator("#messages li").count()
    say(phone, "شكرا جزيلا لكم")
    expect(desk.locator("body")).to_contain_text("شكرا جزيلا لكم", timeout=60_000)
    phone.wait_for_timeout(1_500)
    assert phone.locator("#messages li").count() == before + 1

    natiq.natiq("ticket", "close", number)
    last_answer(phone, "أُغلق الطلب رقم")
    say(phone, "كم رسوم تجديد جواز السفر؟")
    last_answer(phone, "30 دينارًا")


def test_reload_keeps_the_history(phone: Page) -> None:
    say(phone, "كم رسوم تجديد جواز السفر؟")
    last_answer(phone, "30 دينارًا")
    before = [on_one_line(text) for text in phone.locator("#messages li").all_inner_texts()]
    phone.reload()
    last_answer(phone, "30 دينارًا")
    after = [on_one_line(text) for text in phone.locator("#messages li").all_inner_texts()]
    assert after == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_pages_fit_and_read_right_to_left(
    chromium: Browser, natiq: Running, width: int, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    for path in ("/chat", "/desk/login"):
        page.goto(natiq.origin + path)
        assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()
