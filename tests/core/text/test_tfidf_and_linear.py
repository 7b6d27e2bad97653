"""The plain-array TF-IDF and classifier agree with the library that they stand in for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from core.text.linear import shares, train
from core.text.tfidf import Tfidf, char_ngrams

TEXTS = ["كم رسم الجواز الجواز", "كم رسم الرخصه", "ضاع الجواز", "a b c", "", "x y x y x", "ab"]
NEW = [*TEXTS, "كم كم كم", "unknown words", "الجو"]


@pytest.mark.parametrize("min_df", [1, 2])
def test_word_weights_are_those_of_scikit_learn(min_df: int) -> None:
    ours = Tfidf(str.split, min_df=min_df)
    ours.fit(TEXTS)
    theirs = TfidfVectorizer(analyzer=str.split, sublinear_tf=True, min_df=min_df)
    theirs.fit(TEXTS)
    assert len(ours) == len(theirs.vocabulary_)
    np.testing.assert_allclose(
        ours.transform(NEW).toarray(), theirs.transform(NEW).toarray(), atol=1e-6
    )


@pytest.mark.parametrize("spans", [(2, 4), (2, 5), (1, 3)])
def test_character_weights_are_those_of_scikit_learn(spans: tuple[int, int]) -> None:
    ours = Tfidf(char_ngrams(*spans), min_df=2)
    ours.fit(TEXTS)
    theirs = TfidfVectorizer(analyzer="char_wb", ngram_range=spans, sublinear_tf=True, min_df=2)
    theirs.fit(TEXTS)
    assert len(ours) == len(theirs.vocabulary_)
    np.testing.assert_allclose(
        ours.transform(NEW).toarray(), theirs.transform(NEW).toarray(), atol=1e-6
    )


def _problem(classes: int, seed: int = 3) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(classes), 12)
    features = rng.standard_normal((len(truth), 10)).astype(np.float32) * 0.3
    features[np.arange(len(truth)), truth] += 2
    return sparse.csr_matrix(features), truth


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("balanced", [True, False])
def test_shares_are_those_of_scikit_learn(classes: int, balanced: bool) -> None:
    features, truth = _problem(classes)
    weights, bias = train(features, truth, classes, balanced=balanced)
    model = LogisticRegression(
        C=20.0, max_iter=500, class_weight="balanced" if balanced else None
    ).fit(features, truth)
    found = shares(features, weights, bias)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found, model.predict_proba(features), atol=0.02)
    assert (found.argmax(axis=1) == truth).all()


def test_a_class_without_examples_comes_last() -> None:
    features, truth = _problem(3)
    weights, bias = train(features, truth * 2, 6)  # classes 0, 2 and 4 of six
    found = shares(features, weights, bias)
    assert (found.argmax(axis=1) == truth * 2).all()
    assert found[:, [1, 3, 5]].max() < 1e-6


def test_two_classes_among_many_and_one_alone() -> None:
    features, truth = _problem(2)
    weights, bias = train(features, truth + 1, 4)
    found = shares(features, weights, bias)
    assert (found.argmax(axis=1) == truth + 1).all()
    assert found[:, [0, 3]].max() < 1e-6
    alone = shares(features, *train(features, np.full(len(truth), 2), 4))
    np.testing.assert_allclose(alone[:, 2], 1, atol=1e-6)


def test_large_scores_do_not_overflow() -> None:
    weights = np.array([[1e4], [-1e4]], dtype=np.float32)
    found = shares(sparse.csr_matrix([[5.0], [-5.0]]), weights, np.zeros(2, dtype=np.float32))
    np.testing.assert_allclose(found, [[1, 0], [0, 1]])
