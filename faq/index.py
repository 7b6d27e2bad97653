"""The FAQ index: which entry answers a message, and whether to trust it.

A logistic regression over dense and lexical features (`core.text.features`) ranks the entries,
with one class more for texts that no entry answers (the negatives). What it says is weighed
together with similarities and word coverage by `faq.calibration`. Building takes seconds and is
kept in a cache under a key of everything that it depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.arrays import ArrayStore
from core.encoder import Encoder, Vectors
from core.text import linear
from core.text.arabizi import Arabizi
from core.text.clean import fold
from core.text.features import FEATURES_VERSION, Featuriser, TextFeatures, split_scripts, stems
from faq.calibration import MAX_STRAY, MAX_WRONG, Calibration, Floats, calibrate
from faq.entries import FaqEntry, KnowledgeBase

INDEX_VERSION = "3"
_KIND = "faq-index"

#: The class of texts that no entry answers. Not a possible entry id.
BACKGROUND = "~"

_FOLDS = 4

Verdict = Literal["answer", "clarify", "abstain"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Match:
    """An entry and how likely it is the one that was asked for, 0 to 1."""

    entry: FaqEntry
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best entries, best first, and what to do about them.

    `right` is the calibrated probability that the first is right, `among` that the right one is
    among the first three.
    """

    matches: tuple[Match, ...]
    right: float
    among: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Reference:
    """What evidence is weighed against: features and labels of known texts."""

    labels: npt.NDArray[np.int64]
    dense: Vectors
    known: list[frozenset[str]]
    rarity: dict[str, float]


class FaqIndex:
    """Answers `search` for one set of entries. Immutable; safe to share between threads."""

    def __init__(
        self,
        entries: Sequence[FaqEntry],
        featuriser: Featuriser,
        reference: _Reference,
        weights: Vectors,
        bias: Vectors,
        calibration: Calibration,
        version: str,
        knowledge_version: str,
    ) -> None:
        """`version` changes with whatever was learnt from; `knowledge_version` is that of the
        knowledge base, which changes with any word of it."""
        self._entries = tuple(entries)
        self._featuriser = featuriser
        self._reference = reference
        self._weights = weights
        self._bias = bias
        self._calibration = calibration
        self.version = version
        self.knowledge_version = knowledge_version
        self.by_id = {entry.id: entry for entry in self._entries}
        self._asked = frozenset(fold(text) for text in _examples(self._entries)[0])

    @property
    def entries(self) -> tuple[FaqEntry, ...]:
        """The entries that can be found."""
        return self._entries

    @property
    def calibration(self) -> Calibration:
        """The thresholds in force."""
        return self._calibration

    def search(self, text: str, today: date) -> SearchResult:
        """The entries that may answer the text, best first. Entries that are not valid today are
        silent."""
        return self.search_many([text], today)[0]

    def search_many(self, texts: Sequence[str], today: date) -> list[SearchResult]:
        """`search` for several texts at once, which is faster than one by one."""
        if not texts:
            return []
        if not self._entries:
            return [SearchResult((), 0.0, 0.0, "abstain") for _ in texts]
        features = self._featuriser.transform(texts)
        shares = linear.shares(features.joined, self._weights, self._bias)
        silent = [not entry.is_valid_on(today) for entry in self._entries]
        shares[:, : len(self._entries)][:, silent] = 0.0
        order, evidence = _evidence(features, shares, self._reference)
        right, among = self._calibration.probabilities(evidence)
        return [
            self._result(
                shares[row],
                order[row],
                float(right[row]),
                float(among[row]),
                bare=len(features.stems[row]) <= 1 and fold(texts[row]) not in self._asked,
            )
            for row in range(len(texts))
        ]

    def _result(
        self,
        shares: Floats,
        order: npt.NDArray[np.int64],
        right: float,
        among: float,
        *,
        bare: bool,
    ) -> SearchResult:
        """`bare`: the text is a single word that no editor gave as a way to ask. It names a topic,
        not a question, however well it fits one entry; so it is asked back, never answered."""
        matches = tuple(
            Match(self._entries[label], float(shares[label]))
            for label in order[:5]
            if shares[label] > 0.0
        )
        verdict: Verdict = "abstain"
        if matches and right >= self._calibration.answer_at:
            verdict = "clarify" if bare and len(matches) > 1 else "answer"
        elif matches and among >= self._calibration.ask_at:
            verdict = "clarify"
        return SearchResult(matches, right, among, verdict)


