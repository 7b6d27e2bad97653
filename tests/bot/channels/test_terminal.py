"""The terminal as a channel: what is printed, and which choice a number means."""

from __future__ import annotations

import stat
from pathlib import Path

from bot.channels.terminal import TerminalChannel, render, terminal_address
from core.messages import Choice, Envelope, Link, Origin, OutboundMessage


def envelope(text: str, *values: str) -> Envelope:
    choices = tuple(Choice(value, value.upper()) for value in values)
    message = OutboundMessage(text, Origin("line", "x", "0" * 64), "en", choices)
    return Envelope(1, 1, "address", message)


async def test_the_choices_of_one_turn_are_numbered_through() -> None:
    printed: list[str] = []
    channel = TerminalChannel(printed.append)
    await channel.send(envelope("menu", "menu:a", "menu:b"))
    await channel.send(envelope("and your form", "yes:1", "cancel:1"))
    assert printed == [
        "menu\n  [1] MENU:A\n  [2] MENU:B",
        "and your form\n  [3] YES:1\n  [4] CANCEL:1",
    ]
    assert channel.take_choice("3") == "yes:1"
    # Something was typed: the old numbers mean nothing any more.
    assert channel.take_choice("1") is None
    await channel.send(envelope("again", "menu:c"))
    assert channel.take_choice("١") == "menu:c"


async def test_what_is_no_number_of_a_choice() -> None:
    for typed in ("0", "2", "-1", "x", "", "99999999999", "1.5", "/menu"):
        channel = TerminalChannel(lambda _text: None)
        await channel.send(envelope("menu", "menu:a"))
        assert channel.take_choice(typed) is None, typed


def test_nothing_steers_the_terminal() -> None:
    message = OutboundMessage(
        "red \x1b[31mtext\x07\nnext line",
        Origin("line", "x", "0" * 64),
        "en",
        (Choice("a", "short", "in full"),),
        (Link("Page", "https://example.org"),),
    )
    assert render(message) == "red [31mtext\nnext line\n  (Page) https://example.org\n  [1] in full"


def test_the_address_is_made_once_and_for_this_person_alone(tmp_path: Path) -> None:
    address = terminal_address(tmp_path / "data")
    assert terminal_address(tmp_path / "data") == address and len(address) == 32
    assert stat.S_IMODE((tmp_path / "data" / "terminal.id").stat().st_mode) == 0o600
