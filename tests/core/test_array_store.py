"""Arrays on disk: what is read is what was written, whole, or nothing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from core.arrays import ArrayStore

KEY = "a1b2" * 16


def _arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "vectors": rng.standard_normal((7, 5)).astype(np.float32),
        "empty": np.zeros((0, 3)),
        "words": np.array(["جواز", "passport"]),
    }


def _same(one: object, two: dict[str, np.ndarray]) -> bool:
    assert isinstance(one, dict)
    assert one.keys() == two.keys()
    return all(
        one[name].dtype == two[name].dtype and np.array_equal(one[name], two[name]) for name in two
    )


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "deep" / "er")
    store.save("faq", KEY, _arrays())
    assert _same(store.load("faq", KEY), _arrays())
    assert _same(ArrayStore(tmp_path / "deep" / "er").load("faq", KEY), _arrays())


def test_another_key_or_kind_finds_nothing(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path)
    assert store.load("faq", KEY) is None
    store.save("faq", KEY, _arrays())
    assert store.load("faq", KEY[::-1]) is None
    assert store.load("nlu", KEY) is None


def test_the_newest_of_each_kind_stay(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, kept=2)
    store.save("nlu", KEY, _arrays())
    for number in range(5):
        store.save("faq", f"{number}" * 32, _arrays(number))
        for age, path in enumerate(sorted(tmp_path.glob("faq-*"), reverse=True)):
            os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert sorted(path.name[:5] for path in tmp_path.iterdir()) == ["faq-3", "faq-4", "nlu-a"]
    assert _same(store.load("faq", "4" * 32), _arrays(4))


def test_a_damaged_file_is_never_believed(tmp_path: Path) -> None:
    """Cut short or altered at any place: the arrays are as they were, or there are none."""
    store = ArrayStore(tmp_path)
    store.save("faq", KEY, _arrays())
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    rng = random.Random(7)
    damaged = [whole[:size] for size in [0, 1, 4, *rng.sample(range(len(whole)), 60)]]
    for place in [*range(200), *rng.sample(range(len(whole)), 400), *range(-120, 0)]:
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(8)
        damaged.append(bytes(changed))
    damaged += [b"PK", b"\x93NUMPY", b"not an archive" * 9, whole + whole]
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        read = store.load("faq", KEY)
        if read is None:
            refused += 1
            assert not path.exists(), "it is removed, to be made anew"
        else:
            assert set(read) <= set(_arrays())
            assert all(np.array_equal(read[name], _arrays()[name]) for name in read)
    assert refused > 500
    store.save("faq", KEY, _arrays())
    assert _same(store.load("faq", KEY), _arrays())


def test_pickled_objects_are_not_unpacked(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path)
    store.save("faq", KEY, _arrays())
    (path,) = tmp_path.iterdir()
    np.savez(path, thing=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert store.load("faq", KEY) is None


def test_an_interrupted_save_leaves_the_former_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArrayStore(tmp_path)
    store.save("faq", KEY, _arrays(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("numpy.savez", "core.arrays.os.fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            store.save("faq", KEY, _arrays(2))
        assert _same(store.load("faq", KEY), _arrays(1))
        assert len(list(tmp_path.iterdir())) == 1, "no half file stays"


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = ArrayStore(tmp_path / "file" / "arrays")
    store.save("faq", KEY, _arrays())
    assert store.load("faq", KEY) is None
