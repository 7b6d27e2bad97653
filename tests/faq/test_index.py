"""The index over small knowledge bases: what it finds, when it is silent, and its cache."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from core.arrays import ArrayStore
from faq.entries import KnowledgeBase
from faq.index import BACKGROUND, FaqIndex, build_index, is_learnt
from faq.loader import load_faq
from tests.support.encoders import HashEncoder
from tests.support.faq_files import WORDS, Item, write_faq

TODAY = date(2026, 11, 22)
STRAYS = [
    *("كم عدد سكان المريخ", "من فاز بالمباراة امس", "طبخة الملوخية كيف", "نكتة مضحكة لو سمحت"),
    *("who won the match", "tell me a joke", "weather tomorrow", "best pizza in town"),
]
ALL = [Item(name) for name in WORDS]


@pytest.fixture
def knowledge(tmp_path: Path):
    def make(items: list[Item], today: date = TODAY) -> KnowledgeBase:
        write_faq(tmp_path / "content", items)
        result = load_faq(tmp_path / "content", today)
        assert result.knowledge is not None, [str(found) for found in result.findings]
        return result.knowledge

    return make


def build(knowledge: KnowledgeBase, today: date = TODAY, **more) -> FaqIndex:
    return build_index(knowledge, STRAYS, HashEncoder(), today, **more)


def test_the_entry_that_was_asked_for_comes_first(knowledge) -> None:
    index = build(knowledge(ALL))
    for name, (arabic, english) in WORDS.items():
        for text in (f"لو سمحت {arabic}", f"hello, {english}?"):
            result = index.search(text, TODAY)
            assert result.matches[0].entry.id == name, text
            scores = [match.score for match in result.matches]
            assert scores == sorted(scores, reverse=True)
            assert all(0 < score <= 1 for score in scores)
            assert 0 <= result.right <= 1 and 0 <= result.among <= 1


def test_a_batch_finds_what_single_searches_find(knowledge) -> None:
    index = build(knowledge(ALL))
    texts = [words[0] for words in WORDS.values()] + ["", "😀", "قنقر"]
    batch = index.search_many(texts, TODAY)
    for text, found in zip(texts, batch, strict=True):
        alone = index.search(text, TODAY)
        assert [m.entry.id for m in alone.matches] == [m.entry.id for m in found.matches]
        assert alone.verdict == found.verdict
        assert alone.right == pytest.approx(found.right, abs=1e-6)
    assert index.search_many([], TODAY) == []


def test_verdicts_follow_the_thresholds(knowledge) -> None:
    index = build(knowledge(ALL))
    for text in [w for words in WORDS.values() for w in words] + STRAYS:
        found = index.search(text, TODAY)
        if found.right >= index.calibration.answer_at:
            assert found.verdict == "answer"
        elif found.among >= index.calibration.ask_at:
            assert found.verdict == "clarify"
        else:
            assert found.verdict == "abstain"


def test_known_negatives_are_not_answered(knowledge) -> None:
    index = build(knowledge(ALL))
    assert {index.search(text, TODAY).verdict for text in STRAYS} <= {"abstain", "clarify"}
    asked = [index.search(text, TODAY).verdict for text in STRAYS].count("clarify")
    assert asked <= len(STRAYS) // 2


def test_entries_outside_their_dates_are_silent(knowledge) -> None:
    items = [
        Item("passport-fees", valid_from="2026-12-01"),
        Item("licence-lost", valid_until="2026-11-22"),
        *ALL[2:],
    ]
    index = build(knowledge(items))
    assert [entry.id for entry in index.entries] == ["housing-apply", "visa-extend"]
    for name in ("passport-fees", "licence-lost"):
        found = index.search(WORDS[name][0], TODAY)
        assert name not in [match.entry.id for match in found.matches]


def test_an_entry_ends_at_midnight_without_a_new_index(knowledge) -> None:
    index = build(knowledge([Item("passport-fees", valid_until="2026-11-23"), *ALL[1:]]))
    text = WORDS["passport-fees"][0]
    assert index.search(text, TODAY).matches[0].entry.id == "passport-fees"
    later = index.search(text, date(2026, 11, 23))
    assert "passport-fees" not in [match.entry.id for match in later.matches]
    assert later.verdict != "answer"


def test_a_successor_takes_over_on_its_day(knowledge) -> None:
    """Two entries of the same words, one after the other: there is one answer on each day."""
    words = WORDS["passport-fees"]
    WORDS["passport-fees-2027"] = words
    try:
        items = [
            Item("passport-fees", valid_until="2027-01-01"),
            Item("passport-fees-2027", valid_from="2027-01-01", answer="الرسم الجديد."),
            *ALL[1:],
        ]
        known = knowledge(items)
    finally:
        del WORDS["passport-fees-2027"]
    for day, name in (
        (date(2026, 12, 31), "passport-fees"),
        (date(2027, 1, 1), "passport-fees-2027"),
    ):
        index = build(known, day)
        assert len(index.entries) == 4
        assert index.search(words[0], day).matches[0].entry.id == name


def test_an_empty_knowledge_base_says_nothing() -> None:
    index = build(KnowledgeBase((), (), "empty"))
    for text in ("كم الرسوم", "", "hello"):
        found = index.search(text, TODAY)
        assert (found.matches, found.verdict, found.right) == ((), "abstain", 0.0)


def test_when_all_entries_are_over_nothing_is_said(knowledge) -> None:
    index = build(knowledge([Item(name, valid_until="2026-12-01") for name in WORDS]))
    found = index.search(WORDS["passport-fees"][0], date(2026, 12, 1))
    assert (found.matches, found.verdict) == ((), "abstain")


@pytest.mark.parametrize("strays", [STRAYS, []], ids=["negatives", "none"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("asks", [1, 6])
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_very_small_knowledge_bases(knowledge, count: int, asks: int, strays: list[str]) -> None:
    known = knowledge([Item(name, asks=asks) for name in list(WORDS)[:count]])
    index = build_index(known, strays, HashEncoder(), TODAY)
    for entry in known.entries:
        found = index.search(WORDS[entry.id][0], TODAY)
        assert found.matches[0].entry.id == entry.id
        assert found.verdict in ("answer", "clarify", "abstain")
    assert index.search("", TODAY).verdict in ("clarify", "abstain")


def test_a_phrasing_that_is_also_a_negative_counts_as_a_phrasing(knowledge) -> None:
    known = knowledge(ALL)
    strays = [*STRAYS, *known.entries[0].phrasings["ar"]]
    index = build_index(known, strays, HashEncoder(), TODAY)
    assert index.version == build(known).version
    found = index.search(known.entries[0].phrasings["ar"][0], TODAY)
    assert found.matches[0].entry.id == known.entries[0].id


def test_the_background_is_no_possible_id() -> None:
    assert not BACKGROUND[0].isalnum()


# -- the cache -----------------------------------------------------------------------------------


def test_a_second_build_reads_nothing_and_finds_the_same(knowledge, tmp_path: Path) -> None:
    known, store = knowledge(ALL), ArrayStore(tmp_path / "store")
    first, second = HashEncoder(), HashEncoder()
    assert not is_learnt(known, STRAYS, first, TODAY, store)
    made = build_index(known, STRAYS, first, TODAY, store)
    assert first.encoded
    assert is_learnt(known, STRAYS, second, TODAY, store)
    kept = build_index(known, STRAYS, second, TODAY, store)
    assert second.encoded == []
    for text in [w for words in WORDS.values() for w in words] + STRAYS:
        one, two = made.search(text, TODAY), kept.search(text, TODAY)
        assert [m.entry.id for m in one.matches] == [m.entry.id for m in two.matches]
        assert (one.right, one.verdict) == (pytest.approx(two.right, abs=1e-5), two.verdict)


@pytest.mark.parametrize("damage", ["cut", "zeros", "empty"])
def test_a_damaged_cache_is_made_anew(knowledge, tmp_path: Path, damage: str) -> None:
    known, store = knowledge(ALL), ArrayStore(tmp_path / "store")
    made = build_index(known, STRAYS, HashEncoder(), TODAY, store)
    (path,) = (tmp_path / "store").glob("*.npz")
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: len(whole) // 2], "zeros": b"\x00" * len(whole), "empty": b""}[damage]
    )
    encoder = HashEncoder()
    again = build_index(known, STRAYS, encoder, TODAY, store)
    assert encoder.encoded, "learnt anew"
    assert again.version == made.version
    assert again.search(WORDS["visa-extend"][0], TODAY).matches[0].entry.id == "visa-extend"
    assert build_index(known, STRAYS, HashEncoder(), TODAY, store).version == made.version


@pytest.mark.parametrize(
    "change",
    [
        lambda items: [*items[:3], Item("visa-extend", answer="جواب آخر.")],
        lambda items: [*items[:3], Item("visa-extend", asks=5)],
        lambda items: items[:3],
    ],
    ids=["answer", "phrasing", "entry"],
)
def test_any_change_of_words_is_another_index(knowledge, change) -> None:
    before = build(knowledge(ALL)).version
    assert build(knowledge(change(ALL))).version != before


def test_other_negatives_or_another_encoder_are_another_index(knowledge) -> None:
    known = knowledge(ALL)
    before = build(known).version
    assert build_index(known, STRAYS[:-1], HashEncoder(), TODAY).version != before
    assert build_index(known, STRAYS, HashEncoder(32), TODAY).version != before