def is_learnt(
    knowledge: KnowledgeBase,
    negatives: Sequence[str],
    encoder: Encoder,
    today: date,
    store: ArrayStore,
) -> bool:
    """Whether `build_index` would find everything in the store and learn nothing."""
    entries = [entry for entry in knowledge.entries if entry.is_valid_on(today)]
    strays = _usable_negatives(negatives, _examples(entries)[0])
    return store.has(_KIND, _key(entries, strays, encoder))


def build_index(
    knowledge: KnowledgeBase,
    negatives: Sequence[str],
    encoder: Encoder,
    today: date,
    store: ArrayStore | None = None,
    progress: Progress = lambda _line: None,
) -> FaqIndex:
    """Index the entries that are valid today.

    `negatives` are texts that no ministry's FAQ answers; those that the knowledge base itself
    contains are left out.
    """
    entries = [entry for entry in knowledge.entries if entry.is_valid_on(today)]
    texts, labels = _examples(entries)
    strays = _usable_negatives(negatives, texts)
    key = _key(entries, strays, encoder)
    arabic, _ = split_scripts(texts + [e.answer["ar"] for e in entries] + list(strays))
    english = [
        text
        for entry in entries
        for text in (*entry.phrasings["en"], entry.question["en"], entry.answer["en"])
    ]
    featuriser = Featuriser(encoder, Arabizi(arabic, english))
    if not entries:
        return FaqIndex((), featuriser, _NOTHING, _EMPTY, _EMPTY, _SILENT, key, knowledge.version)
    stored = store.load(_KIND, key) if store is not None else None
    if stored is None:
        progress(f"Reading {len(texts)} phrasings of {len(entries)} entries")
    everything = texts + strays
    vectors = featuriser.fit(texts, stored["vectors"][: len(texts)] if stored else None)
    if stored is None:
        strays_read = [featuriser.readable(text) for text in strays]
        extra = encoder.encode(strays_read) if strays else vectors[:0]
        vectors = np.concatenate([vectors, extra])
    else:
        vectors = stored["vectors"]
    features = featuriser.transform(everything, vectors)
    truth = np.array(labels + [len(entries)] * len(strays), dtype=np.int64)
    if stored is None:
        progress("Learning to tell the entries apart")
        compressed = linear.compress(features.joined)
        weights, bias = linear.train(compressed.rows, truth, len(entries) + 1)
        weights = compressed.back(weights)
        progress("Calibrating when to answer and when to ask back")
        calibration = _cross_validate(entries, features, compressed.rows, truth)
        if store is not None:
            arrays = {"vectors": vectors, "weights": weights, "bias": bias}
            store.save(_KIND, key, {**arrays, **calibration.to_arrays()})
    else:
        weights, bias = stored["weights"], stored["bias"]
        calibration = Calibration.from_arrays(stored)
    reference = _reference(entries, features, truth)
    return FaqIndex(
        entries, featuriser, reference, weights, bias, calibration, key, knowledge.version
    )


def _examples(entries: Sequence[FaqEntry]) -> tuple[list[str], list[int]]:
    texts: list[str] = []
    labels: list[int] = []
    for label, entry in enumerate(entries):
        seen = set()
        for language in ("ar", "en"):
            for text in (entry.question[language], *entry.phrasings[language]):
                if fold(text) not in seen:
                    seen.add(fold(text))
                    texts.append(text)
                    labels.append(label)
    return texts, labels


def _usable_negatives(negatives: Sequence[str], texts: Sequence[str]) -> list[str]:
    known = {fold(text) for text in texts}
    return [text for text in dict.fromkeys(negatives) if fold(text) not in known]


def _key(entries: Sequence[FaqEntry], strays: Sequence[str], encoder: Encoder) -> str:
    digest = hashlib.sha256()
    parts = [INDEX_VERSION, FEATURES_VERSION, encoder.fingerprint]
    parts += [str(MAX_WRONG), str(MAX_STRAY)]
    for entry in entries:
        parts += [entry.id, *entry.question.values(), *entry.answer.values()]
        parts += [text for texts in entry.phrasings.values() for text in texts]
    for part in (*parts, BACKGROUND, *strays):
        digest.update(part.encode("utf-8") + b"\x00")
    return digest.hexdigest()


