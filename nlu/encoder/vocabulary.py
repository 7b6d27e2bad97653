"""Trims a Unigram `tokenizer.json` to Arabic and Latin script.

multilingual-e5-small knows 250,000 pieces of a hundred languages; Natiq reads Arabic and English.
Pieces with letters of other scripts are dropped, those kept stay in their order with new ids, and
other scripts become `<unk>`. Segmentation of kept text cannot change: a Unigram tokenizer looks
only at pieces that occur in the text, and the price of `<unk>` (the lowest score of all pieces,
less a constant) is held by always keeping a piece with the lowest score.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.encoder.errors import ModelError

_SCRIPTS = ("ARABIC", "LATIN")
# Marks of no script: accents, the joiners of emoji, the keycap.
_COMMON_MARKS = ("COMBINING", "VARIATION SELECTOR")
_METASPACE = "\u2581"


@cache
def _is_kept(character: str) -> bool:
    """Whether a character may stand in Arabic or Latin text.

    Numbers, punctuation, symbols, emoji and format characters of every script are kept: they are
    few, and people paste them. Letters and marks are kept when Arabic, Latin or of no script.
    """
    if character == _METASPACE or character.isascii():
        return True
    category = unicodedata.category(character)
    name = unicodedata.name(character, "")
    if category[0] == "L":
        # Modifier letters without a script (such as the Arabic tatweel) are kept.
        return any(script in name for script in _SCRIPTS) or name.startswith("MODIFIER LETTER")
    if category[0] == "M":
        return name.startswith(_COMMON_MARKS) or "ARABIC" in name
    return True


def _is_lone_greek(piece: str) -> bool:
    """Units and signs written with one Greek letter (micro, ohm, pi), also beside Latin."""
    greek = [c for c in piece if unicodedata.name(c, "").startswith("GREEK")]
    return len(greek) == 1 and all(_is_kept(c) for c in piece if c not in greek)


def _keeps(piece: str) -> bool:
    return all(map(_is_kept, piece)) or _is_lone_greek(piece)


def trim(tokenizer: dict[str, Any]) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Trim a parsed `tokenizer.json` of the Unigram kind.

    Returns the trimmed document (a new one) and the kept old ids, int64 [kept], ascending: the
    new id of `kept[i]` is i. Raises ModelError for another kind of tokenizer.
    """
    model = tokenizer.get("model", {})
    if model.get("type") != "Unigram":
        raise ModelError(f"only Unigram vocabularies can be trimmed, not {model.get('type')}")
    pieces: list[list[Any]] = model["vocab"]
    special = {token["id"] for token in tokenizer.get("added_tokens", [])}
    special.add(model["unk_id"])
    cheapest = min(range(len(pieces)), key=lambda number: pieces[number][1])
    kept = [
        number
        for number, (piece, _) in enumerate(pieces)
        if number in special or number == cheapest or _keeps(piece)
    ]
    renumbered = {old: new for new, old in enumerate(kept)}
    trimmed = dict(tokenizer)
    trimmed["model"] = {
        **model,
        "vocab": [pieces[number] for number in kept],
        "unk_id": renumbered[model["unk_id"]],
    }
    trimmed["added_tokens"] = [
        {**token, "id": renumbered[token["id"]]} for token in tokenizer.get("added_tokens", [])
    ]
    trimmed["post_processor"] = _renumber(tokenizer.get("post_processor"), renumbered)
    return trimmed, np.array(kept, dtype=np.int64)


def _renumber(processor: dict[str, Any] | None, renumbered: dict[int, int]) -> Any:
    """The post-processor (which frames a text in special tokens) with the new ids."""
    if processor is None or "special_tokens" not in processor:
        return processor
    copy = json.loads(json.dumps(processor))
    for token in copy["special_tokens"].values():
        token["ids"] = [renumbered[number] for number in token["ids"]]
    return copy
