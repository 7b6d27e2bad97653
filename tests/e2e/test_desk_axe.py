"""The citizens' page, and the way to the desk on the first run, as axe-core judges them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Running
from tests.support.axe import RUN, axe_script, grave

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def looker(page: Page, found: dict[str, list[str]]) -> Callable[[str], None]:
    """Looks at the page in light and dark, at a desk and on a phone."""

    def look(name: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 844})
                page.evaluate(axe_script())
                bad = grave(page.evaluate(RUN))
                if bad:
                    found[f"{name} {scheme} {width}"] = bad

    return look


@pytest.fixture(scope="module")
def first_password(natiq: Running) -> str:
    """The one-time password, which nobody changes here."""
    return natiq.first_password()


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_chat_page(chromium: Browser, natiq: Running, language: str) -> None:
    found: dict[str, list[str]] = {}
    context = chromium.new_context(locale=language)
    page = context.new_page()
    page.goto(f"{natiq.origin}/chat?language={language}")
    look = looker(page, found)
    look("empty")
    page.get_by_role("textbox").first.fill("جواز جديد" if language == "ar" else "new passport")
    page.locator("#send").click()
    expect(page.locator("#messages li").last.get_by_role("button").first).to_be_visible(
        timeout=20_000
    )
    look("with an answer and choices")
    context.close()
    assert found == {}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_first_login(
    chromium: Browser, natiq: Running, first_password: str, language: str
) -> None:
    """Up to the page on which the one-time password is changed."""
    found: dict[str, list[str]] = {}
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{natiq.origin}/desk/language/{language}?next=/desk/login")
    look = looker(page, found)
    look("login")
    page.locator("#name").fill("admin")
    page.locator("#password").fill(first_password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/password**")
    look("one-time password")
    context.close()
    assert found == {}
