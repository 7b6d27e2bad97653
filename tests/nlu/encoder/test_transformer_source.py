"""sentence-transformers models as a source (only where the training extra is installed)."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nlu.encoder.build import build_from_sentence_transformers
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import read_manifest
from nlu.encoder.onnx_encoder import OnnxEncoder

HAS_TRAINING = all(importlib.util.find_spec(n) for n in ("torch", "sentence_transformers"))
needs_training = pytest.mark.skipif(not HAS_TRAINING, reason="needs make setup-train")
TEXTS = ["كيف أجدد جواز السفر؟", "renew passport", "3alam 👍", ""]


def save_model(
    directory: Path, document: dict[str, Any], kind: str, pooling: str = "mean", **options: Any
) -> Any:
    """A tiny randomly initialised sentence-transformers model, saved to the directory."""
    import torch
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ImportError:  # their place before sentence-transformers 6
        from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer
    from transformers import (
        BertConfig,
        BertModel,
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaModel,
    )

    torch.manual_seed(3)
    sizes = {
        "vocab_size": len(document["model"]["vocab"]) + 5,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "max_position_embeddings": 80,
        "pad_token_id": 1,
        "initializer_range": 0.2,
        **options,
    }
    inner = (
        BertModel(BertConfig(**sizes))
        if kind == "bert"
        else XLMRobertaModel(XLMRobertaConfig(**sizes))
    )
    base = directory / "base"
    inner.save_pretrained(base)
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(document)), model_max_length=64, **names
    ).save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=64)
    model = SentenceTransformer(
        modules=[transformer, Pooling(64, pooling_mode=pooling)], device="cpu"
    )
    model.save(str(directory / "tiny-e5-model"))
    return model


@needs_training
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_vectors_agree_with_sentence_transformers(kind: str, tiny: Any, tmp_path: Path) -> None:
    model = save_model(tmp_path, tiny.tokenizer_document(), kind)
    source = str(tmp_path / "tiny-e5-model")
    lines: list[str] = []
    manifest = build_from_sentence_transformers(source, tmp_path / "encoder", lines.append)
    assert (manifest.prefix, manifest.max_tokens, manifest.dimension) == ("query: ", 64, 64)
    served = OnnxEncoder(tmp_path / "encoder")
    expected = model.encode(["query: " + text for text in TEXTS], normalize_embeddings=True)
    assert ((served.encode(TEXTS) * expected).sum(axis=1) > 0.999).all()
    vocabulary = json.loads((tmp_path / "encoder" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "漢字" not in {piece for piece, _ in vocabulary}
    build_from_sentence_transformers(source, tmp_path / "encoder", lines.append)
    assert "already holds" in lines[-1]
    # Other weights at the same path are another source.
    weights = next((tmp_path / "tiny-e5-model").rglob("*.safetensors"))
    weights.with_name("note.txt").write_text("changed")
    build_from_sentence_transformers(source, tmp_path / "encoder", lines.append)
    assert "already holds" not in lines[-1]


@needs_training
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pooling": "cls"}, "its pooling is cls"),
        ({"hidden_act": "relu"}, "its activation is relu"),
        ({"intermediate_size": 100}, "multiples of 32"),
    ],
)
def test_other_kinds_of_model_are_refused(
    options: dict[str, Any], words: str, tiny: Any, tmp_path: Path
) -> None:
    save_model(tmp_path, tiny.tokenizer_document(), "bert", **options)
    with pytest.raises(ModelError, match=rf"{words}.*Supported are BERT and XLM-RoBERTa"):
        build_from_sentence_transformers(
            str(tmp_path / "tiny-e5-model"), tmp_path / "encoder", lambda line: None
        )
    assert not (tmp_path / "encoder").exists()


@needs_training
def test_a_source_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty cannot be loaded"):
        build_from_sentence_transformers(
            str(tmp_path / "empty"), tmp_path / "encoder", lambda line: None
        )


def test_without_the_training_extra_the_mend_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelError, match="run `make setup-train`"):
        build_from_sentence_transformers("some/model", tmp_path / "encoder", lambda line: None)
    with pytest.raises(ModelError, match="there is no model"):
        read_manifest(tmp_path / "encoder")
