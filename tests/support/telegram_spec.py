"""The Bot API's specification as data: checks requests against it, and makes objects of its types.

`NATIQ_TELEGRAM_SPEC` names the file `api.json` of
https://github.com/PaulSonOfLars/telegram-bot-api-spec; it is not a part of this repository.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "NATIQ_TELEGRAM_SPEC"
MISSING = (
    f"needs the Bot API's specification: set {VARIABLE} to api.json of "
    "https://github.com/PaulSonOfLars/telegram-bot-api-spec"
)

_QUOTED = re.compile("“([^”]+)”")
_ARRAY = "Array of "

#: Parameters that stand in a request as JSON, in a form body as a text that holds it.
_PLAIN = ("String", "Integer", "Float", "Boolean")


class Spec:
    """The methods and types, by name."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._methods = data["methods"]
        self._types = data["types"]

    def fields(self, type_name: str) -> list[dict[str, Any]]:
        """Fields of a type: `name`, `types`, `required`, `description`."""
        return list(self._types[type_name].get("fields", []))

    def knows(self, method: str) -> bool:
        return method in self._methods

    def problems(self, method: str, parameters: dict[str, Any]) -> list[str]:
        """What is wrong with a request, whose values are texts (a form) or JSON values."""
        if method not in self._methods:
            return [f"{method}: no such method"]
        decoded = {
            name: _decoded(value, self._types_of(method, name))
            for name, value in parameters.items()
        }
        return self._wrong(method, self._methods[method].get("fields", []), decoded)

    def _types_of(self, method: str, name: str) -> list[str]:
        for field in self._methods[method].get("fields", []):
            if field["name"] == name:
                return list(field["types"])
        return []

    def _wrong(self, where: str, fields: list[dict[str, Any]], value: dict[str, Any]) -> list[str]:
        known = {field["name"]: field for field in fields}
        found = [f"{where}.{name}: not in the specification" for name in value if name not in known]
        for name, field in known.items():
            if name not in value:
                if field["required"]:
                    found.append(f"{where}.{name}: missing")
            elif not any(self._is(value[name], kind) for kind in field["types"]):
                found.append(f"{where}.{name}: not {' or '.join(field['types'])}")
        return found

    def _is(self, value: Any, kind: str) -> bool:
        if kind.startswith(_ARRAY):
            inner = kind.removeprefix(_ARRAY)
            return isinstance(value, list) and all(self._is(item, inner) for item in value)
        if kind == "String":
            return isinstance(value, str)
        if kind == "Integer":
            return type(value) is int
        if kind == "Float":
            return type(value) in (int, float)
        if kind == "Boolean":
            return isinstance(value, bool)
        type_ = self._types[kind]
        if "subtypes" in type_ and not type_.get("fields"):
            return any(self._is(value, one) for one in type_["subtypes"])
        return isinstance(value, dict) and not self._wrong(kind, type_.get("fields", []), value)

    def minimal(self, kind: str, name: str = "", description: str = "") -> Any:
        """A value of a type with nothing but what is required."""
        if kind.startswith(_ARRAY):
            return [self.minimal(kind.removeprefix(_ARRAY), name, description)]
        if kind == "Integer":
            return 1_780_000_000 if name.endswith("date") else 7
        if kind in ("Float", "Boolean"):
            return 1.5 if kind == "Float" else True
        if kind == "String":
            quoted = _QUOTED.search(description)
            return quoted[1] if quoted else "word"
        type_ = self._types[kind]
        if "subtypes" in type_ and not type_.get("fields"):
            return self.minimal(type_["subtypes"][0])
        return {
            field["name"]: self.of_field(field) for field in self.fields(kind) if field["required"]
        }

    def of_field(self, field: dict[str, Any]) -> Any:
        """A minimal value for a field."""
        return self.minimal(field["types"][0], field["name"], field["description"])


def _decoded(value: Any, types: list[str]) -> Any:
    """A form's text as the value it stands for."""
    if not isinstance(value, str) or ("String" in types and not _is_number(value, types)):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_number(value: str, types: list[str]) -> bool:
    return "Integer" in types and re.fullmatch(r"-?\d+", value) is not None


@cache
def load_spec() -> Spec | None:
    """The specification, or None where the variable is not set."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    return Spec(json.loads(Path(path).read_text(encoding="utf-8")))


def spec_or_skip() -> Spec:
    """The specification; skips by name without it."""
    spec = load_spec()
    if spec is None:
        pytest.skip(MISSING)
    return spec
