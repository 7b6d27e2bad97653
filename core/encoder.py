"""The `Encoder` protocol: sentences to vectors. Made in `nlu`, handed to `faq` by the root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into vectors of unit length, so that a dot product is a cosine."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors of any text may change; part of every cache key."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, float32, shape (len(texts), dimension), each of length 1.

        The vector of a text does not depend on the other texts given with it.
        """
        ...
