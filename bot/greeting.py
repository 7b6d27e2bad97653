"""How the ministry is called, and how it greets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.catalogue import Catalogue
from core.messages import Choice, Language, OutboundMessage

#: What may be tapped instead of writing.
OFFERS = ("menu", "complaint", "human")


@dataclass(frozen=True, slots=True)
class Names:
    """How the ministry is called, by language, and whether it is the fictional sample."""

    ministry: Mapping[Language, str]
    sample: bool


def greeting(catalogue: Catalogue, names: Names, language: Language) -> OutboundMessage:
    """The greeting, which says so when the ministry is the fictional sample."""
    key = "greeting_sample" if names.sample else "greeting"
    choices = tuple(Choice(offer, catalogue.label(offer, language)) for offer in OFFERS)
    return catalogue.line(key, language, title=names.ministry[language], choices=choices)
