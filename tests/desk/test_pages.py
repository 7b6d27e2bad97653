"""The pages as such: languages, direction, headers, errors, style sheet, and words."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import structlog

import desk
from core.errors import ConfigError
from core.logs import setup_logging
from desk.words import load_words

ROOM = Path(desk.__file__).parent
VOID = {"meta", "link", "input", "br", "img"}


class Outline(HTMLParser):
    """Checks that tags are closed, ids unique and fields labelled."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag == "label":
            self.labelled.add(str(found["for"]))
        if tag in ("input", "textarea", "select") and found.get("type") != "hidden":
            self.fields.append(found)
        self.inline += [name for name in found if name.startswith("on") or name == "style"]
        if tag in ("script", "style") and "src" not in found:
            self.inline.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"


def outline(page: str) -> Outline:
    """Parse a page."""
    parsed = Outline()
    parsed.feed(page)
    parsed.close()
    assert parsed.open == []
    return parsed


async def test_every_page_is_whole_labelled_and_free_of_inline_code(
    house: Any, at_desk: Any
) -> None:
    number = await house.ticket()
    await at_desk.post(f"/tickets/{number}/reply", text="رد", seen="0")
    await house.staff.add("Omar Haddad", "lead", "correct horse battery")
    pages = [await house.browser().get("/login")]
    for path in ("/", f"/tickets/{number}", "/password", "/nowhere", "/tickets/111-111"):
        pages.append(await at_desk.get(path))
    pages.append(await at_desk.post(f"/tickets/{number}/reply", text="", seen="99"))
    for page in pages:
        parsed = outline(page.text)
        assert len(set(parsed.ids)) == len(parsed.ids)
        assert all(field.get("id") in parsed.labelled for field in parsed.fields)
        assert parsed.inline == []
        assert page.text.count("<h1") == 1
        assert 'href="#content"' in page.text and 'id="content"' in page.text


async def test_arabic_from_the_right_is_the_default_and_english_a_choice(at_desk: Any) -> None:
    page = await at_desk.get("/")
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "وزارة نموذجية" in page.text and "وزارة الخدمات العامة" in page.text
    switched = await at_desk.get("/language/en?next=/desk/password")
    assert switched.headers["location"] == "/desk/password"
    page = await at_desk.get("/")
    assert '<html lang="en" dir="ltr">' in page.text
    assert "fictional sample ministry" in page.text
    words = re.sub(r"<a [^>]*lang=\"ar\"[^>]*>[^<]*</a>", "", page.text)
    assert not re.search("[\u0600-\u06ff]", words)
    away = await at_desk.get("/language/ar?next=https://evil.example/")
    assert away.headers["location"] == "/desk/"


