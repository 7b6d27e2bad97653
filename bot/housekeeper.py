"""The housekeeper: what is to be done now and then, whatever messages come."""

from __future__ import annotations

import asyncio

from actions.silence import Silence
from core.logs import get_logger

log = get_logger(__name__)

#: How often it looks, in seconds.
EVERY = 60.0


class Housekeeper:
    """Looks once a minute until it is cancelled. Several processes may run one each."""

    def __init__(self, silence: Silence) -> None:
        self._silence = silence

    async def run(self) -> None:
        """Work for ever; errors of the database are waited out."""
        while True:
            try:
                await self._silence.step()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("housekeeping failed")
            await asyncio.sleep(EVERY)
