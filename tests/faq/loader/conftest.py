"""A small FAQ folder that is right, to be broken in one place by each test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from faq.loader import LoadResult, load_faq

TODAY = date(2026, 9, 1)

GOOD = """\
# Sample: a fictional ministry.
topic: passports
title: {ar: جوازات السفر, en: Passports}
owner: passports-directorate
entries:
  - id: passport-fees
    question: {ar: "كم رسم الجواز؟", en: "How much is a passport?"}
    phrasings:
      ar:
        - "بكم الجواز"
        - "كم أدفع للجواز"
        - "سعر الجواز كم"
        - "الباسبور بكام"
        - "قديش الباسبور"
      en:
        - "passport price"
    answer:
      ar: |-
        رسم الجواز 40 دينارًا واحيًّا.
        يُدفع مرة واحدة.
      en: "A passport costs 40 Waha dinars, paid once."
    source: "Sample decision No. 1 (fictional)"
    review_by: 2027-06-01
    valid_from: 2026-01-01
    valid_until: "2028-01-01"
    related: [passport-lost]
    buttons: [{label: {ar: "الخدمة", en: "Service"}, url: "https://services.example/passports"}]
    short: {ar: "رسم الجواز", en: "Passport fee"}
  - id: passport-lost
    question: {ar: "ضاع جوازي فماذا أفعل؟", en: "I lost my passport. What now?"}
    phrasings:
      ar: ["ضيعت جوازي", "جوازي ضايع", "فقدت الجواز", "الباسبور ضاع مني", "راح مني الجواز"]
      en: ["lost passport"]
    answer: {ar: "أبلغ عن الفقد في البوابة.", en: "Report the loss on the portal."}
    source: "Sample decision No. 2 (fictional)"
    review_by: 2027-06-01
    short: {ar: "فقد الجواز", en: "Lost passport"}
"""

Load = Callable[..., LoadResult]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files (name to text or bytes) into an empty folder and load it."""

    def run(files: dict[str, str | bytes], today: date = TODAY) -> LoadResult:
        folder = tmp_path / "content"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            (folder / name).write_bytes(data)
        return load_faq(folder, today)

    return run


@pytest.fixture(scope="session")
def good() -> str:
    return GOOD
