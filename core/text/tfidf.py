"""TF-IDF over terms of any kind, on plain dictionaries.

Weights are `(1 + ln tf) * (ln((1 + n) / (1 + df)) + 1)`, rows of length 1: the smoothed form that
scikit-learn documents. It is written out here because importing that library costs a serving
process about 70 MB and a second at the start, for these few lines.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import sparse

Analyzer = Callable[[str], list[str]]


class Tfidf:
    """Learns which terms there are, then turns texts into rows. Immutable once fitted."""

    def __init__(self, analyzer: Analyzer, min_df: int = 1) -> None:
        self._analyzer = analyzer
        self._min_df = min_df
        self._place: dict[str, int] = {}
        self._rarity = np.zeros(0, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._place)

    def fit(self, texts: Sequence[str]) -> None:
        """Learn the terms that stand in at least `min_df` of the texts."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(self._analyzer(text)))
        kept = sorted(term for term, count in counts.items() if count >= self._min_df)
        self._place = {term: place for place, term in enumerate(kept)}
        total = len(texts)
        self._rarity = np.array(
            [math.log((1 + total) / (1 + counts[term])) + 1 for term in kept], dtype=np.float32
        )

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Rows of length 1 (or 0 where no term is known), float32, shape (texts, terms)."""
        values: list[float] = []
        columns: list[int] = []
        ends = [0]
        for text in texts:
            counts: Counter[int] = Counter()
            for term in self._analyzer(text):
                place = self._place.get(term)
                if place is not None:
                    counts[place] += 1
            row = [
                (1 + math.log(count)) * float(self._rarity[place])
                for place, count in counts.items()
            ]
            length = math.sqrt(sum(value * value for value in row)) or 1.0
            values += [value / length for value in row]
            columns += counts.keys()
            ends.append(len(values))
        matrix = sparse.csr_matrix(
            (
                np.array(values, dtype=np.float32),
                np.array(columns, dtype=np.int32),
                np.array(ends, dtype=np.int32),
            ),
            shape=(len(texts), len(self._place)),
        )
        matrix.sort_indices()
        return matrix


def char_ngrams(shortest: int, longest: int) -> Analyzer:
    """An analyzer into character n-grams inside words, each word padded by a space on both sides.

    A word shorter than n gives itself, once.
    """

    def analyze(text: str) -> list[str]:
        return list(_ngrams(text, shortest, longest))

    return analyze


def _ngrams(text: str, shortest: int, longest: int) -> Iterable[str]:
    for word in text.split():
        padded = f" {word} "
        for length in range(shortest, longest + 1):
            if length >= len(padded):
                yield padded
                break
            for start in range(len(padded) - length + 1):
                yield padded[start : start + length]
