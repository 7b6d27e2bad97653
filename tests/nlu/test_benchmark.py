"""The benchmark: reading, drawing by seed, and scores by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.errors import InputError
from nlu.benchmark import IntentBench, Labelled, read_csv, sample, score
from tests.support.encoders import HashEncoder

TRAIN = Labelled(
    ("كم رسوم الجواز", "رسوم الجواز كم", "سعر الجواز", "ضاعت رخصتي", "فقدت رخصتي", "رخصتي ضاعت"),
    ("fees", "fees", "fees", "lost", "lost", "lost"),
)


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "set.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def test_reading(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufefflabel,text,more\na,"نص، ""مقتبس""\nسطران",x\nb,,y\n')
    assert read_csv(path, need_labels=True) == Labelled(('نص، "مقتبس"\nسطران', ""), ("a", "b"))
    path = write(tmp_path, "text\nنص\n")
    assert read_csv(path, need_labels=False) == Labelled(("نص",), None)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("text\nنص\n", "label"),
        ("a,b\n1,2\n", "label,text"),
        ("label,text\n", "no rows"),
        ("label,text\na,x\n,y\n", r"set\.csv:3"),
        (b"label,text\na,\xff\n", "cannot be read"),
        ("", "label,text"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str | bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_csv(write(tmp_path, text), need_labels=True)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "none.csv", need_labels=False)


def test_drawing_by_seed() -> None:
    texts = tuple(f"{label}{n}" for label in "abc" for n in range(20))
    data = Labelled((*texts, "d0"), (*(text[0] for text in texts), "d"))
    first = sample(data, 5, seed=1)
    assert first == sample(data, 5, seed=1)
    assert first != sample(data, 5, seed=2)
    assert first.labels is not None
    assert Counter(first.labels) == {"a": 5, "b": 5, "c": 5, "d": 1}
    assert len(set(first.texts)) == 16
    assert all(text[0] == label for text, label in zip(first.texts, first.labels, strict=True))


def test_scores_by_hand() -> None:
    figures = score(["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "z", "c"])
    assert (figures["cases"], figures["accuracy"]) == (6, round(4 / 6, 4))
    assert figures["per_label"]["a"] == {
        "precision": 1.0,
        "recall": 0.6667,
        "f1": 0.8,
        "cases": 3,
    }
    assert figures["per_label"]["b"]["f1"] == 0.5
    assert figures["macro_f1"] == round((0.8 + 0.5 + 1.0) / 3, 4)
    assert figures["confusions"] == [
        {"label": "a", "predicted": "b", "count": 1},
        {"label": "b", "predicted": "z", "count": 1},
    ]
    assert score(["a"], ["b"])["macro_f1"] == 0.0


def test_the_bench_learns_its_labels() -> None:
    bench = IntentBench(TRAIN, HashEncoder())
    found = bench.predict(["كم سعر الجواز", "ضاعت مني رخصتي", "", "😀"])
    assert [label for label, _ in found[:2]] == ["fees", "lost"]
    assert all(0 < confidence <= 1 for _, confidence in found)
    assert bench.predict([]) == []


def test_many_texts_are_predicted_in_order() -> None:
    bench = IntentBench(TRAIN, HashEncoder())
    texts = ["كم رسوم الجواز", "ضاعت رخصتي"] * 600
    assert [label for label, _ in bench.predict(texts)] == ["fees", "lost"] * 600
