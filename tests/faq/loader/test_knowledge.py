"""What a loading yields: entries with their places, a version of the words alone, the schema."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from core.messages import Language
from faq import schema
from faq.entries import Button
from faq.loader import load_faq
from faq.relations import folded

ROOT = Path(__file__).parents[3]
CONTENT = ROOT / "faq" / "content"
TODAY = date(2026, 9, 1)


def test_entry_holds_every_field(load: Any, good: str) -> None:
    knowledge = load({"passports.yml": good}).knowledge
    first, second = knowledge.entries
    assert knowledge.topics[0].title == {"ar": "جوازات السفر", "en": "Passports"}
    assert (first.topic, first.owner) == ("passports", "passports-directorate")
    assert first.question["ar"] == "كم رسم الجواز؟"
    assert first.phrasings["ar"][0] == "بكم الجواز" and len(first.phrasings["ar"]) == 5
    assert first.answer["ar"] == "رسم الجواز 40 دينارًا واحيًّا.\nيُدفع مرة واحدة."
    assert first.review_by == date(2027, 6, 1)
    assert (first.valid_from, first.valid_until) == (date(2026, 1, 1), date(2028, 1, 1))
    label: dict[Language, str] = {"ar": "الخدمة", "en": "Service"}
    assert first.buttons == (Button(label, "https://services.example/passports"),)
    assert first.related == ("passport-lost",)
    assert first.short == {"ar": "رسم الجواز", "en": "Passport fee"}
    assert (first.line, second.line) == (6, 29)
    assert (second.valid_from, second.buttons, second.related) == (None, (), ())


def test_version_is_of_the_words_alone(load: Any, good: str) -> None:
    def version(files: dict[str, str | bytes]) -> str:
        knowledge = load(files).knowledge
        assert knowledge is not None and len(knowledge.version) == 64
        return str(knowledge.version)

    other = good.replace("passport", "visa").replace("Passport", "Visa")
    other = other.replace("جواز", "تأشيرة").replace("الباسبور", "الفيزا")
    first = version({"passports.yml": good, "visas.yml": other})
    assert first == version({"z.yml": "# more\n" + good, "a.yml": other})
    assert first == version({"z.yml": good.replace("en: Passports", 'en: "Passports"'),
                             "a.yml": other})  # fmt: skip
    for right, wrong in [
        ("40 Waha", "41 Waha"),
        ("passports-directorate", "visas-directorate"),
        ("passport price", "passport prices"),
        ("2027-06-01", "2027-06-02"),
        ("services.example/p", "services.example/q"),
        ("Passport fee", "Passport fees"),
        ("    related: [passport-lost]\n", ""),
    ]:
        changed = good.replace(right, wrong)
        assert first != version({"passports.yml": changed, "visas.yml": other}), right


def test_findings_as_json_and_text(load: Any, good: str) -> None:
    result = load({"passports.yml": good.replace("2026-01-01", "2027/01/01")})
    found = result.findings[0]
    document = json.loads(json.dumps(found.to_json(), ensure_ascii=False))
    assert document["code"] == "F028" and document["severity"] == "error"
    assert (document["line"], document["path"]) == (24, "entries[0].valid_from")
    assert set(document["message"]) == set(document["mend"]) == {"ar", "en"}
    assert str(found) == (
        f"{found.file}:24: F028 error: entries[0].valid_from: 2027/01/01 is not a date. "
        "Mend: Write it as year-month-day, for example 2027-03-01."
    )
    assert "خطأ" in found.text("ar") and "التصويب" in found.text("ar")


def test_messages_repeat_nothing_that_disturbs_a_terminal(load: Any, good: str) -> None:
    text = good.replace("- id: passport-fees", '- id: "\\e[31mred\\u202e' + "x" * 500 + '"')
    for found in load({"passports.yml": text}).findings:
        assert "\x1b" not in str(found) and "\u202e" not in str(found)
        assert len(str(found)) < 500


def test_names_are_shown_from_the_working_folder(
    load: Any, good: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    knowledge = load({"passports.yml": good}).knowledge
    assert knowledge.topics[0].file == "content/passports.yml"


def test_published_schema_is_up_to_date() -> None:
    """If not: `python -m faq.schema > faq/faq.schema.json`."""
    published = (ROOT / "faq" / "faq.schema.json").read_text(encoding="utf-8")
    assert published == schema.json_schema_text()


def test_schema_closes_every_block_and_speaks_both_languages() -> None:
    root = schema.json_schema()
    blocks = [root, *root["$defs"].values()]
    assert all(block["additionalProperties"] is False for block in blocks)
    described = [field for block in blocks for field in block["properties"].values()]
    assert len(described) > 20
    assert all(" / " in field["description"] for field in described)
    assert "null" not in json.dumps(root)


def test_sample_content_loads_without_findings() -> None:
    result = load_faq(CONTENT, TODAY)
    assert [str(one) for one in result.findings] == []
    assert result.knowledge is not None
    assert len(result.knowledge.entries) >= 64 and len(result.knowledge.topics) >= 8
    for path in CONTENT.glob("*.yml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        target = first.removeprefix("# yaml-language-server: $schema=")
        assert (CONTENT / target).resolve() == ROOT / "faq" / "faq.schema.json", path.name


def test_no_evaluation_case_is_a_phrasing() -> None:
    knowledge = load_faq(CONTENT, TODAY).knowledge
    assert knowledge is not None
    asked = {
        folded(text)
        for entry in knowledge.entries
        for language in ("ar", "en")
        for text in (entry.question[language], *entry.phrasings[language])
    }
    cases = (ROOT / "tests" / "evals" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in cases]
    assert len(texts) > 300
    assert [text for text in texts if folded(text) in asked] == []


def test_folding() -> None:
    assert folded("كَم أدفعُ  لِلجــواز؟!") == folded("كم ادفع للجواز") == "كم ادفع للجواز"
    assert folded("الإقامة ١٢") == folded("الاقامه 12")
    assert folded("ﻻ") == "لا"
    assert folded("How MUCH?") == "how much"
    assert folded("؟؟") == "؟؟"
    assert folded("تجديد") != folded("تمديد")
