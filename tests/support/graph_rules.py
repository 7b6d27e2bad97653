"""What the Cloud API takes: required fields, types and lengths, as Meta publishes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT = 4096
BODY = 1024
HEADER = 60
FOOTER = 60
BUTTONS = 3
BUTTON_TITLE = 20
BUTTON_ID = 256
ROWS = 10
ROW_TITLE = 24
ROW_DESCRIPTION = 72
ROW_ID = 200
SECTION_TITLE = 24
LIST_BUTTON = 20

_KINDS = (
    "text",
    "interactive",
    "template",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
)
_NOT_IN_PARAMETERS = re.compile(r"[\n\t]| {5,}")


@dataclass(eq=False)
class Wrong(Exception):
    """The request is refused with this code of Meta's; `details` says why."""

    code: int
    details: str


def check_message(message: Any) -> str:
    """The kind of a message that may be sent.

    Raises:
        Wrong: it may not.
    """
    if not isinstance(message, Mapping):
        raise Wrong(100, "the body must be a JSON object")
    if message.get("messaging_product") != "whatsapp":
        raise Wrong(100, "(#100) The parameter messaging_product is required.")
    if message.get("recipient_type", "individual") not in ("individual", "group"):
        raise Wrong(100, "(#100) recipient_type must be individual or group")
    if not _filled(message.get("to")) and not _filled(message.get("recipient")):
        raise Wrong(100, "The parameter to is required.")
    # A published example has no type, so it is told by what is there.
    kind = message.get("type") or next((kind for kind in _KINDS if kind in message), "text")
    if kind not in _KINDS:
        raise Wrong(100, f"(#100) Param type must be one of {_KINDS}")
    content = message.get(kind)
    if not isinstance(content, Mapping | list) or not content:
        raise Wrong(131008, f"Required parameter is missing: {kind}")
    if kind == "text":
        _length(content.get("body"), TEXT, "text.body")
        if not isinstance(content.get("preview_url", False), bool):
            raise Wrong(100, "(#100) Param text['preview_url'] must be a boolean.")
    elif kind == "interactive":
        _interactive(content)
    elif kind == "template":
        _template(content)
    return str(kind)


def _interactive(content: Any) -> None:
    kind, action = content.get("type"), content.get("action")
    if not isinstance(action, Mapping):
        raise Wrong(131008, "Required parameter is missing: interactive.action")
    header, footer = content.get("header"), content.get("footer")
    if header is not None and header.get("type") == "text":
        _length(header.get("text"), HEADER, "header")
    if footer is not None:
        _length(footer.get("text"), FOOTER, "footer")
    if kind in ("button", "list"):
        _length((content.get("body") or {}).get("text"), BODY, "body")
    if kind == "button":
        _buttons(action.get("buttons"))
    elif kind == "list":
        _length(action.get("button"), LIST_BUTTON, "action.button")
        _sections(action.get("sections"))


def _buttons(buttons: Any) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= BUTTONS:
        raise Wrong(131009, f"buttons must be 1 to {BUTTONS}")
    for button in buttons:
        if button.get("type") != "reply":
            raise Wrong(131009, "the only type of button is reply")
        _length(button["reply"].get("id"), BUTTON_ID, "button id")
        _length(button["reply"].get("title"), BUTTON_TITLE, "button title")
        if button["reply"]["id"] != button["reply"]["id"].strip():
            raise Wrong(131009, "a button id has no spaces around it")
    _unique([button["reply"]["id"] for button in buttons], "button ids")
    _unique([button["reply"]["title"] for button in buttons], "button titles")


def _sections(sections: Any) -> None:
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise Wrong(131009, "sections must be 1 to 10")
    rows = []
    for section in sections:
        if len(sections) > 1 or "title" in section:
            _length(section.get("title"), SECTION_TITLE, "section title")
        rows += section.get("rows") or []
    if not 1 <= len(rows) <= ROWS:
        raise Wrong(131009, f"the rows of all sections must be 1 to {ROWS}")
    for row in rows:
        _length(row.get("id"), ROW_ID, "row id")
        _length(row.get("title"), ROW_TITLE, "row title")
        if "description" in row:
            _length(row["description"], ROW_DESCRIPTION, "row description")
    _unique([row["id"] for row in rows], "row ids")


def _template(content: Any) -> None:
    if not _filled(content.get("name")):
        raise Wrong(131008, "Required parameter is missing: template.name")
    language = content.get("language")
    if not isinstance(language, Mapping) or not _filled(language.get("code")):
        raise Wrong(131008, "Required parameter is missing: template.language.code")
    for component in content.get("components", []):
        kind = component.get("type")
        if kind not in ("header", "body", "button"):
            raise Wrong(100, "Invalid component type")
        if kind == "button" and (not component.get("sub_type") or "index" not in component):
            raise Wrong(131008, "a button needs sub_type and index")
        for parameter in component.get("parameters", []):
            if not _filled(parameter.get("type")):
                raise Wrong(131008, "a parameter needs a type")
            text = parameter.get("text")
            if kind == "body" and parameter["type"] == "text":
                _length(text, BODY, "template parameter")
                if _NOT_IN_PARAMETERS.search(text):
                    raise Wrong(
                        132018,
                        "Param text cannot have new-line/tab characters or more than 4 "
                        "consecutive spaces",
                    )


def _length(value: Any, most: int, what: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise Wrong(131008, f"Required parameter is missing: {what}")
    if len(value) > most:
        raise Wrong(131009, f"{what} length invalid. Min length: 1, Max length: {most}")


def _unique(values: list[str], what: str) -> None:
    if len(set(values)) != len(values):
        raise Wrong(131009, f"duplicated {what}")


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
