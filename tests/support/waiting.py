"""Looking again until something holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

#: Seconds after which something that should hold soon is said not to.
DEADLINE = 60.0


async def eventually(
    condition: Callable[[], Awaitable[Any] | Any], seconds: float = DEADLINE
) -> Any:
    """What the condition gives as soon as that is true.

    Raises:
        AssertionError: it never was.
    """
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < ends, f"{condition} did not hold in {seconds} seconds"
        await asyncio.sleep(0.01)
