"""The local interpreter: trained on a handful of examples with a hash encoder, then as built."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.arrays import ArrayStore
from nlu.interpreter import INTENTS, Entity, ParseResult
from nlu.local import LocalInterpreter, train_local
from nlu.training_data import load_examples
from tests.support.encoders import HashEncoder
from tests.support.minds import real_mind

EXAMPLES = {
    "greeting": ["السلام عليكم", "صباح الخير", "مرحبا بكم", "hello there", "good morning"],
    "complaint": ["عندي شكوى", "أشتكي من موظف", "معاملتي متأخرة وأشتكي", "i have a complaint"],
    "out_of_scope": ["طبخة اليوم", "نتيجة المباراة", "who won the match", "weather tomorrow"],
    "question": ["كم رسوم الخدمة"],
}
QUESTIONS = ["كم رسوم الجواز", "أوراق الرخصة", "passport fees", "licence documents"]


@pytest.fixture(scope="module")
def interpreter() -> LocalInterpreter:
    return train_local(EXAMPLES, QUESTIONS, HashEncoder())


def test_it_knows_its_examples(interpreter: LocalInterpreter) -> None:
    for intent, texts in EXAMPLES.items():
        for text in texts:
            assert interpreter.parse(text).intent == intent, text
    for text in QUESTIONS:
        assert interpreter.parse(text).intent == "question", "the ministry's own questions"


def test_the_ranking_is_a_distribution_best_first(interpreter: LocalInterpreter) -> None:
    parse = interpreter.parse("عندي شكوى على التأخير")
    shares = [share for _, share in parse.ranking]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0, abs=1e-5)
    assert {name for name, _ in parse.ranking} == set(EXAMPLES)
    assert (parse.intent, parse.confidence) == parse.ranking[0]
    assert parse.probability(parse.intent) == parse.confidence
    assert parse.probability("no such intent") == 0.0


@pytest.mark.parametrize("text", ["", " ", "😀", "؟؟!", "\u200b\u202e", "\x00", "\ud800"])
def test_without_words_there_is_no_intent(interpreter: LocalInterpreter, text: str) -> None:
    parse = interpreter.parse(text, "en")
    assert parse == ParseResult("out_of_scope", 1.0, (), (), "en")


def test_any_text_is_taken(interpreter: LocalInterpreter) -> None:
    for text in ("ه" * 100_000, "كلمة " * 30_000, "我的护照", "\U0010ffff a", "a\u0301" * 5000):
        assert 0 <= interpreter.parse(text).confidence <= 1


def test_a_batch_parses_what_single_messages_parse(interpreter: LocalInterpreter) -> None:
    texts = ["صباح الخير", "", "i have a complaint", "😀", "كم رسوم الجواز"]
    assert interpreter.parse_many([]) == []
    for text, parse in zip(texts, interpreter.parse_many(texts), strict=True):
        alone = interpreter.parse(text)
        assert (alone.intent, alone.language) == (parse.intent, parse.language)
        assert alone.confidence == pytest.approx(parse.confidence, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("كم الرسوم", "en", "ar"),
        ("how much is it", "ar", "en"),
        ("shu el awra2 el matlube", "en", "ar"),
        ("3ayez agaded el gawaz", "en", "ar"),
        ("passport كم رسوم", "en", "ar"),
        ("482731", "en", "en"),
        ("482731", "ar", "ar"),
        ("我的护照", "en", "en"),
    ],
)
def test_the_language(
    interpreter: LocalInterpreter, text: str, default: str, language: str
) -> None:
    assert interpreter.parse(text, default).language == language  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("وش صار على 482-731", ["482-731"]),
        ("رقم ٤٨٢٧٣١ لو سمحت", ["482-731"]),
        ("482 731", ["482-731"]),
        ("۴۸۲–۷۳۱", ["482-731"]),
        ("الأول 482-731 والثاني 555123", ["482-731", "555-123"]),
        ("هاتفي 0551234567", []),
        ("سنة 2026", []),
        ("", []),
    ],
)
def test_ticket_numbers_are_found(
    interpreter: LocalInterpreter, text: str, values: list[str]
) -> None:
    found = interpreter.parse(text).entities
    assert found == tuple(Entity("ticket_number", value) for value in values)


def test_what_was_learnt_is_kept(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path)
    lines: list[str] = []
    first = train_local(EXAMPLES, QUESTIONS, HashEncoder(), store, lines.append)
    assert len(lines) == 2
    encoder = HashEncoder()
    again = train_local(EXAMPLES, QUESTIONS, encoder, store, lines.append)
    assert (len(lines), encoder.encoded) == (2, [])
    for text in ("عندي شكوى", "hello", "كم رسوم الجواز"):
        assert again.parse(text).confidence == pytest.approx(first.parse(text).confidence)
    # Another example, another question or another encoder is learnt anew.
    train_local(EXAMPLES, QUESTIONS[:-1], HashEncoder(), store, lines.append)
    assert len(lines) == 4
    train_local(EXAMPLES, QUESTIONS, HashEncoder(32), store, lines.append)
    assert len(lines) == 6


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 broken"])
def test_damaged_memory_is_learnt_anew(tmp_path: Path, damage: bytes) -> None:
    store = ArrayStore(tmp_path)
    train_local(EXAMPLES, QUESTIONS, HashEncoder(), store)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(damage)
    assert train_local(EXAMPLES, QUESTIONS, HashEncoder(), store).parse("عندي شكوى").intent == (
        "complaint"
    )


def test_the_built_model_knows_every_intent() -> None:
    interpreter = real_mind().interpreter
    examples = load_examples()
    assert set(examples) == set(INTENTS)
    for intent, texts in examples.items():
        parses = interpreter.parse_many(texts[:40])
        right = sum(parse.intent == intent for parse in parses)
        assert right / len(parses) > 0.9, intent


def test_its_version_follows_what_it_learnt(interpreter: LocalInterpreter) -> None:
    again = train_local(EXAMPLES, QUESTIONS, HashEncoder())
    other = train_local(EXAMPLES, QUESTIONS[:-1], HashEncoder())
    assert interpreter.version == again.version != other.version
    assert train_local(EXAMPLES, QUESTIONS, HashEncoder(32)).version != interpreter.version
