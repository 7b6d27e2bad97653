"""From a message to what the Cloud API takes, within its limits.

The limits are those of Meta's published schema (components `TextMessage`, `BodyObject`,
`ActionObject`, `SectionObject`). A text is never altered: what stands on the citizen's screen is
the text, with its links as lines beneath it. WhatsApp itself shows `*words*`, `_words_`, `~words~`
and words between back-ticks as bold, italic, struck out and monospaced; there is no way to turn
that off, and no sign is added to prevent it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from core.errors import ChannelError
from core.logs import get_logger
from core.messages import Choice, Language, OutboundMessage
from core.queues.outbox import TextLimits

log = get_logger(__name__)

#: Characters of a text, and of a text with buttons or a list.
TEXT_LIMITS = TextLimits(text=4096, with_choices=1024, links_in_text=True)

MAX_BUTTONS = 3
MAX_BUTTON_TITLE = 20
MAX_ROWS = 10
MAX_ROW_TITLE = 24
MAX_ROW_DESCRIPTION = 72
MAX_ID = 200
MAX_TEMPLATE_PARAMETER = 1024

#: The words on the button that opens a list, in a language; at most 20 characters.
ListLabel = Callable[[Language], str]

_NOT_IN_PARAMETERS = re.compile(r"[\n\r\t\v\f\u0085\u2028\u2029]| {5,}")


def compose(message: OutboundMessage, list_label: ListLabel) -> tuple[str, dict[str, Any]]:
    """The kind of message (`text`, `interactive`, `template`) and its content.

    Raises:
        ChannelError: permanent, when the message breaks a limit that cutting may not mend: the
            text is too long or empty, a button has no label or too long a value, a parameter of
            the template holds a line break, a tab or more than four spaces.
    """
    if message.template is not None:
        return "template", _template(message)
    text = _with_links(message)
    if not text.strip():
        raise ChannelError("empty_text", permanent=True)
    choices = _at_most_ten(message.choices)
    if len(text) > (TEXT_LIMITS.with_choices if choices else TEXT_LIMITS.text):
        raise ChannelError("text_too_long", permanent=True)
    if not choices:
        return "text", {"body": text, "preview_url": False}
    for choice in choices:
        if not choice.label.strip():
            raise ChannelError("empty_label", permanent=True)
        if not choice.value or len(choice.value) > MAX_ID:
            raise ChannelError("choice_too_long", permanent=True)
    if _are_buttons(choices):
        return "interactive", _buttons(text, choices)
    return "interactive", _list(text, choices, list_label(message.language))


def _with_links(message: OutboundMessage) -> str:
    return message.text + "".join(f"\n\n{link.label}\n{link.url}" for link in message.links)


def _at_most_ten(choices: Sequence[Choice]) -> Sequence[Choice]:
    """Whoever offers more than ten has a mistake; the citizen still gets the message, with the last
    choice in it, because that is the way out ("none of these", "back")."""
    if len(choices) <= MAX_ROWS:
        return choices
    log.error("a message has more choices than WhatsApp shows", count=len(choices))
    return [*choices[: MAX_ROWS - 1], choices[-1]]


def _are_buttons(choices: Sequence[Choice]) -> bool:
    """Whether all that the choices say fits on buttons, whose titles must differ."""
    titles = {choice.label for choice in choices}
    return (
        len(choices) <= MAX_BUTTONS
        and len(titles) == len(choices)
        and not any(choice.description for choice in choices)
        and all(len(title) <= MAX_BUTTON_TITLE for title in titles)
    )


def _buttons(text: str, choices: Sequence[Choice]) -> dict[str, Any]:
    buttons = [
        {"type": "reply", "reply": {"id": choice.value, "title": choice.label}}
        for choice in choices
    ]
    return {"type": "button", "body": {"text": text}, "action": {"buttons": buttons}}


def _list(text: str, choices: Sequence[Choice], label: str) -> dict[str, Any]:
    rows = []
    for choice in choices:
        row = {"id": choice.value, "title": _cut(choice.label, MAX_ROW_TITLE)}
        # A label that had to be cut is said in full beneath.
        said = choice.description or (choice.label if row["title"] != choice.label else "")
        if said:
            row["description"] = _cut(said, MAX_ROW_DESCRIPTION)
        rows.append(row)
    action = {"button": _cut(label, MAX_BUTTON_TITLE), "sections": [{"rows": rows}]}
    return {"type": "list", "body": {"text": text}, "action": action}


def _cut(text: str, most: int) -> str:
    """At most so many characters, cut at a word."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    word = head.rsplit(None, 1)[0] if " " in head and not text[most - 1].isspace() else head
    return (word if len(word) >= most // 2 else head).rstrip() + "…"


def _template(message: OutboundMessage) -> dict[str, Any]:
    template = message.template
    assert template is not None  # noqa: S101 - asked by `compose`
    for parameter in template.parameters:
        if not parameter.strip() or _NOT_IN_PARAMETERS.search(parameter):
            raise ChannelError("template_parameter", permanent=True)
        if len(parameter) > MAX_TEMPLATE_PARAMETER:
            raise ChannelError("template_parameter", permanent=True)
    body = [{"type": "text", "text": parameter} for parameter in template.parameters]
    components: list[dict[str, Any]] = [{"type": "body", "parameters": body}] if body else []
    components.append(
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "0",
            "parameters": [{"type": "payload", "payload": template.choice}],
        }
    )
    return {
        "name": template.name,
        "language": {"policy": "deterministic", "code": message.language},
        "components": components,
    }
