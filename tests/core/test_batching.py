"""Callers in several threads share batches: one batch at a time, nothing lost, nobody's fault
another's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from core.batching import BatchingEncoder
from core.encoder import Vectors
from tests.support.encoders import HashEncoder

DEADLINE = 30.0


class GatedEncoder(HashEncoder):
    """Keeps the batches that it was given; while the gate is shut, a batch waits before it. Refuses
    every batch with a text in `poison`."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.poison: dict[str, BaseException] = {}
        self.at_once, self.most_at_once = 0, 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.batches.append(list(texts))
        try:
            assert self.gate.wait(DEADLINE)
            for text in texts:
                if text in self.poison:
                    raise self.poison[text]
            return super().encode(texts)
        finally:
            self.at_once -= 1


@pytest.fixture
def inner() -> GatedEncoder:
    return GatedEncoder()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def until(condition: Callable[[], Any]) -> None:
    ends = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def behind_the_gate(
    inner: GatedEncoder, encoder: BatchingEncoder, threads: ThreadPoolExecutor
) -> Future[Vectors]:
    """A first batch that runs until the gate is opened."""
    inner.gate.clear()
    first = threads.submit(encoder.encode, ["first"])
    until(lambda: inner.batches == [["first"]])
    return first


def test_what_queues_while_a_batch_runs_is_the_next_batch(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner)
    first = behind_the_gate(inner, encoder, threads)
    texts = [f"text {number}" for number in range(20)]
    others = [threads.submit(encoder.encode, [text]) for text in texts]
    until(lambda: encoder.waiting == 20)
    inner.gate.set()
    np.testing.assert_array_equal(first.result(DEADLINE), HashEncoder().encode(["first"]))
    for text, other in zip(texts, others, strict=True):
        np.testing.assert_array_equal(other.result(DEADLINE), HashEncoder().encode([text]))
    assert [sorted(batch) for batch in inner.batches] == [["first"], sorted(texts)]


def test_a_text_by_itself_waits_for_nobody(inner: GatedEncoder) -> None:
    encoder = BatchingEncoder(inner)
    before = threading.active_count()
    np.testing.assert_array_equal(encoder.encode(["alone"]), HashEncoder().encode(["alone"]))
    assert inner.batches == [["alone"]]
    assert threading.active_count() == before, "no thread was begun that somebody must stop"


def test_vectors_are_the_encoders_own_in_the_order_asked(inner: GatedEncoder) -> None:
    encoder = BatchingEncoder(inner, batch=3)
    texts = ["جواز السفر", "passport", "جواز السفر", "", "رخصة", "a longer text than the others"]
    np.testing.assert_array_equal(encoder.encode(texts), HashEncoder().encode(texts))
    np.testing.assert_array_equal(encoder.encode(texts[::-1]), HashEncoder().encode(texts[::-1]))
    assert sorted(inner.encoded) == sorted(set(texts)), "each text once"
    assert encoder.encode([]).shape == (0, 64)
    assert (encoder.dimension, encoder.fingerprint) == (64, HashEncoder().fingerprint)
    with pytest.raises(TypeError):
        encoder.encode("one string")


def test_what_is_returned_may_be_written_to(inner: GatedEncoder) -> None:
    encoder = BatchingEncoder(inner)
    encoder.encode(["a"])[:] = 0
    np.testing.assert_array_equal(encoder.encode(["a"]), HashEncoder().encode(["a"]))


def test_a_text_that_several_ask_for_is_encoded_once(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner)
    first = behind_the_gate(inner, encoder, threads)
    same = [threads.submit(encoder.encode, ["first", "same"]) for _ in range(8)]
    until(lambda: encoder.waiting == 1)
    inner.gate.set()
    for one in (first, *same):
        assert one.result(DEADLINE).shape[1] == 64
    assert inner.encoded == ["first", "same"]


