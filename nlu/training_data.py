"""Reads training examples in Rasa's NLU YAML format (version 3.1), as `nlu/data/*.yml` hold them.

Only `intent` and `examples` are used; an entity annotation `[text](name)` is read as its text.
"""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from core.errors import InputError

#: The examples that the project ships.
DATA_DIR = Path(__file__).parent / "data"

_ANNOTATION = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")


def load_examples(folder: Path = DATA_DIR) -> dict[str, list[str]]:
    """Examples by intent, in the order of the files.

    Raises:
        InputError: names the file and what is wrong in it.
    """
    examples: dict[str, list[str]] = {}
    paths = sorted(folder.glob("*.yml"))
    if not paths:
        raise InputError(
            f"There is no training data in {folder}; expected files like question.yml."
        )
    for path in paths:
        for intent, lines in _read(path):
            examples.setdefault(intent, []).extend(lines)
    return examples


def _read(path: Path) -> list[tuple[str, list[str]]]:
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("nlu"), list):
        raise InputError(f'{path}: expected `version: "3.1"` and a list under `nlu:`')
    found = []
    for number, item in enumerate(data["nlu"], start=1):
        if not isinstance(item, dict) or not isinstance(item.get("intent"), str):
            raise InputError(f"{path}: item {number} under `nlu:` lacks `intent: NAME`")
        if not isinstance(item.get("examples"), str):
            raise InputError(f"{path}: item {number} lacks `examples: |` with lines `- text`")
        lines = []
        for line in item["examples"].splitlines():
            text = line.strip()
            if not text:
                continue
            if not text.startswith("- "):
                raise InputError(f"{path}: item {number}: the line {text[:40]!r} lacks its `- `")
            lines.append(_ANNOTATION.sub(r"\1", text[2:]).strip())
        found.append((item["intent"], lines))
    return found
