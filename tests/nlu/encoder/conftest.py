"""A plain numpy encoder to hold served graphs against, and small random models to serve."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nlu.encoder.build import Ingredients, make
from nlu.encoder.weights import (
    BlockMatrix,
    Dense,
    EncoderWeights,
    FloatArray,
    Layer,
    Norm,
    quantize,
)

_erf = np.vectorize(erf, otypes=[np.float32])


# The reference: the encoder written out in float32, one unpadded text at a time.


def _dense(dense: Dense, source: FloatArray) -> FloatArray:
    return source @ dense.matrix.dequantize().T + dense.bias


def _norm(norm: Norm, source: FloatArray, epsilon: float) -> FloatArray:
    centred = source - source.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return np.asarray(centred / spread * norm.scale + norm.shift)


def _softmax(scores: FloatArray) -> FloatArray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def reference_tokens(weights: EncoderWeights, ids: NDArray[np.int64]) -> FloatArray:
    """Token vectors [tokens, hidden] of one text given as ids [tokens]."""
    rows = weights.words.chosen(ids).dequantize()
    state = _norm(weights.embedding_norm, rows + weights.positions[: len(ids)], weights.epsilon)
    size = weights.hidden // weights.heads
    for layer in weights.layers:
        query, key, value = (
            _dense(part, state).reshape(len(ids), weights.heads, size).transpose(1, 0, 2)
            for part in (layer.query, layer.key, layer.value)
        )
        seen = _softmax(query @ key.transpose(0, 2, 1) / np.float32(sqrt(size))) @ value
        seen = _dense(layer.attention_output, seen.transpose(1, 0, 2).reshape(len(ids), -1))
        state = _norm(layer.attention_norm, state + seen, weights.epsilon)
        wide = _dense(layer.feed_in, state)
        wide = wide * np.float32(0.5) * (1 + _erf(wide / sqrt(2)))
        state = _norm(layer.output_norm, state + _dense(layer.feed_out, wide), weights.epsilon)
    return state


def reference_vector(weights: EncoderWeights, ids: NDArray[np.int64]) -> FloatArray:
    """The sentence vector [hidden], of length 1, of one text given as ids [tokens]."""
    mean = reference_tokens(weights, ids).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


# Small random models.


def random_matrix(rng: np.random.Generator, rows: int, columns: int, bits: int) -> BlockMatrix:
    if bits == 8:
        return quantize(rng.normal(0, 0.08, (rows, columns)).astype(np.float32))
    integers = rng.integers(-8, 8, (rows, columns)).astype(np.int8)
    scales = rng.uniform(0.01, 0.03, (rows, columns // 32)).astype(np.float32)
    return BlockMatrix(integers, scales, 4)


def random_weights(vocabulary: int, bits: int, seed: int = 7) -> EncoderWeights:
    """Two layers, hidden 64, four heads, feed-forward 128, 160 positions."""
    rng = np.random.default_rng(seed)
    hidden, wide = 64, 128

    def floats(*shape: int) -> FloatArray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    def dense(outputs: int, inputs: int) -> Dense:
        return Dense(random_matrix(rng, outputs, inputs, bits), floats(outputs))

    def norm() -> Norm:
        return Norm(1 + floats(hidden), floats(hidden))

    layers = tuple(
        Layer(
            query=dense(hidden, hidden),
            key=dense(hidden, hidden),
            value=dense(hidden, hidden),
            attention_output=dense(hidden, hidden),
            attention_norm=norm(),
            feed_in=dense(wide, hidden),
            feed_out=dense(hidden, wide),
            output_norm=norm(),
        )
        for _ in range(2)
    )
    words = random_matrix(rng, vocabulary, hidden, bits)
    return EncoderWeights(words, floats(160, hidden), norm(), layers, 4, 1e-12)


PIECES = [
    *("▁", "▁query", ":", "▁جواز", "جواز", "▁السفر", "▁كيف", "أ", "جدد", "▁ال", "سفر", "؟", "،"),
    *(
        "▁passport",
        "▁pass",
        "port",
        "▁renew",
        "é",
        "▁caf",
        "▁3",
        "3alam",
        "1",
        "2",
        "👍",
        "🏽",
        "!",
    ),
    *(
        "▁Россия",
        "▁Рос",
        "сия",
        "漢",
        "字",
        "漢字",
        "▁नमस्ते",
        "क",
        "Россияpass",
        "字!",
        "μ",
        "▁λόγος",
    ),
    *("س", "ف", "ر", "ا", "ل", "ك", "ي", "ج", "و", "ز", "د", "م", "ن", "ت", "ب", "ع", "ه", "ش"),
    *(chr(code) for code in range(ord("a"), ord("z") + 1)),
]


def tokenizer_document(pieces: list[str] = PIECES) -> dict[str, Any]:
    """A parsed `tokenizer.json` of the Unigram kind; longer pieces are likelier."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    scored = [[piece, -2.0 - number / 10 - 4 / len(piece)] for number, piece in enumerate(pieces)]
    vocab = [[piece, 0.0] for piece in special] + scored + [["<mask>", 0.0]]
    added = [(0, "<s>"), (1, "<pad>"), (2, "</s>"), (3, "<unk>"), (len(vocab) - 1, "<mask>")]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    frame = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    frame.append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    space = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": text, "special": True, **flags} for number, text in added
        ],
        "normalizer": None,
        "pre_tokenizer": space,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": frame,
            "pair": [*frame, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {
                "<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
            },
        },
        "decoder": space,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab},
    }


def tiny_ingredients(prefix: str = "query: ", seed: int = 7) -> Ingredients:
    document = tokenizer_document()
    return Ingredients(
        name="tiny",
        licence="MIT",
        prefix=prefix,
        max_tokens=128,
        tokenizer=document,
        weights=random_weights(len(document["model"]["vocab"]), 4, seed),
    )


def make_tiny(
    out: Path,
    progress: Callable[[str], None] = lambda line: None,
    *,
    prefix: str = "query: ",
    seed: int = 7,
    force: bool = False,
) -> None:
    """A served model directory of random weights at `out`; `seed` stands for its source."""
    make(out, f"seed {seed}", "", lambda _: tiny_ingredients(prefix, seed), progress, force=force)


@dataclass(frozen=True)
class Reference:
    """The functions above, for tests (which cannot import from one another)."""

    tokens: Callable[[EncoderWeights, NDArray[np.int64]], FloatArray] = reference_tokens
    vector: Callable[[EncoderWeights, NDArray[np.int64]], FloatArray] = reference_vector
    random_weights: Callable[..., EncoderWeights] = random_weights
    random_matrix: Callable[..., BlockMatrix] = random_matrix
    tokenizer_document: Callable[..., dict[str, Any]] = tokenizer_document
    tiny_ingredients: Callable[..., Ingredients] = tiny_ingredients
    make_tiny: Callable[..., None] = make_tiny
    source: Path = Path(__file__)


@pytest.fixture(scope="session")
def tiny() -> Reference:
    return Reference()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A served model directory that tests must not change."""
    out = tmp_path_factory.mktemp("model") / "encoder"
    make_tiny(out)
    return out


@pytest.fixture(scope="session")
def served_model() -> Path:
    """The model that `make setup` built; its absence is a failure, for these tests measure it."""
    root = Path(__file__).resolve().parents[3]
    directory = Path(os.environ.get("NATIQ_MODEL_DIR") or root / "var" / "model") / "encoder"
    if not (directory / "manifest.json").is_file():
        pytest.fail(f"no served model at {directory}: run `make setup` or `natiq model build`")
    return directory
