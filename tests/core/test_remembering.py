"""The encoder that remembers: the same vectors, and each text encoded once, also by the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.arrays import ArrayStore
from core.remembering import RememberingEncoder
from tests.support.encoders import HashEncoder

TEXTS = ["جواز السفر", "passport", "جواز السفر", "", "رخصة"]


def test_vectors_are_the_encoders_own_in_the_order_asked(tmp_path: Path) -> None:
    inner = HashEncoder()
    remembering = RememberingEncoder(inner, ArrayStore(tmp_path))
    np.testing.assert_array_equal(remembering.encode(TEXTS), HashEncoder().encode(TEXTS))
    np.testing.assert_array_equal(
        remembering.encode(TEXTS[::-1]), HashEncoder().encode(TEXTS[::-1])
    )
    assert sorted(inner.encoded) == sorted(set(TEXTS)), "each text once"
    assert (remembering.dimension, remembering.fingerprint) == (inner.dimension, inner.fingerprint)


def test_the_next_process_encodes_only_what_is_new(tmp_path: Path) -> None:
    first = RememberingEncoder(HashEncoder(), ArrayStore(tmp_path))
    first.encode(TEXTS)
    first.keep()
    inner = HashEncoder()
    second = RememberingEncoder(inner, ArrayStore(tmp_path))
    np.testing.assert_array_equal(
        second.encode([*TEXTS, "new"]), HashEncoder().encode([*TEXTS, "new"])
    )
    assert inner.encoded == ["new"]
    second.keep()
    third = HashEncoder()
    RememberingEncoder(third, ArrayStore(tmp_path)).encode([*TEXTS, "new"])
    assert third.encoded == []


def test_another_encoder_remembers_nothing_of_this_one(tmp_path: Path) -> None:
    first = RememberingEncoder(HashEncoder(64), ArrayStore(tmp_path))
    first.encode(TEXTS)
    first.keep()
    other = HashEncoder(32)
    found = RememberingEncoder(other, ArrayStore(tmp_path)).encode(TEXTS)
    assert found.shape == (len(TEXTS), 32)
    assert len(other.encoded) == len(set(TEXTS))


def test_nothing_asked_and_nothing_kept(tmp_path: Path) -> None:
    remembering = RememberingEncoder(HashEncoder(), ArrayStore(tmp_path))
    assert remembering.encode([]).shape == (0, 64)
    remembering.keep()
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_kept_or_was_damaged_is_encoded_again(tmp_path: Path) -> None:
    first = RememberingEncoder(HashEncoder(), ArrayStore(tmp_path))
    first.encode(TEXTS)
    first.keep()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    inner = HashEncoder()
    np.testing.assert_array_equal(
        RememberingEncoder(inner, ArrayStore(tmp_path)).encode(TEXTS), HashEncoder().encode(TEXTS)
    )
    assert len(inner.encoded) == len(set(TEXTS))
