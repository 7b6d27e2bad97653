"""What `natiq doctor` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: `ok`; `off`: not used, which is fine; `note`: works, but whoever runs it should know; `missing`:
#: something has yet to be done; `wrong`: something was done that cannot work.
State = Literal["ok", "off", "note", "missing", "wrong"]

#: States that keep an installation from doing its work.
BAD: tuple[State, ...] = ("missing", "wrong")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its name, its state, what was found, and the mend in one
    sentence (empty when there is nothing to mend). Holds no secret and no whole phone number."""

    name: str
    state: State
    text: str
    mend: str = ""


def masked(number: str) -> str:
    """A phone number of which the last three digits are left."""
    digits = [char for char in number if char.isdigit()]
    return f"…{''.join(digits[-3:])}"
