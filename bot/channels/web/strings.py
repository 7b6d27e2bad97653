"""The page's own words (labels, hints, errors), in both languages, from `static/strings.json`.

They are the chrome of the page, not sentences of the spokesperson: those come from the catalogue.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"


@cache
def all_strings() -> dict[str, Any]:
    """`{"page": {key: {"ar", "en"}}, "embed": {...}, "errors": {...}}`."""
    loaded: dict[str, Any] = json.loads((STATIC / "strings.json").read_text(encoding="utf-8"))
    return loaded


def error_sentences(code: str) -> dict[str, str]:
    """What a person is told of an error, by language."""
    sentences: dict[str, str] = all_strings()["errors"][code]
    return sentences
