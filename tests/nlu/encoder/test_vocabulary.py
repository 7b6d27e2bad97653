"""Trimming a vocabulary: kept text is cut into the same pieces, other scripts become unknown."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tokenizers import Tokenizer

from nlu.encoder.errors import ModelError
from nlu.encoder.vocabulary import trim

TEXTS = [
    "كيف أجدد جواز السفر؟",
    "جوازالسفر، pass 12",
    "passport renew café",
    "kif 3alam 2!",
    "👍🏽 جواز 👍",
    "12 μ",
    "ڤيزا",
    "",
]


def tokenizers(tiny: Any) -> tuple[Tokenizer, Tokenizer, Any, Any]:
    document = tiny.tokenizer_document()
    trimmed, kept = trim(document)
    return (
        Tokenizer.from_str(json.dumps(document)),
        Tokenizer.from_str(json.dumps(trimmed)),
        kept,
        trimmed,
    )


def test_kept_text_is_cut_into_the_same_pieces(tiny: Any) -> None:
    before, after, kept, _ = tokenizers(tiny)
    rng = random.Random(3)
    pieces = [p.replace("▁", " ") for p in after.get_vocab() if not p.startswith("<")]
    pieces = [p for p in pieces if all(ord(c) < 0x700 or ord(c) > 0xFFFF for c in p)]
    texts = TEXTS + ["".join(rng.choices(pieces, k=12)) for _ in range(500)]
    for text in texts:
        old, new = before.encode(text), after.encode(text)
        assert old.tokens == new.tokens
        assert old.ids == [int(kept[number]) for number in new.ids]


def test_letters_of_other_scripts_are_dropped(tiny: Any) -> None:
    before, after, kept, _ = tokenizers(tiny)
    dropped = {"▁Россия", "Россияpass", "漢字", "字!", "▁नमस्ते", "क", "▁λόγος"}
    assert dropped <= set(before.get_vocab())
    assert not dropped & set(after.get_vocab())
    assert set(after.encode("Россия 漢字").ids) <= {
        after.token_to_id(t) for t in ("<s>", "</s>", "<unk>", "▁")
    }
    assert {"μ", "👍", "🏽", "؟", "<mask>", "<unk>"} <= set(after.get_vocab())
    assert list(kept) == sorted(kept)


def test_special_tokens_are_renumbered(tiny: Any) -> None:
    _, after, _, trimmed = tokenizers(tiny)
    size = len(trimmed["model"]["vocab"])
    assert after.token_to_id("<mask>") == size - 1
    assert {t["content"]: t["id"] for t in trimmed["added_tokens"]}["<mask>"] == size - 1
    assert after.encode("جواز").tokens[0] == "<s>"


def test_the_price_of_an_unknown_character_stays(tiny: Any) -> None:
    document = tiny.tokenizer_document()
    document["model"]["vocab"][document["model"]["vocab"].index(_entry(document, "漢"))][1] = -99.0
    trimmed, _ = trim(document)
    scores = [score for _, score in trimmed["model"]["vocab"]]
    assert min(scores) == -99.0


def test_other_kinds_of_tokenizer_are_refused() -> None:
    with pytest.raises(ModelError, match="WordPiece"):
        trim({"model": {"type": "WordPiece", "vocab": {}}})


def _entry(document: dict[str, Any], piece: str) -> list[Any]:
    return next(entry for entry in document["model"]["vocab"] if entry[0] == piece)
