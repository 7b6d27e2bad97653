"""Holds a file against the schema, and says each mistake at the line where an editor mends it.

The rules are `faq.schema`'s and the words `faq.findings`'; this module goes from nodes to plain
data, and from the errors of the validation back to nodes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from faq import schema
from faq.findings import Words
from faq.hidden import HIDDEN, hidden_name
from faq.source_file import LANGUAGES, FieldPath, SourceFile
from faq.yaml_reader import Kind, Mapping, Node, Scalar, Sequence


def _data(file: SourceFile, node: Node, path: FieldPath) -> Any:
    """Plain data for the schema. A value that is no text to every reader of YAML stays a node,
    which no text field takes; what is invisible is reported and taken out."""
    if isinstance(node, Mapping):
        block: dict[str, Any] = {}
        for key, (_, value) in node.items.items():
            if (hidden := HIDDEN.search(key)) is not None:
                file.add("F011", *path, key, name=hidden_name(hidden.group()))
            else:
                block[key] = _data(file, value, (*path, key))
        return block
    if isinstance(node, Sequence):
        return [_data(file, item, (*path, index)) for index, item in enumerate(node.items)]
    if node.kind is not None:
        return node
    if (hidden := HIDDEN.search(node.text)) is not None:
        file.add("F011", *path, name=hidden_name(hidden.group()))
        return HIDDEN.sub("\N{REPLACEMENT CHARACTER}", node.text)
    return node.text


def validate(file: SourceFile) -> None:
    """Check the file against the schema; its content is set if it holds."""
    data = _data(file, file.tree, ())
    if not isinstance(data, dict):
        file.add("F020", got=_got(data), expected=_EXPECTED["topic"])
        return
    try:
        file.content = schema.TopicFile.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=True)
        # A misspelt key is one mistake, not also a missing key.
        missing = {one["loc"] for one in errors if one["type"] == "missing"}
        for one in errors:
            if one["type"] == "extra_forbidden":
                missing.discard(_unknown_key(file, one["loc"]))
        for one in errors:
            kind = one["type"]
            if kind != "extra_forbidden" and (kind != "missing" or one["loc"] in missing):
                _translate(file, one)


def _unknown_key(file: SourceFile, loc: FieldPath) -> FieldPath:
    """Report a key that the schema does not know; the path of the key that is meant, or else its
    own."""
    block, key = loc[:-1], str(loc[-1])
    known = _known_keys(block)
    near = file.nearest(key, known)
    listed = ", ".join(known)
    remedy: Words = {
        "en": f"Write {near}." if near else f"Delete it; the keys known here: {listed}.",
        "ar": f"اكتب {near}." if near else f"احذفه؛ والحقول المعروفة هنا: {listed}.",
    }
    file.add("F022", *loc, key=key, remedy=remedy)
    return (*block, near) if near else loc


def _known_keys(block: FieldPath) -> list[str]:
    """The keys that the published schema allows in the block at a path."""
    root = _SCHEMA
    node: dict[str, Any] = root
    for part in block:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return list(node["properties"])


_SCHEMA = schema.json_schema()


def _translate(file: SourceFile, error: ErrorDetails) -> None:
    """The finding of one error of the schema."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    context = error.get("ctx", {})
    key = next((part for part in reversed(loc) if isinstance(part, str)), "")
    bare = value.kind if isinstance(value, Scalar) else None
    if kind == "missing":
        if key in LANGUAGES:
            file.add("F024", *loc, key=key, language=_LANGUAGE_NAMES[key])
        else:
            file.add("F023", *loc, key=key)
    elif bare == "nothing" or value == "" or value == []:
        file.add("F025", *loc)
    elif kind == schema.DATES_CROSSED:
        file.add("F044", *loc, "valid_until", **context)
    elif kind == schema.BAD_DATE:
        if isinstance(value, Scalar | str):
            file.add("F028", *loc, value=value.text if isinstance(value, Scalar) else value)
        else:
            file.add("F020", *loc, got=_got(value), expected=_EXPECTED["date"])
    elif kind == "string_type" and isinstance(value, Scalar):
        file.add("F021", *loc, value=value.text, got=_KINDS[value.kind or "nothing"])
    elif kind in {"string_type", "list_type", "model_type", "dict_type"}:
        expected = {"string_type": "text", "list_type": "list"}.get(kind, "block")
        file.add("F020", *loc, got=_got(value), expected=_EXPECTED[expected])
    elif not isinstance(value, str):
        file.add("F027", *loc, count=len(value), limit=context["max_length"])
    elif not value.strip():
        file.add("F025", *loc)
    elif key in schema.NAME_KEYS:
        file.add("F029", *loc, value=value)
    elif kind == "string_too_long":
        file.add("F026", *loc, length=len(value.strip()), limit=f"{context['max_length']:,}")
    else:
        file.add("F030", *loc, value=value)


def _got(value: Any) -> Words:
    if isinstance(value, Scalar):
        return _KINDS[value.kind or "nothing"]
    kind: _Shape = "list" if isinstance(value, list) else "block"
    return _KINDS["text" if isinstance(value, str) else kind]


_Shape = Literal["text", "list", "block"]
_KINDS: dict[Kind | _Shape, Words] = {
    "nothing": {"en": "nothing", "ar": "قيمة خالية"},
    "boolean": {"en": "yes or no", "ar": "نعم أو لا"},
    "number": {"en": "a number", "ar": "عدد"},
    "date": {"en": "a date", "ar": "تاريخ"},
    "text": {"en": "a text", "ar": "نص"},
    "list": {"en": "a list", "ar": "قائمة"},
    "block": {"en": "a block of keys", "ar": "كتلة حقول"},
}
_EXPECTED: dict[str, Words] = {
    "text": {"en": "one text", "ar": "نصًا واحدًا"},
    "list": {"en": "a list (lines that begin with -)", "ar": "قائمة (أسطر تبدأ بـ -)"},
    "block": {"en": "a block of keys (key: value)", "ar": "حقولًا (اسم الحقل: قيمته)"},
    "date": {"en": "a date (year-month-day)", "ar": "تاريخًا (سنة-شهر-يوم)"},
    "topic": {
        "en": "a topic (topic, title, owner, entries)",
        "ar": "موضوعًا (topic وtitle وowner وentries)",
    },
}
_LANGUAGE_NAMES: dict[str, Words] = {
    "ar": {"en": "Arabic", "ar": "العربية"},
    "en": {"en": "English", "ar": "الإنجليزية"},
}
