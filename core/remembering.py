"""An encoder that remembers what it encoded, across processes: learning again after one entry was
edited then encodes that entry alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from core.arrays import ArrayStore
from core.encoder import Encoder, Vectors

_KIND = "vectors"

#: Vectors that are kept; 1.5 KB each at 384 dimensions.
_MOST = 200_000


class RememberingEncoder:
    """Wraps an encoder. `keep` writes what is new to the store."""

    def __init__(self, encoder: Encoder, store: ArrayStore) -> None:
        self._encoder = encoder
        self._store = store
        self._known: dict[bytes, Vectors] = {}
        self._new = 0
        stored = store.load(_KIND, encoder.fingerprint)
        if stored is not None and stored["vectors"].shape[1:] == (encoder.dimension,):
            digests = stored["digests"].tobytes()
            for place, vector in enumerate(stored["vectors"]):
                self._known[digests[place * 32 : place * 32 + 32]] = vector

    @property
    def dimension(self) -> int:
        """See `Encoder.dimension`."""
        return self._encoder.dimension

    @property
    def fingerprint(self) -> str:
        """See `Encoder.fingerprint`."""
        return self._encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder.encode`."""
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in texts]
        missing = {
            digest: text
            for digest, text in zip(digests, texts, strict=True)
            if digest not in self._known
        }
        if missing:
            vectors = self._encoder.encode(list(missing.values()))
            self._known.update(zip(missing, vectors, strict=True))
            self._new += len(missing)
        if not digests:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([self._known[digest] for digest in digests])

    def keep(self) -> None:
        """Store what is known, the newest where there is too much."""
        if not self._new:
            return
        kept = list(self._known.items())[-_MOST:]
        digests = np.frombuffer(b"".join(digest for digest, _ in kept), dtype=np.uint8)
        vectors = np.stack([vector for _, vector in kept])
        self._store.save(_KIND, self.fingerprint, {"digests": digests, "vectors": vectors})
        self._new = 0
