"""What the room's modules tell each other: who the bot is, and its own errors.

This module and those that import nothing else of the room load without the client library.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ChannelError, NatiqError

#: The channel's name in the database.
TELEGRAM = "telegram"


@dataclass(slots=True)
class Me:
    """The bot itself: `id` stands in front of the token, `username` is known after `getMe`."""

    id: int
    username: str | None = None

    @property
    def link(self) -> str | None:
        """Where people can write to the bot alone."""
        return f"https://t.me/{self.username}" if self.username else None


class ChatMovedError(ChannelError):
    """The group has become a supergroup; `address` is its new chat id."""

    def __init__(self, address: str) -> None:
        super().__init__("moved")
        self.address = address


class UnreadableError(ValueError):
    """An update is not what the Bot API says that updates are."""


class NotStoredError(NatiqError):
    """The database did not take an update: Telegram must give it again."""
