"""Serving: order, batches, cutting, odd input, threads; and what a serving process imports."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from nlu.encoder.onnx_encoder import OnnxEncoder

WORDS = ["جواز", "السفر", "كيف", "passport", "renew", "3alam", "👍", "أجدد"]
ODD = {
    "empty": "",
    "blank": " \n\t ",
    "long word": "ا" * 100_000,
    "long text": "جواز " * 20_000,
    "long blank": " " * 100_000,
    "emoji": "👍" * 50_000,
    "controls": "\x00\x01\x7f" * 100,
    "overrides": "\u202e\u2066\u200f" * 30_000,
    "other script": "漢字" * 50_000,
    "half a surrogate": "abc\ud800",
}


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> OnnxEncoder:
    return OnnxEncoder(tiny_model)


def mixed_texts(count: int) -> list[str]:
    rng = np.random.default_rng(11)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 40))) for _ in range(count)]


def test_vectors_agree_with_the_reference(
    encoder: OnnxEncoder, tiny: Any, tiny_model: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_model / "tokenizer.json"))
    weights = tiny.tiny_ingredients().weights
    texts = ["كيف أجدد جواز السفر؟", "renew passport", ""]
    for text, vector in zip(texts, encoder.encode(texts), strict=True):
        ids = np.array(tokenizer.encode("query: " + text).ids)
        assert float(vector @ tiny.vector(weights, ids)) > 0.9995


def test_order_is_kept_and_a_batch_equals_single_texts(encoder: OnnxEncoder) -> None:
    texts = mixed_texts(100)
    together = encoder.encode(texts)
    assert together.dtype == np.float32
    assert together.shape == (100, encoder.dimension) == (100, 64)
    single = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - single).max() < 1e-5
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5


def test_token_vectors_belong_to_their_texts(encoder: OnnxEncoder) -> None:
    texts = mixed_texts(40)
    vectors = encoder.encode(texts)
    for states, vector in zip(encoder.encode_tokens(texts), vectors, strict=True):
        mean = states.mean(axis=0)
        assert np.abs(mean / np.linalg.norm(mean) - vector).max() < 1e-5


def test_no_texts_give_no_vectors(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, 64)
    assert encoder.encode_tokens([]) == []


@pytest.mark.parametrize("kind", ODD)
def test_odd_input_gives_a_vector_in_bounded_time(encoder: OnnxEncoder, kind: str) -> None:
    start = time.monotonic()
    vector = encoder.encode([ODD[kind]])[0]
    assert time.monotonic() - start < 2
    assert np.isfinite(vector).all()
    assert abs(np.linalg.norm(vector) - 1) < 1e-5


def test_text_is_cut_at_the_token_limit(tiny_model: Path, encoder: OnnxEncoder) -> None:
    states = encoder.encode_tokens(["جواز " * 500])[0]
    assert len(states) == 128
    short = OnnxEncoder(tiny_model, max_tokens=16)
    assert len(short.encode_tokens(["جواز " * 500])[0]) == 16
    assert short.fingerprint != encoder.fingerprint
    with pytest.raises(ValueError, match="max_tokens"):
        OnnxEncoder(tiny_model, max_tokens=2)


def test_the_prefix_of_the_manifest_is_applied(tiny: Any, tmp_path: Path) -> None:
    tiny.make_tiny(tmp_path / "a", prefix="")
    tiny.make_tiny(tmp_path / "b", prefix="query: ")
    bare, prefixed = OnnxEncoder(tmp_path / "a"), OnnxEncoder(tmp_path / "b")
    assert np.abs(bare.encode(["query: جواز"]) - prefixed.encode(["جواز"])).max() < 1e-6
    assert bare.fingerprint != prefixed.fingerprint


def test_one_string_is_not_a_list_of_texts(encoder: OnnxEncoder) -> None:
    with pytest.raises(TypeError, match="not one string"):
        encoder.encode("جواز")


def test_threads_may_share_an_encoder(encoder: OnnxEncoder) -> None:
    texts = mixed_texts(60)
    expected = encoder.encode(texts)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(lambda _: encoder.encode(texts), range(24)):
            assert np.abs(vectors - expected).max() < 1e-5


def test_serving_imports_no_torch_and_no_build_tools(tiny_model: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from nlu.encoder.onnx_encoder import OnnxEncoder\n"
        "OnnxEncoder(Path(sys.argv[1])).encode(['جواز'])\n"
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'onnx'} & {*sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert result.stdout.strip() == "[]"