async def test_security_headers_are_on_everything(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    stranger = house.browser()
    answers = [
        await stranger.get("/login"),
        await stranger.get("/"),
        await stranger.get("/part"),
        await at_desk.get(f"/tickets/{number}"),
        await at_desk.get("/nowhere"),
        await at_desk.post("/tickets/x/reply", csrf="wrong"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    style = await stranger.get("/static/desk.css")
    assert style.headers["cache-control"] == "no-cache"
    assert style.headers["content-type"].startswith("text/css")


async def test_there_is_no_description_of_the_addresses(at_desk: Any) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        page = await at_desk.get(path)
        assert page.status_code == 404 and "الصفحة غير موجودة" in page.text


async def test_an_unforeseen_error_shows_a_page_and_no_details(
    house: Any, at_desk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.ticket("كلام المواطن")
    async with house.db.write() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("ALTER TABLE ticket_events RENAME TO elsewhere")
    setup_logging()
    try:
        page = await at_desk.get("/")
    finally:
        structlog.reset_defaults()
    assert page.status_code == 500
    assert "حدث خطأ عندنا" in page.text
    seen = page.text + "".join(capsys.readouterr())
    assert "ticket_events" not in page.text and "Traceback" not in seen
    assert "desk request failed" in seen and "OperationalError" in seen
    assert "كلام المواطن" not in seen


async def test_a_huge_body_is_refused(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    page = await at_desk.post(f"/tickets/{number}/reply", text="x" * 400_000)
    assert page.status_code == 413 and "أطول مما يمكن قبوله" in page.text
    assert await house.sent(number) == []


def test_the_style_sheet_uses_logical_properties_alone() -> None:
    style = (ROOM / "static" / "desk.css").read_text(encoding="utf-8")
    rules = re.sub(r"/\*.*?\*/", "", style, flags=re.S)
    assert not re.search(r"\b(left|right)\b", rules)
    physical = r"^\s*(?:min-|max-)?(?:width|height|top|bottom)\s*:"
    assert not re.search(physical, re.sub(r"[{;]", "\n", rules), flags=re.M)
    assert "prefers-color-scheme: dark" in rules and ":focus-visible" in rules
    assert "url(" not in rules and "@import" not in rules


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: int) -> None:
    style = (ROOM / "static" / "desk.css").read_text(encoding="utf-8")
    colours = _colours(re.findall(r":root \{(.*?)\}", style, flags=re.S)[scheme])
    pairs = [
        ("text", ("ground", "surface", "sunken", "accent-soft", "bad-soft", "warn-soft", "staff")),
        ("muted", ("ground", "surface", "sunken", "accent-soft", "staff")),
        ("accent", ("ground", "surface", "accent-soft")),
        ("bad", ("surface", "sunken", "bad-soft", "staff", "accent-soft")),
        ("warn", ("warn-soft", "sunken")),
        ("on-accent", ("accent",)),
    ]
    for text, grounds in pairs:
        for ground in grounds:
            one, two = sorted((_luminance(colours[text]), _luminance(colours[ground])))
            assert (two + 0.05) / (one + 0.05) >= 4.5, (text, ground)
    one, two = sorted((_luminance(colours["edge"]), _luminance(colours["surface"])))
    assert (two + 0.05) / (one + 0.05) >= 3


def test_both_languages_have_the_same_words_and_the_templates_use_only_those() -> None:
    words = load_words()
    used: set[str] = set()
    for template in (ROOM / "templates").glob("*.html"):
        text = template.read_text(encoding="utf-8")
        used |= set(re.findall(r't\["([a-z_]+)"\]', text))
        used |= set(re.findall(r't\.say\("([a-z_]+)"', text))
        assert not re.search("[\u0600-\u06ff]", text), template.name
    assert used and all(key in words["ar"] and key in words["en"] for key in used)


def test_a_missing_word_or_slot_is_refused(tmp_path: Path) -> None:
    for language in ("ar", "en"):
        text = (ROOM / "strings" / f"{language}.yml").read_text(encoding="utf-8")
        (tmp_path / f"{language}.yml").write_text(text, encoding="utf-8")
    load_words(tmp_path)
    whole = (tmp_path / "en.yml").read_text(encoding="utf-8")
    (tmp_path / "en.yml").write_text(whole.replace("\nqueue: Queue", ""), encoding="utf-8")
    with pytest.raises(ConfigError, match="queue"):
        load_words(tmp_path)
    (tmp_path / "en.yml").write_text(whole.replace("in {wait}", "in {time}"), encoding="utf-8")
    with pytest.raises(ConfigError, match="login_throttled"):
        load_words(tmp_path)


@pytest.mark.parametrize(
    ("minutes", "arabic", "english"),
    [
        (0.5, "أقل من دقيقة", "less than a minute"),
        (1, "دقيقة واحدة", "1 minute"),
        (2, "دقيقتين", "2 minutes"),
        (7, "7 دقائق", "7 minutes"),
        (11, "11 دقيقة", "11 minutes"),
        (60, "ساعة واحدة", "1 hour"),
        (125, "ساعتين", "2 hours"),
        (47 * 60, "47 ساعة", "47 hours"),
        (48 * 60, "يومين", "2 days"),
        (15 * 24 * 60, "15 يومًا", "15 days"),
        (102 * 24 * 60, "102 يوم", "102 days"),
        (105 * 24 * 60, "105 أيام", "105 days"),
    ],
)
def test_spans_of_time_agree_with_their_number(minutes: float, arabic: str, english: str) -> None:
    words = load_words()
    span = timedelta(minutes=minutes)
    assert (words["ar"].span(span), words["en"].span(span)) == (arabic, english)
