"""Features of a text for the intent model and the FAQ index: one dense view and three lexical ones.

- dense: the encoder's vector, centred on the corpus mean (sentence vectors crowd into a narrow
  cone; without the common part cosines tell more) and scaled to length 1;
- word: TF-IDF over stems and stem pairs, after dialect words were made standard;
- char: TF-IDF over character 2- to 5-grams, for typos and clitics;
- sound: TF-IDF over 2- to 4-grams of sound skeletons, for Arabizi and letters that are confused.

Each view is scaled to length 1, so that their weights say what they seem to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import snowballstemmer
from scipy import sparse

from core.encoder import Encoder, Vectors
from core.text.arabizi import Arabizi, skeleton
from core.text.clean import clean, fold
from core.text.dialect import standardise
from core.text.tfidf import Tfidf, char_ngrams

#: Changes whenever the same text may give other features; part of every cache key.
FEATURES_VERSION = "3"

DENSE_WEIGHT = 1.5

#: Texts whose terms are remembered: the interpreter and the index ask for the same message's one
#: after the other, and few messages are decided on at the same time.
_RECENT = 32

_CHARS = char_ngrams(2, 5)
_SOUND_CHARS = char_ngrams(2, 4)

_ARABIC_STEMMER = snowballstemmer.stemmer("arabic")
_ENGLISH_STEMMER = snowballstemmer.stemmer("english")


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n texts.

    `joined` is the weighted views side by side, sparse float32 of shape (n, features); `dense`
    the centred vectors, shape (n, dimension); `stems` the set of word stems of each text.
    """

    joined: sparse.csr_matrix
    dense: Vectors
    stems: list[frozenset[str]]


class Featuriser:
    """Fitted on a corpus; turns any texts into features. Safe to share between threads."""

    def __init__(self, encoder: Encoder, arabizi: Arabizi) -> None:
        self._encoder = encoder
        self._arabizi = arabizi
        self._mean: Vectors = np.zeros(encoder.dimension, dtype=np.float32)
        self._word = Tfidf(_word_terms)
        self._char = Tfidf(_char_terms, min_df=2)
        self._sound = Tfidf(_sound_terms, min_df=2)

    def readable(self, text: str) -> str:
        """The text as it is understood: cleaned, Arabizi turned into Arabic letters."""
        text = clean(text)
        return self._arabizi.to_arabic(text) if self._arabizi.is_arabizi(text) else text

    def fit(self, texts: Sequence[str], vectors: Vectors | None = None) -> Vectors:
        """Learn vocabulary and mean from a corpus of at least two texts with words in them.

        `vectors`, when given, are the encoder's for the readable texts. Returns them, so that
        they can be kept.
        """
        readable = [self.readable(text) for text in texts]
        if vectors is None:
            vectors = self._encoder.encode(readable)
        folded = [fold(text) for text in readable]
        self._mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._word.fit(folded)
        self._char.fit(folded)
        self._sound.fit(folded)
        return vectors

    def transform(self, texts: Sequence[str], vectors: Vectors | None = None) -> TextFeatures:
        """Features of texts; `vectors` as in `fit`."""
        readable = [self.readable(text) for text in texts]
        if vectors is None:
            vectors = self._encoder.encode(readable)
        folded = [fold(text) for text in readable]
        centred = vectors - self._mean
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        dense: Vectors = (centred / np.maximum(lengths, 1e-6)).astype(np.float32)
        joined = sparse.hstack(
            [
                sparse.csr_matrix(dense * DENSE_WEIGHT),
                self._word.transform(folded),
                self._char.transform(folded),
                self._sound.transform(folded),
            ],
            format="csr",
            dtype=np.float32,
        )
        return TextFeatures(joined, dense, [stems(text) for text in folded])


def stems(folded: str) -> frozenset[str]:
    """The stems of a folded text's words."""
    return frozenset(_stem(word) for word in standardise(folded).split())


def sounds(folded: str) -> str:
    """The sound skeletons of a folded text's words, dialect words made standard."""
    return " ".join(skeleton(word) for word in standardise(folded).split())


@lru_cache(maxsize=_RECENT)
def _word_terms(folded: str) -> list[str]:
    words = [_stem(word) for word in standardise(folded).split()]
    return words + [f"{first} {second}" for first, second in pairwise(words)]


@lru_cache(maxsize=_RECENT)
def _char_terms(folded: str) -> list[str]:
    return _CHARS(folded)


@lru_cache(maxsize=_RECENT)
def _sound_terms(folded: str) -> list[str]:
    return _SOUND_CHARS(sounds(folded))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    stemmer: Any = _ARABIC_STEMMER if word[:1] >= "\u0600" else _ENGLISH_STEMMER
    stemmed: str = stemmer.stemWord(word)
    return stemmed


def split_scripts(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Texts with Arabic letters, and texts without, for `Arabizi`."""
    arabic = [text for text in texts if any("\u0600" <= char <= "\u06ff" for char in text)]
    known = set(arabic)
    return arabic, [text for text in texts if text not in known]
