"""Decisions survive being written and read; nothing a person wrote is written, nothing damaged is
read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.decisions import from_bytes, to_bytes
from bot.understanding import Decision
from faq.index import Match, SearchResult
from nlu.interpreter import Entity, ParseResult
from tests.support.minds import entry, real_mind

ENTRIES = {name: entry(name) for name in ("aaa", "bbb", "ccc")}
MATCHES = tuple(Match(e, 0.1 + 0.2) for e in ENTRIES.values())
DECISION = Decision(
    outcome="clarify",
    intent="question",
    confidence=1 / 3,
    language="en",
    urgent=False,
    matches=MATCHES[:2],
    offers=("human",),
    parse=ParseResult("question", 0.7, (("question", 0.7), ("status", 0.3)), (), "en"),
    search=SearchResult(MATCHES, 0.5, 0.9, "clarify"),
)


@pytest.mark.parametrize(
    "decision",
    [
        DECISION,
        replace(DECISION, outcome="action", intent="urgent", urgent=True, matches=(), offers=()),
        replace(DECISION, language="ar", search=SearchResult((), 0.0, 0.0, "abstain")),
    ],
)
def test_what_is_written_is_read(decision: Decision) -> None:
    data = to_bytes(decision)
    assert data is not None
    assert from_bytes(data, ENTRIES) == decision


def test_what_the_model_really_decides_is_read_as_it_was() -> None:
    mind = real_mind()
    entries = {e.id: e for e in mind.faq.knowledge.entries}
    texts = [
        "السلام عليكم",
        "كم رسوم تجديد الجواز؟",
        "I want to complain",
        "قطة",
        "",
        "help, fire!",
    ]
    for decision in mind.understanding.decide_many(texts):
        data = to_bytes(decision)
        assert data is not None
        assert from_bytes(data, entries) == decision
        assert len(data) < 4096


def test_an_answer_is_taken_from_the_entries_in_service() -> None:
    data = to_bytes(DECISION)
    assert data is not None
    changed = {**ENTRIES, "aaa": entry("aaa", answer={"ar": "جديد", "en": "New"})}
    read = from_bytes(data, changed)
    assert read is not None and read.matches[0].entry.answer["en"] == "New"
    assert b"Answer" not in data
    del changed["bbb"]
    assert from_bytes(data, changed) is None


def test_a_message_that_names_something_is_not_written() -> None:
    parse = replace(DECISION.parse, entities=(Entity("ticket_number", "1234"),))
    assert to_bytes(replace(DECISION, parse=parse)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"form": 0},
        {"outcome": "say"},
        {"language": "fr"},
        {"parsed_language": None},
        {"matches": [["aaa"]]},
        {"matches": [["zzz", 1.0]]},
        {"search": []},
        {"search": [[], 1, 1, "maybe"]},
        {"parse": None},
        {"confidence": "much"},
        {"outcome": ["answer"]},
    ],
)
def test_what_is_not_of_the_form_is_a_miss(change: dict[str, Any]) -> None:
    data = to_bytes(DECISION)
    assert data is not None
    assert from_bytes(json.dumps({**json.loads(data), **change}).encode(), ENTRIES) is None


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"null", b"[]", b"{}", b"1", b"[" * 100_000, b'{"form": 1}']
)
def test_what_is_damaged_is_a_miss(data: bytes) -> None:
    assert from_bytes(data, ENTRIES) is None
