"""The rules that weigh intent against FAQ, and what is said of it; then the built model on
messages that must never go wrong."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.answers import Answers, abstention_line, approved_answer, entry_choice
from bot.greeting import Names
from bot.mind import Mind
from bot.results import result_of
from bot.understanding import (
    LIKELY_STRAY,
    PLAIN_ACTION,
    SURE_ACTION,
    SURE_COMPLAINT,
    SURE_STRAY,
    URGENT_AT,
    Decision,
    Understanding,
)
from core.catalogue import Catalogue
from faq.index import Match, SearchResult
from nlu.interpreter import ParseResult
from tests.support.minds import entry

ENTRIES = [entry(name) for name in ("aaa", "bbb", "ccc", "ddd")]
MATCHES = tuple(Match(e, 0.5) for e in ENTRIES)
NAMES = Names({"ar": "وزارة الخدمات العامة", "en": "Ministry of Public Services"}, True)
EPS = 0.01


def decide(verdict: str, text: str = "نص", **shares: float) -> Decision:
    """A decision from made-up probabilities of intents and a made-up verdict of the index."""
    ranking = tuple(sorted(shares.items(), key=lambda item: -item[1]))
    parse = ParseResult(ranking[0][0], ranking[0][1], ranking, (), "ar")
    search = SearchResult(MATCHES, 0.9, 0.8, cast(Any, verdict))
    interpreter = SimpleNamespace(
        parse_many=lambda texts, default: [parse] * len(texts), version=None
    )
    index = SimpleNamespace(search_many=lambda texts, today: [search] * len(texts))
    understanding = Understanding(
        cast(Any, interpreter), lambda: cast(Any, index), lambda: date(2026, 11, 22)
    )
    return understanding.decide(text)


def outcome(decision: Decision) -> tuple[str, str]:
    return decision.outcome, decision.intent


def test_a_sure_answer_is_one_entry() -> None:
    decision = decide("answer", question=0.9)
    assert outcome(decision) == ("answer", "question")
    assert [match.entry.id for match in decision.matches] == ["aaa"]


def test_close_entries_are_offered_three_at_most() -> None:
    decision = decide("clarify", question=0.9)
    assert outcome(decision) == ("clarify", "question")
    assert [match.entry.id for match in decision.matches] == ["aaa", "bbb", "ccc"]


def test_below_the_threshold_nothing_is_said_of_the_faq() -> None:
    decision = decide("abstain", question=0.99)
    assert (decision.outcome, decision.matches, decision.offers) == ("abstain", (), ("human",))


@pytest.mark.parametrize("verdict", ["answer", "clarify", "abstain"])
def test_without_words_nothing_is_guessed(verdict: str) -> None:
    for text in ("", "😀", "؟!", "\u200b"):
        assert decide(verdict, text, greeting=1.0).outcome == "abstain"


def test_danger_needs_little() -> None:
    assert decide("abstain", question=0.6, urgent=URGENT_AT).urgent
    assert not decide("abstain", question=0.6, urgent=URGENT_AT - EPS).urgent
    # Beside a sure answer it needs more.
    assert not decide("answer", question=0.5, urgent=SURE_ACTION - EPS).urgent
    assert decide("answer", urgent=SURE_ACTION, question=0.3).urgent


def test_a_complaint_with_faq_words_is_a_complaint_when_sure() -> None:
    sure = decide("answer", complaint=SURE_COMPLAINT, question=0.1)
    assert outcome(sure) == ("intake", "complaint")
    unsure = decide("answer", complaint=SURE_COMPLAINT - EPS, question=0.1)
    assert outcome(unsure) == ("answer", "question")
    assert unsure.offers == ("ticket",), "the complaint is offered beside the answer"
    assert decide("answer", question=0.9, complaint=0.05).offers == ()


def test_without_a_rival_an_intent_needs_less() -> None:
    for intent, kind in (
        ("complaint", "intake"),
        ("suggestion", "intake"),
        ("human", "intake"),
        ("status", "action"),
        ("rumour", "action"),
        ("greeting", "action"),
    ):
        assert outcome(decide("clarify", **{intent: PLAIN_ACTION})) == (kind, intent)
        assert decide("clarify", **{intent: PLAIN_ACTION - EPS}).outcome == "clarify"
        if intent != "complaint":
            assert outcome(decide("answer", **{intent: SURE_ACTION})) == (kind, intent)
            assert decide("answer", **{intent: SURE_ACTION - EPS}).outcome == "answer"


def test_what_no_ministry_answers_is_left_alone() -> None:
    assert decide("answer", out_of_scope=SURE_STRAY).outcome == "abstain"
    assert decide("answer", out_of_scope=SURE_STRAY - EPS).outcome == "answer"
    assert decide("clarify", out_of_scope=LIKELY_STRAY).outcome == "abstain"
    assert decide("clarify", out_of_scope=LIKELY_STRAY - EPS).outcome == "clarify"


# -- what is said ------------------------------------------------------------------------------


def answers(catalogue: Catalogue, day: date = date(2026, 11, 22)) -> Answers:
    index = SimpleNamespace(entries=tuple(ENTRIES))
    return Answers(catalogue, lambda: cast(Any, index), lambda: day)


def test_an_answer_names_the_text_it_is(catalogue: Catalogue) -> None:
    (message,) = answers(catalogue).of_decision(decide("answer", question=0.9))
    assert message.text == ENTRIES[0].answer["ar"]
    assert message.origin.approved_hash == ENTRIES[0].answer_hash("ar")
    assert answers(catalogue).by_id("no-such", "ar") is None
    assert approved_answer(ENTRIES[1], "en").text == "Answer of bbb."


def test_labels_fit_a_button() -> None:
    long = entry("long", question={"ar": "سؤال طويل جدا لا يتسع له الزر أبدا", "en": "x" * 30})
    choice = entry_choice(long, "ar")
    assert len(choice.label) <= 20 and choice.label.endswith("…")
    assert choice.description == long.question["ar"]
    short = entry("short", short={"ar": "قصير", "en": "short"})
    assert entry_choice(short, "ar").label == "قصير"


def test_which_words_say_that_nothing_was_understood() -> None:
    assert abstention_line("😀") == "no_words"
    assert abstention_line("我的护照") == "other_language"
    assert abstention_line("где паспорт") == "other_language"
    assert abstention_line("قرمزة") == abstention_line("blah") == "abstain"


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (decide("answer", question=0.9), "جواب aaa.\nسطر ثان."),
        (decide("clarify", question=0.9), "clarify"),
        (decide("abstain", question=0.9), "abstain"),
        (decide("abstain", complaint=0.9), "complaint_details"),
        (decide("abstain", rumour=0.9), "rumour_confirm"),
        (decide("abstain", status=0.9), "status_none"),
        (decide("abstain", thanks=0.9), "thanks"),
        (decide("abstain", goodbye=0.9), "goodbye"),
        (decide("abstain", urgent=0.9), "emergency"),
    ],
)
def test_the_document_of_ask(catalogue: Catalogue, decision: Decision, says: str) -> None:
    result = result_of("نص", decision, catalogue, NAMES)
    expected = catalogue.line(says, "ar").text if says in catalogue.keys else says
    assert result["text"] == expected
    assert result["outcome"] == decision.outcome
    assert bool(result["answers"]) == (decision.outcome == "answer")
    assert bool(result["choices"]) == (decision.outcome == "clarify")
    assert result["urgent"] is (says == "emergency")


def test_the_document_of_a_greeting_names_the_sample(catalogue: Catalogue) -> None:
    result = result_of("سلام", decide("abstain", greeting=0.9), catalogue, NAMES)
    assert "وزارة الخدمات العامة" in result["text"] and "خيالية" in result["text"]


# -- the built model ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("السلام عليكم ورحمة الله", ("action", "greeting")),
        ("شكرا جزيلا لكم", ("action", "thanks")),
        ("عندي شكوى", ("intake", "complaint")),
        ("أريد التحدث إلى موظف", ("intake", "human")),
        ("عندي اقتراح", ("intake", "suggestion")),
        ("ما الذي تم في شكواي؟", ("action", "status")),
        ("what happened to my complaint?", ("action", "status")),
    ],
)
def test_plain_wishes(mind: Mind, text: str, expected: tuple[str, str]) -> None:
    assert outcome(mind.understanding.decide(text)) == expected


@pytest.mark.parametrize("faq_id", ["passport-new-documents", "passport-renew-fees"])
def test_an_entrys_own_question_is_answered_with_it(mind: Mind, faq_id: str) -> None:
    item = mind.faq.knowledge.entry(faq_id)
    assert item is not None
    for language in ("ar", "en"):
        decision = mind.understanding.decide(item.question[language])
        assert (decision.outcome, decision.language) == ("answer", language)
        assert decision.matches[0].entry.id == faq_id


def test_arabizi_is_answered_in_arabic(mind: Mind) -> None:
    for text in ("shu el awra2 la jdid el jawaz", "bikam tajdeed el jawaz"):
        assert mind.understanding.decide(text, "en").language == "ar"
    assert mind.understanding.decide("how much is a passport", "ar").language == "en"
    assert mind.understanding.decide("😀", "en").language == "en"


def test_a_batch_decides_what_single_messages_decide(mind: Mind) -> None:
    texts = ["كم رسوم تجديد جواز السفر؟", "hello", "", "عندي شكوى", "😀", "بكم"]
    for text, decision in zip(texts, mind.understanding.decide_many(texts), strict=True):
        alone = mind.understanding.decide(text)
        assert outcome(alone) == outcome(decision)
        assert alone.confidence == pytest.approx(decision.confidence, abs=1e-4)


@pytest.mark.parametrize("text", ["护照续签费用是多少", "сколько стоит паспорт", "כמה עולה דרכון"])
def test_other_scripts_are_never_taken_for_something(mind: Mind, text: str) -> None:
    decision = mind.understanding.decide(text)
    assert (decision.outcome, decision.offers) == ("abstain", ("human",))


def test_a_single_word_is_asked_back(mind: Mind) -> None:
    """It names a topic; which of its questions is meant, nobody can know."""
    decision = mind.understanding.decide("جوازي")
    assert decision.outcome == "clarify"
    assert len(decision.matches) == 3
