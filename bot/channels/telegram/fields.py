"""Reads fields of the Bot API's JSON, each of its type or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.channels.telegram.identity import UnreadableError

Fields = Mapping[str, Any]

#: Ids and times fit into 52 bits (https://core.telegram.org/bots/api#user); more is not stored.
_BIGGEST = 2**63 - 1


def obj(fields: Fields, name: str) -> Fields:
    """An object that must be there."""
    value = fields.get(name)
    if not isinstance(value, Mapping):
        raise UnreadableError(name)
    return value


def optional_obj(fields: Fields, name: str) -> Fields | None:
    """An object that may be missing."""
    return obj(fields, name) if fields.get(name) is not None else None


def whole(fields: Fields, name: str) -> int:
    """A whole number that must be there."""
    value = fields.get(name)
    if type(value) is not int or abs(value) > _BIGGEST:
        raise UnreadableError(name)
    return value


def optional_whole(fields: Fields, name: str) -> int | None:
    """A whole number that may be missing."""
    return whole(fields, name) if fields.get(name) is not None else None


def decimal(fields: Fields, name: str) -> float:
    """A number that must be there."""
    value: Any = fields.get(name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < _BIGGEST:
        raise UnreadableError(name)
    return float(value)


def word(fields: Fields, name: str, default: str | None = None) -> str:
    """A text; when it may be missing, with what stands for it then."""
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise UnreadableError(name)
    return value


def flag(fields: Fields, name: str) -> bool:
    """A yes or no; missing is no."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise UnreadableError(name)
    return value


def items(fields: Fields, name: str) -> list[Fields]:
    """A list of objects; missing is an empty one."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise UnreadableError(name)
    return value