def test_the_texts_used_last_are_remembered(inner: GatedEncoder) -> None:
    encoder = BatchingEncoder(inner, remembered=2)
    for text in ("a", "b", "a", "c", "a"):
        encoder.encode([text])
    assert inner.encoded == ["a", "b", "c"]
    encoder.encode(["b"])
    assert inner.encoded == ["a", "b", "c", "b"]


def test_much_at_once_lets_others_come_in_between(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner, batch=4)
    inner.gate.clear()
    much = threads.submit(encoder.encode, [f"{number:02}" for number in range(12)])
    until(lambda: len(inner.batches) == 1)
    little = threads.submit(encoder.encode, ["a citizen's"])
    until(lambda: encoder.waiting == 1)
    inner.gate.set()
    assert much.result(DEADLINE).shape == (12, 64)
    assert little.result(DEADLINE).shape == (1, 64)
    assert any("a citizen's" in batch for batch in inner.batches[:2])
    assert max(len(batch) for batch in inner.batches) <= 4


def test_whoever_brings_too_much_waits_for_room(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner, batch=2, waiting=3)
    first = behind_the_gate(inner, encoder, threads)
    others = [threads.submit(encoder.encode, [f"a{n}", f"b{n}"]) for n in range(20)]
    until(lambda: encoder.waiting == 3)
    assert not any(one.done() for one in others)
    inner.gate.set()
    for number, one in enumerate(others):
        expected = HashEncoder().encode([f"a{number}", f"b{number}"])
        np.testing.assert_array_equal(one.result(DEADLINE), expected)
    assert first.done()
    assert len(inner.encoded) == 41
    assert inner.most_at_once == 1, "one thread at a time runs the encoder"


def test_more_than_the_queue_holds_is_still_encoded(inner: GatedEncoder) -> None:
    texts = [str(number) for number in range(30)]
    encoder = BatchingEncoder(inner, batch=8, waiting=2)
    np.testing.assert_array_equal(encoder.encode(texts), HashEncoder().encode(texts))


def test_a_poisonous_text_fails_nobody_but_who_brought_it(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner)
    inner.poison["poison"] = ValueError("poison")
    first = behind_the_gate(inner, encoder, threads)
    bad = threads.submit(encoder.encode, ["good 0", "poison"])
    good = [threads.submit(encoder.encode, [f"good {n}"]) for n in range(3)]
    until(lambda: encoder.waiting == 4)
    inner.gate.set()
    with pytest.raises(ValueError, match="poison"):
        bad.result(DEADLINE)
    for number, one in enumerate(good):
        expected = HashEncoder().encode([f"good {number}"])
        np.testing.assert_array_equal(one.result(DEADLINE), expected)
    assert first.done()
    inner.poison.clear()
    assert encoder.encode(["poison"]).shape == (1, 64), "an error is not remembered"


def test_whatever_ends_the_thread_that_runs_a_batch_the_others_go_on(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner)
    inner.poison["first"] = KeyboardInterrupt()
    first = behind_the_gate(inner, encoder, threads)
    with_it = threads.submit(encoder.encode, ["first", "second"])
    other = threads.submit(encoder.encode, ["other"])
    until(lambda: encoder.waiting == 2)
    inner.gate.set()
    with pytest.raises(KeyboardInterrupt):
        first.result(DEADLINE)
    with pytest.raises(RuntimeError, match="broken off"):
        with_it.result(DEADLINE)
    assert other.result(DEADLINE).shape == (1, 64)


def test_many_threads_all_get_what_they_asked_for(
    inner: GatedEncoder, threads: ThreadPoolExecutor
) -> None:
    encoder = BatchingEncoder(inner, batch=5, waiting=7, remembered=11)
    truth = HashEncoder()
    wanted = [[f"{n % 13}", f"{n % 29} text", f"{n}"] for n in range(400)]
    found = list(threads.map(encoder.encode, wanted, timeout=DEADLINE * 4))
    for texts, vectors in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(vectors, truth.encode(texts))
    assert inner.most_at_once == 1
    assert encoder.waiting == 0
