"""`natiq ask` and `natiq eval`: JSON alone on stdout, exit codes, places of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.approved import Approved
from tests.support.places import FAQ_DIR, REPLIES

RENEW_FEES = "كم رسوم تجديد جواز السفر؟"
KEYS = {
    *("outcome", "intent", "confidence", "language", "urgent"),
    *("answers", "choices", "offers", "text"),
}


def test_plain(natiq) -> None:
    ran = natiq("ask", RENEW_FEES)
    approved = Approved.read(FAQ_DIR, REPLIES, {})
    assert ran.code == 0
    assert ran.out.strip() == approved.answers["passport-renew-fees", "ar"].strip()
    assert "passport-renew-fees" in ran.err


def test_json_is_one_document_with_the_keys_of_the_contract(natiq) -> None:
    ran = natiq("ask", RENEW_FEES, "--json")
    assert ran.code == 0
    assert set(ran.json) == KEYS
    assert ran.json["outcome"] == "answer"
    assert (ran.json["language"], ran.json["urgent"]) == ("ar", False)
    (answer,) = ran.json["answers"]
    assert set(answer) == {"faq_id", "score", "text"}
    assert answer["faq_id"] == "passport-renew-fees"
    assert 0 < answer["score"] <= 1
    assert ran.json["text"] == answer["text"]


def test_a_file_is_answered_line_by_line_in_order(natiq, tmp_path: Path) -> None:
    texts = [
        RENEW_FEES,
        "",
        "hello",
        "سطر فيه\u2028فاصل ثم \x85 آخر",
        "\ud800",
        "😀",
        "أنا محتجز في المطار ومعي طفل مريض ساعدوني بسرعة",
        "عندي شكوى",
        "وش صار على شكواي",
        *[f"سؤال رقم {n}" for n in range(300)],
        "how much does it cost to renew my passport?",
    ]
    path = tmp_path / "in.jsonl"
    lines = [
        json.dumps({"text": t, "expect": "ignored"}, ensure_ascii="\ud800" in t) for t in texts
    ]
    path.write_text("\ufeff" + "\r\n".join(lines) + "\n\n", encoding="utf-8", newline="")
    ran = natiq("ask", "--jsonl", str(path))
    assert ran.code == 0, ran.err
    results = [json.loads(line) for line in ran.out.removesuffix("\n").split("\n")]
    assert len(results) == len(texts)
    assert all(set(result) == KEYS for result in results)
    assert results[0]["answers"][0]["faq_id"] == "passport-renew-fees"
    assert results[1]["outcome"] == "abstain"
    assert results[2]["intent"] == "greeting"
    assert results[6]["urgent"] is True
    assert (results[7]["outcome"], results[7]["intent"]) == ("intake", "complaint")
    assert results[8]["intent"] == "status"
    assert results[-1]["language"] == "en"
    assert results[-1]["answers"][0]["faq_id"] == "passport-renew-fees"


def test_stdin_is_a_file_too(natiq) -> None:
    ran = natiq("ask", "--jsonl", "-", stdin='{"text": "hello"}\n')
    assert (ran.code, json.loads(ran.out)["intent"]) == (0, "greeting")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"text": "a"}\n{"text": \n', "in.jsonl:2:"),
        (b'{"text": "a"}\n\n["text"]\n', "in.jsonl:3:"),
        (b'{"text": 5}\n', "in.jsonl:1:"),
        (b'{"texts": "a"}\n', "in.jsonl:1:"),
        (b'{"text": "\xff"}\n', "in.jsonl"),
    ],
)
def test_a_bad_line_is_named(natiq, tmp_path: Path, content: bytes, place: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(content)
    ran = natiq("ask", "--jsonl", "in.jsonl")
    assert (ran.code, ran.out) == (2, "")
    assert place in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("arguments", [(), ("text", "--jsonl", "x"), ("--jsonl", "no-such-file")])
def test_bad_usage(natiq, arguments: tuple[str, ...]) -> None:
    ran = natiq("ask", *arguments)
    assert (ran.code, ran.out) == (2, "")


def test_a_missing_model_says_how_to_make_it(natiq, tmp_path: Path) -> None:
    for command in (("ask", "سؤال", "--json"), ("chat",), ("run",)):
        ran = natiq(*command, NATIQ_MODEL_DIR=str(tmp_path / "none"))
        assert (ran.code, ran.out) == (2, ""), command
        assert "natiq model build" in ran.err or "make setup" in ran.err
        assert "Traceback" not in ran.err


def test_wrong_settings_are_named(natiq) -> None:
    ran = natiq("ask", "سؤال", NATIQ_TIMEZONE="Mars/Olympus")
    assert ran.code == 2
    assert "NATIQ_TIMEZONE" in ran.err


def test_eval(natiq, tmp_path: Path) -> None:
    cases = [
        {"text": RENEW_FEES, "expect": "faq:passport-renew-fees", "tags": ["msa"]},
        {"text": RENEW_FEES, "expect": "faq:passport-lost", "tags": ["msa", "wrong"]},
        {"text": "كم عدد سكان كوكب المريخ", "expect": "abstain", "tags": ["out-of-scope"]},
        {"text": "hello", "expect": "greeting"},
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    ran = natiq("eval", str(path), "--json", "--cases")
    assert ran.code == 0
    document = ran.json
    assert document["cases"] == 4
    assert document["right_first"] == 0.75
    assert document["answered_wrongly"] == 0.25
    assert document["by_expectation"]["answerable"]["right_first"] == 0.5
    assert document["by_tag"]["wrong"]["all"]["answered_wrongly"] == 1.0
    assert [row["right"] for row in document["each"]] == [True, False, True, True]
    plain = natiq("eval", str(path))
    assert plain.code == 0
    assert "4 cases: right first 75.0%" in plain.out


def test_eval_warns_of_entries_that_are_not_there(natiq, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"text": "hello", "expect": "faq:no-such-entry"}\n', encoding="utf-8")
    ran = natiq("eval", str(path), "--json")
    assert ran.code == 0
    assert "no-such-entry" in ran.err
    assert ran.json["right_first"] == 0.0


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{}", "cases.jsonl:1"),
        ('{"text": "a", "expect": "answer"}', "cases.jsonl:1"),
        ("nothing", "cases.jsonl:1"),
        ("", "no cases"),
    ],
)
def test_bad_cases_are_named(natiq, tmp_path: Path, line: str, word: str) -> None:
    (tmp_path / "cases.jsonl").write_text(line + "\n", encoding="utf-8")
    ran = natiq("eval", "cases.jsonl", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert word in ran.err
