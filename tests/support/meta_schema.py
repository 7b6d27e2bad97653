"""Meta's published schema and examples of the Cloud API, as data.

They are no part of this repository: `NATIQ_META_OPENAPI` names the file
`business-messaging-api_v23.0.yaml` of https://github.com/facebook/openapi, and
`NATIQ_META_EXAMPLES` a folder with its examples, cut out as
`meta_openapi_v23_{webhook_examples,send_requests,send_responses}.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

OPENAPI = "NATIQ_META_OPENAPI"
EXAMPLES = "NATIQ_META_EXAMPLES"
SOURCE = "of https://github.com/facebook/openapi"
NO_SCHEMA = f"needs Meta's schema: set {OPENAPI} to business-messaging-api_v23.0.yaml {SOURCE}"
NO_EXAMPLES = f"needs Meta's examples: set {EXAMPLES} to a folder with the examples {SOURCE}"

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class MetaSchema:
    """The schema's components, by name."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def problems(self, value: Any, name: str) -> list[str]:
        """Where a value is not as the component says: a property that it does not know, one that it
        requires, another type, too long. Patterns are left out, because the published one of
        `index` fits no index."""
        return self._wrong(value, {"$ref": f"#/components/schemas/{name}"}, name)

    def _wrong(self, value: Any, schema: Mapping[str, Any], where: str) -> list[str]:
        whole = self._whole(schema, value)
        options = whole.get("oneOf")
        if options and not whole.get("properties"):
            tried = [self._wrong(value, option, where) for option in options]
            return min(tried, key=len)
        kind = whole.get("type")
        if kind in _TYPES and not isinstance(value, _TYPES[kind]):
            return [f"{where}: not of the type {kind}"]
        found = []
        if isinstance(value, str) and len(value) > whole.get("maxLength", len(value)):
            found.append(f"{where}: longer than {whole['maxLength']}")
        if "enum" in whole and value not in whole["enum"]:
            found.append(f"{where}: {value!r} is none of {whole['enum']}")
        if isinstance(value, list):
            if len(value) > whole.get("maxItems", len(value)):
                found.append(f"{where}: more than {whole['maxItems']} items")
            for place, item in enumerate(value):
                found += self._wrong(item, whole.get("items", {}), f"{where}[{place}]")
        if isinstance(value, dict) and whole.get("properties"):
            found += [
                f"{where}.{name}: required" for name in whole["required"] if name not in value
            ]
            for name, inner in value.items():
                known = whole["properties"].get(name)
                if known is None:
                    found.append(f"{where}.{name}: unknown")
                else:
                    found += self._wrong(inner, known, f"{where}.{name}")
        return found

    def _whole(self, schema: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """References followed, `allOf` put together, the alternative that is named chosen."""
        merged: dict[str, Any] = {"properties": {}, "required": []}
        self._merge(schema, value, merged, set())
        return merged

    def _merge(
        self, schema: Mapping[str, Any], value: Any, into: dict[str, Any], seen: set[str]
    ) -> None:
        reference = schema.get("$ref")
        if reference is not None:
            if reference in seen:
                return
            seen.add(reference)
            self._merge(self._schemas[reference.rsplit("/", 1)[1]], value, into, seen)
        for key, given in schema.items():
            if key == "properties":
                into["properties"].update(given)
            elif key == "required":
                into["required"] += given
            elif key not in ("$ref", "allOf", "discriminator", "oneOf"):
                into[key] = given
        for part in schema.get("allOf", []):
            self._merge(part, value, into, seen)
        names = schema.get("discriminator")
        chosen = None
        if names is not None and isinstance(value, Mapping):
            chosen = names["mapping"].get(value.get(names["propertyName"]))
        if chosen is not None:
            self._merge({"$ref": chosen}, value, into, seen)
        elif "oneOf" in schema:
            into["oneOf"] = schema["oneOf"]


@cache
def meta_schema() -> MetaSchema:
    """The schema; skips the test when its file is not given."""
    path = os.environ.get(OPENAPI)
    if not path:
        pytest.skip(NO_SCHEMA)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with Path(path).open(encoding="utf-8") as file:
        document = yaml.load(file, Loader=loader)  # noqa: S506 - the safe loader, in C
    return MetaSchema(document["components"]["schemas"])


@cache
def meta_examples(name: str) -> dict[str, Any]:
    """`webhook_examples`, `send_requests` or `send_responses`; skips without the folder."""
    folder = os.environ.get(EXAMPLES)
    if not folder:
        pytest.skip(NO_EXAMPLES)
    path = Path(folder) / f"meta_openapi_v23_{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
