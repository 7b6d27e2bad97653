"""Cuts a message that is too long for its channel into several."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.messages import OutboundMessage
from core.text.split import split, units


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How long a text a channel takes in one message, in UTF-16 code units: without buttons, and
    with them. `links_in_text`: links stand as lines beneath the text and count with it."""

    text: int
    with_choices: int
    links_in_text: bool = False


def parts_of(message: OutboundMessage, limits: TextLimits | None) -> list[OutboundMessage]:
    """The message as the channel takes it; choices and links stay with the last part."""
    if limits is None or message.template is not None:
        return [message]
    last = limits.with_choices if message.choices else limits.text
    if limits.links_in_text:
        last -= sum(units(f"\n{link.label}\n{link.url}") + 1 for link in message.links)
    texts = split(message.text, limits.text, max(last, 16))
    parts = [replace(message, text=text, choices=(), links=()) for text in texts[:-1]]
    return [*parts, replace(message, text=texts[-1])]
