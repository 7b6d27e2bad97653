"""A test double of `core.encoder.Encoder`: real vectors from hashes, without a model.

Texts that share character trigrams get near vectors, so that ranking behaves as with a real
encoder; a text's vector depends on nothing but the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from core.encoder import Vectors


class HashEncoder:
    """Adds a fixed random direction for each trigram of the text; counts what it encoded."""

    def __init__(self, dimension: int = 64) -> None:
        self._dimension = dimension
        self.encoded: list[str] = []

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        return f"hash-encoder-{self._dimension}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            padded = f" {text.casefold()} "
            for start in range(max(len(padded) - 2, 1)):
                vectors[row] += self._direction(padded[start : start + 3])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)

    def _direction(self, gram: str) -> Vectors:
        digest = hashlib.sha256(gram.encode("utf-8", "surrogatepass")).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return rng.standard_normal(self._dimension).astype(np.float32)
