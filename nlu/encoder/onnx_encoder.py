"""Serves a model directory with ONNX Runtime: texts in, vectors of length 1 out.

The only module that imports onnxruntime. It trusts the sizes in the manifest on load and leaves
the full check of hashes to `verify`; making models is left to `build`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import GRAPH, TOKENIZER, Manifest, read_manifest

FloatArray = NDArray[np.float32]

# A run of the graph takes at most this many texts and this many tokens, padding included: it
# bounds memory, and more at a time is not faster.
_BATCH_TEXTS = 32
_BATCH_TOKENS = 1024
# Pieces of a vocabulary have some 16 characters at most, so in ordinary text what lies further is
# beyond the token limit anyway; cutting before tokenizing bounds the time for any length.
_CHARACTERS_PER_TOKEN = 32


class OnnxEncoder:
    """Vectors of texts from a served model directory. Safe to call from several threads."""

    def __init__(self, model_dir: Path, threads: int = 2, max_tokens: int | None = None) -> None:
        """Load the model.

        Args:
            model_dir: a directory made by `nlu.encoder.build`.
            threads: cores one call may use.
            max_tokens: cut texts here instead of where the manifest says; 128 by default there.

        Raises:
            ModelError: the directory is missing, incomplete, damaged or of another version.
        """
        self._model_dir = model_dir
        self.manifest: Manifest = read_manifest(model_dir)
        limit = min(max_tokens or self.manifest.max_tokens, self.manifest.max_tokens)
        if limit < 3:
            raise ValueError("max_tokens must leave room for a token between the special ones")
        self._limit = limit
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The arena keeps the memory of the largest batch ever seen; ours is a small process.
        options.enable_cpu_mem_arena = False
        # Idle threads sleep instead of spinning: other work shares these cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_file(str(model_dir / TOKENIZER))
            self._session = onnxruntime.InferenceSession(
                str(model_dir / GRAPH), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise bare or private exception types
            raise ModelError.unusable(
                f"the model at {model_dir} cannot be loaded ({error})"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=limit)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.manifest.dimension

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors of any text may change; part of every cache key."""
        return f"{self.manifest.fingerprint}-{self._limit}"

    def verify(self) -> None:
        """Check the hash of every file of the model; raises ModelError (reads about 60 MB)."""
        self.manifest.verify(self._model_dir)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, float32 [len(texts), dimension], each of length 1, in order.

        Texts are cut at the token limit. An empty text has a vector too: that of the prefix.
        """
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for places, ids, mask in self._batches(texts):
            (vectors[places],) = self._session.run(
                ["sentence_embedding"], {"input_ids": ids, "attention_mask": mask}
            )
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[FloatArray]:
        """Vectors of the tokens of each text, float32 [tokens, dimension], special ones included.

        They are as the last layer leaves them: their length is not 1.
        """
        results: dict[int, FloatArray] = {}
        for places, ids, mask in self._batches(texts):
            (states,) = self._session.run(
                ["token_embeddings"], {"input_ids": ids, "attention_mask": mask}
            )
            for place, state, row in zip(places.tolist(), states, mask, strict=True):
                results[place] = state[: int(row.sum())].copy()
        return [results[place] for place in range(len(texts))]

    def _prepare(self, text: str) -> str:
        cut = text.lstrip()[: self._limit * _CHARACTERS_PER_TOKEN]
        # Half surrogate pairs are no text, and the tokenizer would refuse them.
        return self.manifest.prefix + cut.encode("utf-8", "ignore").decode("utf-8")

    def _batches(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Texts of like length together: their places [batch], ids and mask [batch, tokens]."""
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of strings, not one string")
        encodings = self._tokenizer.encode_batch_fast([self._prepare(text) for text in texts])
        tokens = [encoding.ids for encoding in encodings]
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        start = 0
        while start < len(order):
            end = start + 1
            while (
                end < len(order)
                and end - start < _BATCH_TEXTS
                and (end - start + 1) * len(tokens[order[end]]) <= _BATCH_TOKENS
            ):
                end += 1
            places = order[start:end]
            shape = (len(places), len(tokens[places[-1]]))
            ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
            for row, place in enumerate(places):
                ids[row, : len(tokens[place])] = tokens[place]
                mask[row, : len(tokens[place])] = 1
            yield np.array(places, np.int64), ids, mask
            start = end
