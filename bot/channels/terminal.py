"""The terminal as a channel: `natiq chat` is a citizen at a keyboard.

Messages go through the inbox and outbox like everybody's. The conversation is known by a random
id kept beside the database, so that a reply that comes later is read at the next start.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from core.messages import Delivery, Envelope, OutboundMessage, Unlimited

TERMINAL = "terminal"


class TerminalChannel(Unlimited):
    """Prints what is said to the citizen of one address, and remembers the choices offered since
    they last typed; these are numbered through, whatever messages they stand in."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """See `Channel.name`."""
        return TERMINAL

    async def send(self, envelope: Envelope) -> Delivery:
        """Print the message with its choices numbered."""
        self._write(render(envelope.message, first=len(self._choices) + 1))
        self._choices += tuple(choice.value for choice in envelope.message.choices)
        return Delivery()

    def take_choice(self, typed: str) -> str | None:
        """The value of the choice whose number was typed, or None. What comes next is numbered
        anew."""
        choices, self._choices = self._choices, ()
        if typed.isdecimal() and len(typed) <= 4 and 1 <= int(typed) <= len(choices):
            return choices[int(typed) - 1]
        return None


def render(message: OutboundMessage, first: int = 1) -> str:
    """A message as lines of a terminal, its choices numbered from `first`. Control characters,
    which could steer the terminal, do not pass."""
    lines = [_plain(message.text)]
    lines += [f"  ({link.label}) {link.url}" for link in message.links]
    lines += [
        f"  [{number}] {choice.description or choice.label}"
        for number, choice in enumerate(message.choices, start=first)
    ]
    return "\n".join(lines)


def terminal_address(data_dir: Path) -> str:
    """This machine's terminal citizen: made once, kept in `DATA_DIR/terminal.id` (mode 0600)."""
    path = data_dir / "terminal.id"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        address = secrets.token_hex(16)
        file.write(address)
    return address


def _plain(text: str) -> str:
    return "".join(char for char in text if char == "\n" or char.isprintable())
