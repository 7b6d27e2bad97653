"""Each kind of mistake is refused with its code, at its line, in both languages; and the same
file without it is accepted."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from faq.findings import CODES
from faq.loader import load_faq
from faq.yaml_reader import MAX_BYTES

LONG = "ا" * 1_100
BUTTON = '{label: {ar: "ب", en: "b"}, url: "https://b.example"}, '

# (code, what stands in the good file, what stands there instead, line of the finding, path)
CASES: list[tuple[str, str, str, int, str]] = [
    ("F006", "    source", "\tsource", 22, ""),
    ("F006", "    source", "  \t  source", 22, ""),
    ("F008", "    source:", '    id: other-id\n    source:', 22, ""),
    ("F009", "topic: passports", "topic: &a passports", 2, ""),
    ("F009", "topic: passports", "topic: *a", 2, ""),
    ("F009", "topic: passports", "topic: !!str passports", 2, ""),
    ("F009", "topic: passports", "<<: {a: b}\ntopic: passports", 2, ""),
    ("F009", "topic: passports", "topic: passports\n---", 3, ""),
    ("F009", "# Sample", "%YAML 1.2\n---\n# Sample", 1, ""),
    ("F009", "topic: passports", "? [a]\n: b\ntopic: passports", 2, ""),
    ("F010", "topic: passports", "topic: " + "[" * 25 + "]" * 25, 2, ""),
    ("F011", "بكم الجواز", "بكم \u202eالجواز", 10, ""),
    ("F011", "بكم الجواز", "بكم \x07الجواز", 10, ""),
    ("F011", "بكم الجواز", "بكم\u2067 الجواز", 10, ""),
    ("F011", "بكم الجواز", r"بكم \u202e الجواز", 10, "entries[0].phrasings.ar[0]"),
    ("F011", "بكم الجواز", r"بكم \ud800 الجواز", 10, "entries[0].phrasings.ar[0]"),
    ("F011", "بكم الجواز", r"\u001fبكم الجواز", 10, "entries[0].phrasings.ar[0]"),
    ("F011", "بكم الجواز", "بكم\tالجواز", 10, "entries[0].phrasings.ar[0]"),
    ("F011", "en: Passports}", 'en: Passports, "\\ud800": x}', 3, "title.�"),
    ("F020", "related: [passport-lost]", "related: passport-lost", 26, "entries[0].related"),
    ("F020", '"passport price"', "[passport price]", 16, "entries[0].phrasings.en[0]"),
    ("F020", "title: {ar: جوازات السفر, en: Passports}", "title: Passports", 3, "title"),
    ("F020", "review_by: 2027-06-01\n    valid_from", "review_by: [a]\n    valid_from", 23,
     "entries[0].review_by"),
    ("F021", "en: Passports", "en: no", 3, "title.en"),
    ("F021", "en: Passports", "en: ON", 3, "title.en"),
    ("F021", "en: Passports", "en: 12", 3, "title.en"),
    ("F021", "en: Passports", "en: 1_000.5e3", 3, "title.en"),
    ("F021", "en: Passports", "en: 12:30", 3, "title.en"),
    ("F021", "en: Passports", "en: 2027-01-01", 3, "title.en"),
    ("F021", "- id: passport-fees", "- id: 12345", 6, "entries[0].id"),
    ("F022", "    source", "    sauce: x\n    source", 22, "entries[0].sauce"),
    ("F022", "en: Passports}", "en: Passports, fr: Passeports}", 3, "title.fr"),
    ("F022", "owner: p", "Owner: p", 4, "Owner"),
    ("F023", "    source: \"Sample decision No. 1 (fictional)\"\n", "", 6, "entries[0].source"),
    ("F023", "owner: passports-directorate\n", "", 2, "owner"),
    ("F024", "{ar: جوازات السفر, en: Passports}", "{en: Passports}", 3, "title.ar"),
    ("F024", 'en: "A passport costs 40 Waha dinars, paid once."', "", 17, "entries[0].answer.en"),
    ("F024", ', en: "Service"}', "}", 27, "entries[0].buttons[0].label.en"),
    ("F025", '"passport price"', '"  "', 16, "entries[0].phrasings.en[0]"),
    ("F025", '      en:\n        - "passport price"\n', "      en: []\n", 15,
     "entries[0].phrasings.en"),
    ("F025", "related: [passport-lost]", "related:", 26, "entries[0].related"),
    ("F025", "en: Passports", "en: ~", 3, "title.en"),
    ("F026", "How much is a passport?", "x" * 201, 7, "entries[0].question.en"),
    ("F026", "passport price", "x" * 301, 16, "entries[0].phrasings.en[0]"),
    ("F026", "A passport costs 40", "x" * 4_001, 21, "entries[0].answer.en"),
    ("F026", "Passport fee", "x" * 21, 28, "entries[0].short.en"),
    ("F026", '"Service"', '"Service ministry page"', 27, "entries[0].buttons[0].label.en"),
    ("F027", "buttons: [", "buttons: [" + BUTTON * 3,
     27, "entries[0].buttons"),
    ("F028", "valid_from: 2026-01-01", "valid_from: 2027-13-45", 24, "entries[0].valid_from"),
    ("F028", "valid_from: 2026-01-01", "valid_from: 2027/01/01", 24, "entries[0].valid_from"),
    ("F028", "valid_from: 2026-01-01", "valid_from: 2026-1-1", 24, "entries[0].valid_from"),
    ("F028", "valid_from: 2026-01-01", "valid_from: ٢٠٢٦-٠١-٠١", 24, "entries[0].valid_from"),
    ("F028", "valid_from: 2026-01-01", "valid_from: 2026-01-01T10:00:00", 24,
     "entries[0].valid_from"),
    ("F028", "valid_from: 2026-01-01", "valid_from: 20260101", 24, "entries[0].valid_from"),
    ("F029", "- id: passport-fees", "- id: Passport_Fees", 6, "entries[0].id"),
    ("F029", "- id: passport-fees", "- id: ab", 6, "entries[0].id"),
    ("F029", "- id: passport-fees", "- id: " + "a" * 65, 6, "entries[0].id"),
    ("F029", "owner: passports-directorate", "owner: قسم الجوازات", 4, "owner"),
    ("F030", "https://services", "http://services", 27, "entries[0].buttons[0].url"),
    ("F030", "https://services", "https://me:secret@services", 27, "entries[0].buttons[0].url"),
    ("F030", "https://services.example/p", "https://services.example/ p", 27,
     "entries[0].buttons[0].url"),
    ("F030", "https://services.example/passports", "javascript:alert(1)", 27,
     "entries[0].buttons[0].url"),
    ("F042", "related: [passport-lost]", "related: [passport-last]", 26, "entries[0].related[0]"),
    ("F043", "related: [passport-lost]", "related: [passport-fees]", 26, "entries[0].related[0]"),
    ("F044", '"2028-01-01"', "2026-01-01", 25, "entries[0].valid_until"),
    ("F045", "ضيعت جوازي", "بكم الجواز", 32, "entries[1].phrasings.ar[0]"),
    ("F045", "ضيعت جوازي", "كَم ادفع  للجواز؟!", 32, "entries[1].phrasings.ar[0]"),
    ("F045", "ضيعت جوازي", "كم رسم الجواز", 32, "entries[1].phrasings.ar[0]"),
    ("F060", "topic: passports", "topic: visas", 2, "topic"),
    ("F061", '        - "بكم الجواز"\n', "", 9, "entries[0].phrasings.ar"),
    ("F062", "يُدفع مرة واحدة.", LONG, 18, "entries[0].answer.ar"),
    ("F063", "review_by: 2027-06-01\n    valid", "review_by: 2026-08-31\n    valid", 23,
     "entries[0].review_by"),
    ("F064", "كم أدفع للجواز", "بكم الجواز؟", 11, "entries[0].phrasings.ar[1]"),
    ("F065", "Lost passport", "Passport fee", 37, "entries[1].short.en"),
    ("F066", '      en:\n        - "passport price"\n', "", 8, "entries[0].phrasings"),
]  # fmt: skip


def test_the_good_file_is_good(load: Any, good: str) -> None:
    result = load({"passports.yml": good})
    assert result.findings == ()
    assert result.knowledge is not None
    assert [entry.id for entry in result.knowledge.entries] == ["passport-fees", "passport-lost"]


@pytest.mark.parametrize(("code", "right", "wrong", "line", "path"), CASES)
def test_mistake(
    load: Any, good: str, code: str, right: str, wrong: str, line: int, path: str
) -> None:
    assert right in good
    result = load({"passports.yml": good.replace(right, wrong, 1)})
    # Everything else in the file is right, so this one thing is all that may be said.
    assert [(one.code, one.line, one.path) for one in result.findings] == [(code, line, path)]
    found = result.findings[0]
    assert found.severity == CODES[code].severity
    assert (result.knowledge is None) == (found.severity == "error")
    assert found.file.endswith("passports.yml")
    for language in ("ar", "en"):
        assert found.message[language] and found.mend[language]
        assert "{" not in (found.message[language] + found.mend[language]).replace(wrong, "")
    assert str(found).split(": ")[1].startswith(code)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("topic: a: b\n", 1),
        ('topic: "abc\ntitle: x\n', 1),
        ("topic: [a, b\ntitle: x\n", 1),
        ("topic: @abc\n", 1),
        ("topic: abc\n title: x\n", 2),
        ("topic: abc\nentries:\n  - a\n b: c\n", 4),
        ('topic: "a \\q b"\n', 1),
        ('topic: "a "quoted" word"\n', 1),
        ('topic: "\\UFFFFFFFF"\n', 1),
        ("topic: \tabc\n", 1),
        ("topic: abc\nowner\n", 3),
    ],
)
def test_grammar(load: Any, text: str, line: int) -> None:
    result = load({"passports.yml": text})
    assert result.knowledge is None
    assert [(one.code, one.line) for one in result.findings] == [("F007", line)]


def test_not_utf8(load: Any, good: str) -> None:
    head = "topic: passports\ntitle: "
    data = head.encode() + "جوازات".encode("cp1256") + b"\n"
    found = load({"passports.yml": data}).findings[0]
    assert (found.code, found.line) == ("F004", 2)
    assert str(len(head)) in found.message["en"] and "UTF-8" in found.mend["ar"]
    marked = load({"passports.yml": b"\xef\xbb\xbf" + data}).findings[0]
    assert (marked.line, str(len(head) + 3) in marked.message["en"]) == (2, True)
    assert load({"passports.yml": good.encode("utf-16")}).findings[0].code == "F004"
    assert load({"passports.yml": b"\xef\xbb\xbf" + good.encode()}).knowledge is not None


def test_line_ends_of_windows(load: Any, good: str) -> None:
    unix = load({"passports.yml": good}).knowledge
    windows = load({"passports.yml": good.replace("\n", "\r\n")}).knowledge
    assert windows == unix


def test_folder(load: Any, tmp_path: Path, good: str) -> None:
    missing = load_faq(tmp_path / "nowhere", date(2026, 9, 1))
    assert [one.code for one in missing.findings] == ["F001"]
    assert missing.knowledge is None
    assert [one.code for one in load({}).findings] == ["F002"]
    assert [one.code for one in load({"a.txt": "x", ".hidden.yml": good}).findings] == ["F002"]
    assert [one.code for one in load({"passports.yml": ""}).findings] == ["F020"]
    assert [one.code for one in load({"passports.yml": "- a\n"}).findings] == ["F020"]
    none = re.sub(r"entries:\n.*", "entries: []\n", good, flags=re.DOTALL)
    assert [one.code for one in load({"passports.yml": none}).findings] == ["F025"]


def test_unreadable_file(load: Any, tmp_path: Path, good: str) -> None:
    load({"passports.yml": good})
    (tmp_path / "content" / "visas.yml").mkdir()
    result = load_faq(tmp_path / "content", date(2026, 9, 1))
    assert [one.code for one in result.findings] == ["F003"]
    assert result.knowledge is None


def test_file_too_large(load: Any, good: str) -> None:
    filled = good.encode() + b"#" * (MAX_BYTES - len(good.encode()))
    assert load({"passports.yml": filled}).knowledge is not None
    assert [one.code for one in load({"passports.yml": filled + b"#"}).findings] == ["F005"]


def test_an_id_twice_in_a_file(load: Any, good: str) -> None:
    text = good.replace("- id: passport-lost", "- id: passport-fees")
    text = text.replace("    related: [passport-lost]\n", "")
    found = load({"passports.yml": text}).findings
    assert [(one.code, one.line, one.path) for one in found] == [("F040", 28, "entries[1].id")]
    assert found[0].message["en"].endswith("content/passports.yml:6.")


def test_ids_topics_and_words_across_files(load: Any, good: str) -> None:
    found = load({"passports.yml": good, "visas.yaml": good}).findings
    assert all(one.file.endswith("content/visas.yaml") for one in found)
    first = {code: next(one for one in found if one.code == code) for code in ("F040", "F041")}
    assert first["F041"].message["en"].endswith("content/passports.yml:2.")
    assert first["F040"].message["ar"].endswith("content/passports.yml:6.")
    # 2 questions and 6 phrasings in two languages each: 4 questions, 10 Arabic, 2 English.
    assert sum(one.code == "F045" for one in found) == 16
    assert {one.code for one in found} == {"F040", "F041", "F045", "F060"}


def test_an_unreadable_neighbour_hides_no_ids(load: Any, good: str) -> None:
    """Related ids may be in the file that cannot be read; only that file is to be mended."""
    text = good.replace("[passport-lost]", "[visa-fees]")
    result = load({"passports.yml": text, "visas.yml": "topic: [\n"})
    assert [one.code for one in result.findings] == ["F007"]


def test_all_mistakes_at_once(load: Any, good: str) -> None:
    text = good.replace("en: Passports", "en: no").replace("2027-06-01", "soon")
    text = text.replace("    source", "    sauce").replace("https:", "http:")
    found = load({"passports.yml": text, "visas.yml": "a: &a b\n"}).findings
    assert [(one.code, one.line) for one in found] == [
        ("F021", 3),
        ("F022", 22),
        ("F028", 23),
        ("F030", 27),
        ("F022", 35),
        ("F028", 36),
        ("F009", 1),
    ]
    assert found[1].mend["en"] == "Write source." and found[1].mend["ar"] == "اكتب source."


def test_too_many_findings_are_cut(load: Any, good: str) -> None:
    text = good + "".join(f"key{number}: x\n" for number in range(300))
    found = load({"passports.yml": text}).findings
    assert len(found) == 201
    assert found[-1].code == "F012" and "100" in found[-1].message["ar"]


def test_every_code_has_a_case() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert {code for code in CODES if f'"{code}"' not in source} == set()


def test_every_code_is_explained_in_both_languages() -> None:
    for row in CODES.values():
        for words in (row.about, row.message, row.mend):
            assert re.search("[\u0621-\u064a]", words["ar"]) or words["ar"] == "{remedy}"
            assert not re.search("[\u0621-\u064a]", words["en"])
            slots = set(re.findall(r"\{(\w+)\}", words["en"]))
            assert slots == set(re.findall(r"\{(\w+)\}", words["ar"]))
