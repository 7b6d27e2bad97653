"""Writes encoder weights as an ONNX graph that ONNX Runtime serves from integers.

Inputs: `input_ids` and `attention_mask`, int64 [batch, tokens]. Outputs: `sentence_embedding`,
float32 [batch, hidden], the mean over the unmasked tokens, of length 1; and `token_embeddings`,
float32 [batch, tokens, hidden].

Matrices stay integers in blocks of 32 (ONNX Runtime's MatMulNBits and GatherBlockQuantized).
Activations are quantized per row and block, so a text's vector does not depend on what stands
beside it in the batch, as it does with one scale for a whole tensor (see docs/adr/0002-encoder.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nlu.encoder.weights import BLOCK, BlockMatrix, Dense, EncoderWeights, Norm

# How activations meet the integers of a matrix: 4 means as int8, for each row and block.
_ACCURACY_LEVEL = 4

_OPSET = 17
_IR_VERSION = 8
_CONTRIB = "com.microsoft"


def _pack(matrix: BlockMatrix, bits: int) -> NDArray[np.uint8]:
    """Integers as unsigned bytes [rows, columns * bits / 8], the zero in the middle of the range.

    Two 4-bit integers share a byte, the first in the low half.
    """
    unsigned = (matrix.integers.astype(np.int16) + (1 << (bits - 1))).astype(np.uint8)
    if bits == 8:
        return unsigned
    paired: NDArray[np.uint8] = np.bitwise_or(unsigned[:, 0::2], unsigned[:, 1::2] << 4)
    return paired


class _Writer:
    """Collects nodes and weights, naming what needs no name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0

    def weight(self, name: str, array: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(
        self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        self._count += 1
        output = output or f"t{self._count}"
        self.nodes.append(
            helper.make_node(
                operator, list(inputs), [output], f"n{self._count}", domain=domain, **attributes
            )
        )
        return output

    def contrib(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        return self.node(operator, *inputs, output=output, domain=_CONTRIB, **attributes)

    def dense(self, name: str, dense: Dense, source: str) -> str:
        rows, columns = dense.matrix.shape
        bits = dense.matrix.bits
        packed = _pack(dense.matrix, bits).reshape(rows, columns // BLOCK, BLOCK * bits // 8)
        return self.contrib(
            "MatMulNBits",
            source,
            self.weight(f"{name}.integers", packed),
            self.weight(f"{name}.scales", dense.matrix.scales),
            "",
            "",
            self.weight(f"{name}.bias", dense.bias),
            K=columns,
            N=rows,
            bits=bits,
            block_size=BLOCK,
            accuracy_level=_ACCURACY_LEVEL,
        )

    def norm_of_sum(
        self, name: str, norm: Norm, left: str, right: str, epsilon: float, output: str = ""
    ) -> str:
        return self.contrib(
            "SkipLayerNormalization",
            left,
            right,
            self.weight(f"{name}.scale", norm.scale),
            self.weight(f"{name}.shift", norm.shift),
            output=output,
            epsilon=epsilon,
        )


def _embed(writer: _Writer, weights: EncoderWeights) -> str:
    words = weights.words
    table = writer.weight("words.integers", _pack(words, words.bits))
    scales = writer.weight("words.scales", words.scales)
    word = writer.contrib(
        "GatherBlockQuantized",
        table,
        "input_ids",
        scales,
        bits=words.bits,
        block_size=BLOCK,
        gather_axis=0,
        quantize_axis=1,
    )
    shape = writer.node("Shape", "input_ids")
    one = writer.weight("one", np.array([1], np.int64))
    length = writer.node("Slice", shape, one, writer.weight("two", np.array([2], np.int64)))
    zero = writer.weight("zero", np.array([0], np.int64))
    positions = writer.node("Slice", writer.weight("positions", weights.positions), zero, length)
    # SkipLayerNormalization broadcasts a [1, tokens, hidden] second operand over the batch.
    positions = writer.node("Unsqueeze", positions, zero)
    return writer.norm_of_sum(
        "embedding_norm", weights.embedding_norm, word, positions, weights.epsilon
    )


def _pool(writer: _Writer, tokens: str) -> None:
    """Mean over the unmasked tokens, then length 1."""
    mask = writer.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    column = writer.node("Unsqueeze", mask, writer.weight("last", np.array([-1], np.int64)))
    axis = writer.weight("tokens_axis", np.array([1], np.int64))
    total = writer.node("ReduceSum", writer.node("Mul", tokens, column), axis, keepdims=0)
    # The count of tokens only scales the sum, and the length is then made 1: no need to divide.
    # A row without any token stays a row of zeros instead of becoming not-a-number.
    length = writer.node("ReduceL2", total, axes=[-1], keepdims=1)
    floor = writer.weight("floor", np.array(1e-9, np.float32))
    writer.node("Div", total, writer.node("Max", length, floor), output="sentence_embedding")


def build_graph(weights: EncoderWeights) -> onnx.ModelProto:
    """The encoder as an ONNX model with its weights inside (see the module for its ends)."""
    writer = _Writer()
    mask = writer.node("Cast", "attention_mask", to=TensorProto.INT32)
    state = _embed(writer, weights)
    last = len(weights.layers) - 1
    for number, layer in enumerate(weights.layers):
        name = f"layer{number}"
        query = writer.dense(f"{name}.query", layer.query, state)
        key = writer.dense(f"{name}.key", layer.key, state)
        value = writer.dense(f"{name}.value", layer.value, state)
        seen = writer.contrib(
            "MultiHeadAttention", query, key, value, "", mask, num_heads=weights.heads
        )
        seen = writer.dense(f"{name}.attention_output", layer.attention_output, seen)
        state = writer.norm_of_sum(
            f"{name}.attention_norm", layer.attention_norm, state, seen, weights.epsilon
        )
        wide = writer.contrib("Gelu", writer.dense(f"{name}.feed_in", layer.feed_in, state))
        state = writer.norm_of_sum(
            f"{name}.output_norm",
            layer.output_norm,
            state,
            writer.dense(f"{name}.feed_out", layer.feed_out, wide),
            weights.epsilon,
            output="token_embeddings" if number == last else "",
        )
    _pool(writer, state)
    graph = helper.make_graph(
        writer.nodes,
        "sentence_encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info(
                "sentence_embedding", TensorProto.FLOAT, ["batch", weights.hidden]
            ),
            helper.make_tensor_value_info(
                "token_embeddings", TensorProto.FLOAT, ["batch", "tokens", weights.hidden]
            ),
        ],
        writer.initializers,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)],
        ir_version=_IR_VERSION,
        producer_name="natiq",
    )


def save_graph(model: onnx.ModelProto, path: Path, weights_name: str) -> None:
    """Write the graph to `path` and its weights to the file `weights_name` beside it.

    ONNX Runtime maps that file into memory, so the rows of the embedding table that nobody asks
    for are never read.
    """
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=weights_name,
        size_threshold=1024,
    )
