"""What goes out in the stead of a reply that comes too late for WhatsApp's window of 24 hours: a
text that Meta has approved as a template, with a button. The tap opens the window, and the reply
itself follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from core.catalogue import Catalogue
from core.messages import Choice, Language, OutboundMessage, Template

#: The line whose text the approved template must have, and its button's label and value.
LINE = "reply_ready"
CHOICE = "read_reply"


def reply_notice(
    catalogue: Catalogue, template: str, ministry: Mapping[Language, str]
) -> Callable[[Language], OutboundMessage]:
    """Makes the notice in a language. `template` is the template's name at Meta, whose one
    parameter is the ministry's name in that language."""

    def notice(language: Language) -> OutboundMessage:
        name = ministry[language]
        button = Choice(CHOICE, catalogue.label(CHOICE, language))
        line = catalogue.line(LINE, language, title=name, choices=(button,))
        return replace(line, template=Template(template, (name,), CHOICE))

    return notice
