"""Graphs against the numpy reference; rounding and packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from nlu.encoder.graph import build_graph, save_graph
from nlu.encoder.weights import BlockMatrix, quantize

TEXTS = [[0, 9, 14, 2], [0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 2], [0, 2], [0, *range(4, 60), 2]]


@pytest.fixture(scope="module", params=[4, 8])
def served(request: Any, tiny: Any, tmp_path_factory: Any) -> tuple[Any, Any]:
    """Weights of 4 or 8 bits and a session serving them."""
    weights = tiny.random_weights(80, request.param)
    path: Path = tmp_path_factory.mktemp("graph") / "model.onnx"
    save_graph(build_graph(weights), path, "weights.bin")
    return weights, onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def padded(texts: list[list[int]]) -> dict[str, Any]:
    longest = max(map(len, texts))
    ids = np.array([text + [1] * (longest - len(text)) for text in texts], np.int64)
    mask = np.array([[1] * len(t) + [0] * (longest - len(t)) for t in texts], np.int64)
    return {"input_ids": ids, "attention_mask": mask}


def test_vectors_agree_with_the_reference(served: Any, tiny: Any) -> None:
    weights, session = served
    for text in TEXTS:
        (vector,) = session.run(["sentence_embedding"], padded([text]))
        expected = tiny.vector(weights, np.array(text))
        assert float(vector[0] @ expected) > 0.9995
        assert abs(np.linalg.norm(vector[0]) - 1) < 1e-5


def test_token_vectors_agree_with_the_reference(served: Any, tiny: Any) -> None:
    weights, session = served
    (states,) = session.run(["token_embeddings"], padded([TEXTS[1]]))
    expected = tiny.tokens(weights, np.array(TEXTS[1]))
    assert states.shape == (1, len(TEXTS[1]), 64)
    cosines = (states[0] * expected).sum(1) / (
        np.linalg.norm(states[0], axis=1) * np.linalg.norm(expected, axis=1)
    )
    assert cosines.min() > 0.999


def test_a_vector_does_not_depend_on_its_batch_or_padding(served: Any) -> None:
    _, session = served
    together = session.run(["sentence_embedding"], padded(TEXTS))[0]
    for number, text in enumerate(TEXTS):
        alone = session.run(["sentence_embedding"], padded([text]))[0][0]
        assert np.abs(together[number] - alone).max() < 1e-5


def test_a_row_without_tokens_stays_finite(served: Any) -> None:
    _, session = served
    inputs = padded(TEXTS[:2])
    inputs["attention_mask"][0] = 0
    assert np.isfinite(session.run(["sentence_embedding"], inputs)[0]).all()


def test_rounding_errs_by_at_most_half_a_scale() -> None:
    matrix = np.random.default_rng(1).normal(0, 3, (40, 96)).astype(np.float32)
    matrix[3, 32:64] = 0
    rounded = quantize(matrix)
    allowed = np.repeat(rounded.scales, 32, axis=1) * 0.501
    assert (np.abs(rounded.dequantize() - matrix) <= allowed).all()
    assert not rounded.dequantize()[3, 32:64].any()


def test_matrices_that_do_not_fit_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        quantize(np.ones((2, 40), np.float32))
    with pytest.raises(ValueError, match="does not fit"):
        BlockMatrix(np.zeros((2, 64), np.int8), np.zeros((2, 1), np.float32), 8)
    with pytest.raises(ValueError, match="4-bit or 8-bit"):
        BlockMatrix(np.zeros((2, 64), np.int8), np.zeros((2, 2), np.float32), 3)
