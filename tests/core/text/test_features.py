"""Features: the same text gives the same numbers, near texts near ones, and lengths are 1."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from core.text.arabizi import Arabizi
from core.text.clean import fold
from core.text.features import DENSE_WEIGHT, Featuriser, sounds, split_scripts, stems
from tests.support.encoders import HashEncoder

CORPUS = [
    "كيف أجدد جواز السفر؟",
    "شلون أجدد الباسبور",
    "كم رسوم تجديد الجواز",
    "ضاع جواز سفري",
    "موعد تجديد رخصة القيادة",
    "كم رسوم رخصة القيادة",
    "How do I renew my passport?",
    "Passport renewal fees",
]


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def featuriser(encoder: HashEncoder, arabizi: Arabizi) -> Featuriser:
    made = Featuriser(encoder, arabizi)
    made.fit(CORPUS)
    return made


def _nearness(featuriser: Featuriser, one: str, other: str) -> float:
    joined = featuriser.transform([one, other]).joined
    return float((joined[0] @ joined[1].T).toarray()[0, 0])


def test_the_double_keeps_the_encoders_promises(encoder: HashEncoder) -> None:
    vectors = encoder.encode(CORPUS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(CORPUS), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(encoder.encode(CORPUS[2:3])[0], vectors[2])


def test_features_do_not_change_from_fit_to_fit(arabizi: Arabizi) -> None:
    def features() -> tuple[np.ndarray, np.ndarray]:
        made = Featuriser(HashEncoder(), arabizi)
        made.fit(CORPUS)
        found = made.transform(["كيف أجدد الباسبور؟"])
        return found.joined.toarray(), found.dense

    one, two = features(), features()
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_text_does_not_depend_on_its_company(featuriser: Featuriser) -> None:
    together = featuriser.transform(CORPUS)
    for place, text in enumerate(CORPUS):
        alone = featuriser.transform([text])
        np.testing.assert_allclose(
            alone.joined.toarray()[0], together.joined.toarray()[place], atol=1e-6
        )
        assert alone.stems == [together.stems[place]]


def test_shapes_and_lengths(featuriser: Featuriser, encoder: HashEncoder) -> None:
    features = featuriser.transform(CORPUS)
    assert sparse.issparse(features.joined)
    assert features.joined.dtype == features.dense.dtype == np.float32
    assert features.dense.shape == (len(CORPUS), encoder.dimension)
    assert features.joined.shape[0] == len(features.stems) == len(CORPUS)
    np.testing.assert_allclose(np.linalg.norm(features.dense, axis=1), 1, rtol=1e-4)
    # Three lexical views of length 1 each, beside the weighted dense one.
    squares = features.joined.multiply(features.joined).sum(axis=1)
    np.testing.assert_allclose(np.asarray(squares).ravel(), DENSE_WEIGHT**2 + 3, rtol=1e-3)


def test_vectors_that_were_kept_are_not_made_again(
    featuriser: Featuriser, encoder: HashEncoder, arabizi: Arabizi
) -> None:
    before = featuriser.transform(CORPUS)
    kept = encoder.encode([featuriser.readable(text) for text in CORPUS])
    encoder.encoded.clear()
    again = Featuriser(encoder, arabizi)
    assert again.fit(CORPUS, kept) is kept
    after = again.transform(CORPUS, kept)
    assert encoder.encoded == []
    np.testing.assert_allclose(after.joined.toarray(), before.joined.toarray(), atol=1e-6)


def test_spelling_dialect_and_arabizi_come_near(featuriser: Featuriser) -> None:
    question = "كيف أجدد جواز السفر؟"
    same = _nearness(featuriser, question, question)
    far = _nearness(featuriser, question, "كم رسوم رخصة القيادة")
    for other in ("كيف اجدد جواز السفر", "شلون أجدد الباسبور", "kif ajadded jawaz el safar"):
        near = _nearness(featuriser, question, other)
        assert far < near < same + 1e-4, other


def test_texts_without_words_or_known_terms_give_numbers_too(featuriser: Featuriser) -> None:
    features = featuriser.transform(["", "👍", "ЖЖЖ", "\ud800", "س" * 100_000])
    assert np.isfinite(features.joined.toarray()).all()
    assert features.stems[0] == features.stems[1] == frozenset()


def test_no_texts_give_no_rows(featuriser: Featuriser, encoder: HashEncoder) -> None:
    features = featuriser.transform([])
    assert features.joined.shape[0] == 0
    assert features.dense.shape == (0, encoder.dimension)


def test_stems_and_sounds() -> None:
    assert stems(fold("المدرسون والمدرسين")) == stems(fold("مدرسون")) | stems(fold("والمدرسين"))
    assert stems("renewal renewing") == stems("renewal") | stems("renewing")
    assert stems("fees") == stems("fee")
    assert stems(fold("شلون")) == stems(fold("كيف"))
    assert sounds(fold("صفارة")) == sounds(fold("سفارة"))
    assert sounds(fold("ضرف")) != sounds(fold("سفارة"))
    assert stems("") == frozenset()
    assert sounds("") == ""


def test_texts_are_split_by_script() -> None:
    arabic, rest = split_scripts(["جواز", "passport", "my جواز", "", "kif"])
    assert arabic == ["جواز", "my جواز"]
    assert rest == ["passport", "", "kif"]