def _cross_validate(
    entries: Sequence[FaqEntry],
    features: TextFeatures,
    learnt_from: Any,
    truth: npt.NDArray[np.int64],
) -> Calibration:
    from sklearn.model_selection import StratifiedKFold  # only learning needs it

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    evidence, right, among, negative = [], [], [], []
    counts = np.bincount(truth, minlength=len(entries) + 1)
    if counts.max() < _FOLDS or not counts[-1]:
        # Without negatives nothing teaches what must not be answered.
        return _SILENT
    for train, test in folds.split(np.zeros(len(truth)), truth):
        weights, bias = linear.train(learnt_from[train], truth[train], len(entries) + 1)
        held_out = _rows(features, test)
        shares = linear.shares(learnt_from[test], weights, bias)
        reference = _reference(entries, _rows(features, train), truth[train])
        order, found = _evidence(held_out, shares, reference)
        evidence.append(found)
        right.append(order[:, 0] == truth[test])
        among.append((order[:, :3] == truth[test][:, None]).any(axis=1))
        negative.append(truth[test] == len(entries))
    return calibrate(
        np.concatenate(evidence),
        np.concatenate(right),
        np.concatenate(among),
        np.concatenate(negative),
    )


def _rows(features: TextFeatures, rows: npt.NDArray[np.int64]) -> TextFeatures:
    return TextFeatures(
        features.joined[rows], features.dense[rows], [features.stems[row] for row in rows]
    )


def _reference(
    entries: Sequence[FaqEntry], features: TextFeatures, truth: npt.NDArray[np.int64]
) -> _Reference:
    known = [
        set(stems(fold(" ".join((*entry.answer.values(), *entry.question.values())))))
        for entry in entries
    ]
    counts: dict[str, int] = {}
    for words, label in zip(features.stems, truth, strict=True):
        if label < len(entries):
            known[label] |= words
            for word in words:
                counts[word] = counts.get(word, 0) + 1
    total = len(truth)
    rarity = {word: float(np.log(total / (1 + count))) for word, count in counts.items()}
    rarity[""] = float(np.log(total))
    return _Reference(truth, features.dense, [frozenset(words) for words in known], rarity)


def _evidence(
    features: TextFeatures, shares: Floats, reference: _Reference
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The entries in order, shape (n, entries), and the evidence, shape (n, columns)."""
    count = shares.shape[1] - 1
    order = np.argsort(-shares[:, :count], axis=1, kind="stable")
    similar = features.dense @ reference.dense.T
    of_entries = reference.labels < count
    rows = []
    for row, words in enumerate(features.stems):
        first = order[row, 0]
        second = shares[row, order[row, 1]] if count > 1 else 0.0
        own = np.sort(similar[row][reference.labels == first])[::-1]
        best = own[0] if len(own) else -1.0
        strays = similar[row][~of_entries]
        unknown = reference.rarity[""]
        total = sum(reference.rarity.get(word, unknown) for word in words) + 1e-6
        mine = sum(reference.rarity.get(w, unknown) for w in words & reference.known[first])
        known = sum(reference.rarity[word] for word in words if word in reference.rarity)
        rows.append(
            (
                np.log(shares[row, first] + 1e-4),
                np.log(second + 1e-4),
                np.log(shares[row, count] + 1e-4),
                best,
                own[:3].mean() if len(own) else -1.0,
                similar[row][of_entries].max(initial=-1.0) - best,
                strays.max(initial=-1.0) - best,
                mine / total,
                known / total,
                np.log(1 + len(words)),
            )
        )
    return order, np.array(rows, dtype=np.float64)


_EMPTY: Vectors = np.zeros((0,), dtype=np.float32)
_NOTHING = _Reference(np.zeros(0, dtype=np.int64), _EMPTY, [], {"": 0.0})
_ZERO = np.zeros(10)

#: Says nothing without being asked for: used where there is too little to calibrate on.
_SILENT = Calibration(_ZERO, _ZERO + 1.0, np.zeros(11), np.zeros(11), 1.0, 0.0)
