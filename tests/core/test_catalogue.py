"""The reply catalogue: the same lines in each language, typed slots, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.catalogue import LANGUAGES, Catalogue, say_date
from core.errors import ConfigError
from core.messages import Choice, Link, Origin, text_hash
from core.own_words import OwnPart

ZONE = ZoneInfo("Asia/Riyadh")
NOON = datetime(2026, 8, 3, 12, 5, tzinfo=UTC)

AR = """\
language: ar
lines:
  hello: أهلًا بك.
  opened: "سجّلنا شكواك برقم {number}.\\nسيجيبك موظف قبل {date}."
  about: "هذا حساب {title}."
labels:
  yes: نعم
"""
EN = """\
language: en
lines:
  hello: Welcome.
  opened: "Your complaint is number {number}.\\nStaff will answer by {date}."
  about: "This is the account of {title}."
labels:
  yes: "Yes"
"""

Make = Callable[..., Catalogue]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def run(ar: str | bytes | None = AR, en: str | bytes | None = EN) -> Catalogue:
        for name, content in (("ar.yml", ar), ("en.yml", en)):
            if content is not None:
                raw = content if isinstance(content, bytes) else content.encode("utf-8")
                (tmp_path / name).write_bytes(raw)
        return Catalogue.load(tmp_path, ZONE)

    return run


def test_a_line_is_filled_and_says_which_template_it_is(make: Make) -> None:
    choices, links = (Choice("y", "نعم"),), (Link("الخدمة", "https://services.example"),)
    message = make().line("opened", "ar", number="1234-5", date=NOON, choices=choices, links=links)
    assert message.text == (
        "سجّلنا شكواك برقم \u200e1234-5.\nسيجيبك موظف قبل الاثنين 3 أغسطس 2026 الساعة 15:05."
    )
    template = "سجّلنا شكواك برقم {number}.\nسيجيبك موظف قبل {date}."
    assert message.origin == Origin("line", "opened", text_hash(template))
    assert (message.language, message.choices, message.links) == ("ar", choices, links)


def test_a_label_and_the_keys(make: Make) -> None:
    made = make()
    assert (made.label("yes", "ar"), made.label("yes", "en")) == ("نعم", "Yes")
    assert made.keys == {"hello", "opened", "about"}
    with pytest.raises(KeyError):
        made.line("other", "ar")
    with pytest.raises(KeyError):
        made.label("other", "ar")


@pytest.mark.parametrize(
    ("key", "slots"),
    [
        ("hello", {"number": 1}),
        ("opened", {}),
        ("opened", {"number": 1}),
        ("opened", {"number": 1, "date": NOON, "title": "x"}),
        ("about", {"number": 1}),
    ],
)
def test_a_missing_or_superfluous_slot_is_refused(
    make: Make, key: str, slots: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"line {key} takes"):
        make().line(key, "ar", **slots)


@pytest.mark.parametrize(
    "number",
    ["", "twelve", "12a", "-1", -1, "1-", "1--2", "1 2", "1\n", 1.5, True, "1" * 21, "١٢", b"1"],
)
def test_a_number_is_digits_with_hyphens_between(make: Make, number: Any) -> None:
    with pytest.raises(ValueError, match="slot number"):
        make().line("opened", "en", number=number, date=NOON)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        ("0012", "0012"),
        ("1" * 20, "1" * 20),
        # The mark keeps Arabic text from showing the groups in the other order.
        ("1234-5", "\u200e1234-5"),
        ("12-34-56", "\u200e12-34-56"),
    ],
)
def test_numbers_that_are_right(make: Make, number: Any, said: str) -> None:
    assert f" {said}." in make().line("opened", "en", number=number, date=NOON).text


@pytest.mark.parametrize("moment", ["tomorrow", date(2026, 8, 3), NOON.replace(tzinfo=None), 5])
def test_a_date_is_a_moment_with_its_zone(make: Make, moment: Any) -> None:
    with pytest.raises(ValueError, match="slot date"):
        make().line("opened", "en", number=1, date=moment)


@pytest.mark.parametrize(
    "title", ["", " ", "two\nlines", "x" * 201, "\u202egnihtyna", "a\x00", "tab\t", 5, ["x"]]
)
def test_a_title_is_one_printable_line(make: Make, title: Any) -> None:
    with pytest.raises(ValueError, match="slot title"):
        make().line("about", "en", title=title)


def test_a_title_is_said_as_it_is(make: Make) -> None:
    """Braces in it are not slots."""
    said = make().line("about", "en", title="{number} 100% «وزارة»").text
    assert said == "This is the account of {number} 100% «وزارة»."


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (EN.replace("  hello: Welcome.\n", ""), r"lacks lines\.hello in en\.yml"),
        (EN.replace("  hello:", "  extra: x\n  hello:"), r"lacks lines\.extra in ar\.yml"),
        (EN.replace('  yes: "Yes"', '  no: "No"'), r"lacks labels\."),
        (EN.replace("{number}", "{number} {amount}"), r"lines\.opened has unknown slots .*amount"),
        (EN.replace("{number}", "{}"), r"lines\.opened has unknown slots"),
        (EN.replace("{number}", "{number.real}"), r"lines\.opened has unknown slots"),
        (EN.replace("{number}", "{number[0]}"), r"lines\.opened has unknown slots"),
        (EN.replace("{number}", "{number!r}"), r"lines\.opened: a slot is its name"),
        (EN.replace("{number}", "{number:>9}"), r"lines\.opened: a slot is its name"),
        (EN.replace("{number}", "{number"), r"lines\.opened"),
        (EN.replace("{number}", "it"), r"lines\.opened has other slots in en\.yml"),
        (EN.replace("Yes", "Y" * 21), r"labels\.yes has 21 characters; 20"),
        (EN.replace("Welcome.", "''"), r"lines\.hello must be a text"),
        (EN.replace("Welcome.", "5"), r"lines\.hello must be a text"),
        (EN.replace("Welcome.", "[a]"), r"lines\.hello must be a text"),
        (EN.replace("  hello:", "  7:"), r"lines\.7 must be a word"),
        (EN.replace("hello:", "hello: x\n  hello:"), r"en\.yml cannot be read"),
        (EN.replace("language: en", "language: ar"), r"language must be en"),
        (EN.replace("language: en\n", ""), "the keys must be"),
        (EN + "more: x\n", "the keys must be"),
        ("language: en\nlines:\nlabels:\n", "lines must be a mapping"),
        ("language: en\nlines: {}\nlabels: [a]\n", "labels must be a mapping"),
        ("- a list\n", "the keys must be"),
        ("", "the keys must be"),
        ("a: [", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_file_is_refused_naming_file_and_key(
    make: Make, broken: str | bytes | None, says: str
) -> None:
    assert broken != EN
    with pytest.raises(ConfigError, match=says) as caught:
        make(en=broken)
    assert ".yml" in str(caught.value)


def test_a_label_of_twenty_characters_fits(make: Make) -> None:
    assert make(en=EN.replace("Yes", "Y" * 20)).label("yes", "en") == "Y" * 20


DAYS_AR = ["الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"]
MONTHS_EN = [
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
]


@pytest.mark.parametrize(
    ("moment", "zone", "ar", "en"),
    [
        (
            datetime(2026, 8, 3, 6, 7, tzinfo=UTC),
            "Asia/Riyadh",
            "الاثنين 3 أغسطس 2026 الساعة 9:07",
            "Monday 3 August 2026 at 9:07",
        ),
        (  # in the evening in UTC it is tomorrow in Riyadh, and next year
            datetime(2026, 12, 31, 21, 0, tzinfo=UTC),
            "Asia/Riyadh",
            "الجمعة 1 يناير 2027 الساعة 0:00",
            "Friday 1 January 2027 at 0:00",
        ),
        (  # summer time
            datetime(2026, 7, 5, 12, 30, tzinfo=UTC),
            "Africa/Cairo",
            "الأحد 5 يوليو 2026 الساعة 15:30",
            "Sunday 5 July 2026 at 15:30",
        ),
        (
            datetime(2026, 2, 4, 12, 30, tzinfo=UTC),
            "Africa/Cairo",
            "الأربعاء 4 فبراير 2026 الساعة 14:30",
            "Wednesday 4 February 2026 at 14:30",
        ),
    ],
)
def test_dates_are_said_in_the_ministrys_zone(
    moment: datetime, zone: str, ar: str, en: str
) -> None:
    assert say_date(moment, "ar", ZoneInfo(zone)) == ar
    assert say_date(moment, "en", ZoneInfo(zone)) == en


def test_every_day_and_month_has_its_name() -> None:
    for day in range(7):
        said = say_date(datetime(2026, 8, 3 + day, 9, tzinfo=UTC), "ar", ZONE)
        assert said.split()[0] == DAYS_AR[day]
    arabic = set()
    for month in range(1, 13):
        moment = datetime(2026, month, 15, 9, tzinfo=UTC)
        assert say_date(moment, "en", ZONE).split()[2] == MONTHS_EN[month - 1]
        arabic.add(say_date(moment, "ar", ZONE).split()[2])
    assert len(arabic) == 12


def test_the_real_catalogue_fills_in_both_languages(catalogue: Catalogue) -> None:
    """Every line can be said: its slots are among those there are, and each language has it."""
    values: dict[str, Any] = {
        "number": "1234-5",
        "code": "1234-5678",
        "date": NOON,
        "span": timedelta(hours=2),
        "title": "وزارة الخدمات العامة",
        "own": [OwnPart("part_what")],
    }
    for key in catalogue.keys:
        for language in LANGUAGES:
            template = catalogue._books[language].lines[key]
            slots = {name: value for name, value in values.items() if f"{{{name}}}" in template}
            text = catalogue.line(key, language, **slots).text
            assert text
            assert "{" not in text and "}" not in text
