"""Intent classification on any labelled set: sampling by seed, training, scoring.

The classifier is the one that serves: `core.text` features and a logistic regression. Nothing here
touches the served model.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.encoder import Encoder
from core.errors import InputError
from core.text import linear
from core.text.arabizi import Arabizi
from core.text.features import Featuriser, split_scripts


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts and their labels; `labels` is None when the set has none."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None


def read_csv(path: Path, *, need_labels: bool) -> Labelled:
    """A CSV file with the columns `text` and `label` (a test set may lack `label`).

    Raises:
        InputError: the file cannot be read, lacks a column, or has no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            if "text" not in columns or (need_labels and "label" not in columns):
                raise InputError(f"{path}: needs the columns label,text; it has {columns}.")
            found = [(row["text"] or "", row.get("label")) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({type(error).__name__}).") from None
    if not found:
        raise InputError(f"{path}: has no rows.")
    texts = tuple(text for text, _ in found)
    if "label" not in columns:
        return Labelled(texts, None)
    for number, (_, label) in enumerate(found, start=2):
        if not label:
            raise InputError(f"{path}:{number}: the label is empty.")
    return Labelled(texts, tuple(str(label) for _, label in found))


def sample(data: Labelled, shots: int, seed: int) -> Labelled:
    """At most `shots` examples of each label, drawn by seed; the same seed draws the same."""
    assert data.labels is not None  # noqa: S101 - training data is read with labels
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, label in zip(data.texts, data.labels, strict=True):
        by_label[label].append(text)
    source = random.Random(seed)
    texts: list[str] = []
    labels: list[str] = []
    for label in sorted(by_label):
        pool = by_label[label]
        chosen = source.sample(pool, min(shots, len(pool)))
        texts += chosen
        labels += [label] * len(chosen)
    return Labelled(tuple(texts), tuple(labels))


class IntentBench:
    """A classifier trained on one labelled set."""

    def __init__(self, train: Labelled, encoder: Encoder) -> None:
        assert train.labels is not None  # noqa: S101 - training data is read with labels
        self._names = sorted(set(train.labels))
        arabic, latin = split_scripts(train.texts)
        draft = Arabizi(arabic, ())
        english = [text for text in latin if not draft.is_arabizi(text)]
        self._featuriser = Featuriser(encoder, Arabizi(arabic, english))
        vectors = self._featuriser.fit(train.texts)
        place = {name: number for number, name in enumerate(self._names)}
        truth = np.array([place[label] for label in train.labels], dtype=np.int64)
        joined = self._featuriser.transform(train.texts, vectors).joined
        compressed = linear.compress(joined)
        weights, self._bias = linear.train(compressed.rows, truth, len(self._names))
        self._weights = compressed.back(weights)

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The likeliest label of each text and its probability."""
        found: list[tuple[str, float]] = []
        for start in range(0, len(texts), 512):
            features = self._featuriser.transform(texts[start : start + 512])
            shares = linear.shares(features.joined, self._weights, self._bias)
            best = shares.argmax(axis=1)
            found += [(self._names[b], float(row[b])) for b, row in zip(best, shares, strict=True)]
        return found


def score(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro-averaged F1 over the labels of the truth, per-label figures and the ten
    commonest confusions."""
    labels = sorted(set(truth))
    hits = Counter(t for t, p in zip(truth, predicted, strict=True) if t == p)
    of_truth, of_predicted = Counter(truth), Counter(predicted)
    per_label = {}
    for label in labels:
        precision = hits[label] / of_predicted[label] if of_predicted[label] else 0.0
        recall = hits[label] / of_truth[label]
        total = precision + recall
        f1 = 2 * precision * recall / total if total else 0.0
        per_label[label] = {
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(f1, 4),
            "cases": of_truth[label],
        }
    confusions = Counter((t, p) for t, p in zip(truth, predicted, strict=True) if t != p)
    return {
        "cases": len(truth),
        "accuracy": round(sum(hits.values()) / len(truth), 4),
        "macro_f1": round(sum(row["f1"] for row in per_label.values()) / len(labels), 4),
        "confusions": [
            {"label": t, "predicted": p, "count": count}
            for (t, p), count in confusions.most_common(10)
        ],
        "per_label": per_label,
    }
