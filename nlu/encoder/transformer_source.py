"""Reads sentence-transformers models (a path or an id) as encoder weights.

The only module that imports torch and sentence_transformers, and only when a model is loaded:
serving needs neither. Supported are BERT and XLM-RoBERTa encoders with mean pooling; their float
matrices are rounded to symmetric 8-bit blocks here, and what is written from them is left to
`build`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import sha256_of
from nlu.encoder.weights import (
    BLOCK,
    Dense,
    EncoderWeights,
    FloatArray,
    Layer,
    Norm,
    quantize,
)

SUPPORTED = "BERT and XLM-RoBERTa encoders with mean pooling (and nothing after it but Normalize)"


@dataclass(frozen=True)
class Loaded:
    """A model as loaded. `tokenizer` is a parsed `tokenizer.json`, `max_tokens` the model's own."""

    name: str
    licence: str
    prefix: str
    max_tokens: int
    tokenizer: dict[str, Any]
    weights: EncoderWeights


def digest(source: str) -> str:
    """A hash of the weights and settings of a model at a path; empty for an id."""
    directory = Path(source)
    if not directory.is_dir():
        return ""
    total = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            total.update(f"{path.relative_to(directory)}\0{sha256_of(path)}\n".encode())
    return total.hexdigest()


def load(source: str, progress: Callable[[str], None]) -> Loaded:
    """Load a model with sentence-transformers.

    Raises ModelError when the training extra is missing, the model cannot be loaded, or it is of
    a kind that is not supported.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ModelError(
            "sentence-transformers models need the training extra; run `make setup-train`"
        ) from error
    progress(f"loading {source}")
    try:
        model = SentenceTransformer(source, device="cpu")
    except Exception as error:  # it raises whatever the hub, torch or a missing file raises
        raise ModelError(f"{source} cannot be loaded ({error})") from error
    transformer = _checked(source, model)
    config = transformer.config
    progress("rounding the weights to 8-bit blocks")
    weights = _weights(
        {
            name: tensor.detach().float().numpy()
            for name, tensor in transformer.state_dict().items()
        },
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        epsilon=config.layer_norm_eps,
        # RoBERTa counts positions from the one after its padding id.
        first_position=config.pad_token_id + 1 if config.model_type == "xlm-roberta" else 0,
    )
    limit = min(model.max_seq_length or len(weights.positions), len(weights.positions))
    return Loaded(
        name=Path(source).name,
        licence=str(getattr(model.model_card_data, "license", None) or "see the source"),
        prefix=_prefix(source, model),
        max_tokens=int(limit),
        tokenizer=json.loads(model.tokenizer.backend_tokenizer.to_str()),
        weights=weights,
    )


def _checked(source: str, model: Any) -> Any:
    """The transformer inside the model, once it is known to be of a supported kind."""

    def refuse(found: str) -> ModelError:
        return ModelError(f"{source} is not supported: {found}. Supported are {SUPPORTED}")

    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise refuse(f"it is made of {', '.join(kinds)}")
    first, pooling = model[0], model[1]
    if _pooling(pooling) != "mean":
        raise refuse(f"its pooling is {_pooling(pooling)}")
    if not getattr(pooling, "include_prompt", True):
        raise refuse("its pooling leaves out the prompt")
    if not getattr(model.tokenizer, "is_fast", False):
        raise refuse("its tokenizer has no tokenizer.json")
    if getattr(first, "do_lower_case", False):
        raise refuse("it lower-cases text before its tokenizer")
    transformer = first.auto_model
    config = transformer.config
    if config.model_type not in ("bert", "xlm-roberta"):
        raise refuse(f"its architecture is {config.model_type}")
    if config.hidden_act != "gelu":
        raise refuse(f"its activation is {config.hidden_act}")
    if getattr(config, "position_embedding_type", None) not in (None, "absolute"):
        raise refuse(f"its positions are {config.position_embedding_type}")
    if config.hidden_size % BLOCK or config.intermediate_size % BLOCK:
        raise refuse(f"its sizes are not multiples of {BLOCK}")
    return transformer


def _pooling(module: Any) -> str:
    """The name of the pooling; a flag for each kind stood for it before sentence-transformers 6."""
    settings = module.get_config_dict()
    mode = settings.get("pooling_mode")
    if mode is None:
        flags = [name for name, on in settings.items() if name.startswith("pooling_mode_") and on]
        mode = [name.removeprefix("pooling_mode_").removesuffix("_tokens") for name in flags]
    return mode if isinstance(mode, str) else " and ".join(mode).removesuffix("_token")


def _prefix(source: str, model: Any) -> str:
    """What the model wants before a text, the same for questions and entries (symmetric use)."""
    prompts: dict[str, str] = getattr(model, "prompts", None) or {}
    default = getattr(model, "default_prompt_name", None)
    prompt = prompts.get(default or "query") or ""
    # The e5 family was trained with prefixes but its older releases do not state them.
    if not prompt and "e5" in Path(source).name.lower().split("-"):
        return "query: "
    return prompt


def _weights(
    state: dict[str, FloatArray],
    *,
    layers: int,
    heads: int,
    epsilon: float,
    first_position: int,
) -> EncoderWeights:
    """Encoder weights from a BERT or XLM-RoBERTa state dict of float arrays."""

    def dense(name: str) -> Dense:
        return Dense(quantize(state[f"{name}.weight"]), state[f"{name}.bias"].astype(np.float32))

    def norm(name: str) -> Norm:
        return Norm(
            state[f"{name}.weight"].astype(np.float32), state[f"{name}.bias"].astype(np.float32)
        )

    def layer(name: str) -> Layer:
        return Layer(
            query=dense(f"{name}.attention.self.query"),
            key=dense(f"{name}.attention.self.key"),
            value=dense(f"{name}.attention.self.value"),
            attention_output=dense(f"{name}.attention.output.dense"),
            attention_norm=norm(f"{name}.attention.output.LayerNorm"),
            feed_in=dense(f"{name}.intermediate.dense"),
            feed_out=dense(f"{name}.output.dense"),
            output_norm=norm(f"{name}.output.LayerNorm"),
        )

    positions = state["embeddings.position_embeddings.weight"][first_position:]
    token_type = state["embeddings.token_type_embeddings.weight"][0]
    return EncoderWeights(
        words=quantize(state["embeddings.word_embeddings.weight"]),
        positions=(positions + token_type).astype(np.float32),
        embedding_norm=norm("embeddings.LayerNorm"),
        layers=tuple(layer(f"encoder.layer.{number}") for number in range(layers)),
        heads=heads,
        epsilon=float(epsilon),
    )
