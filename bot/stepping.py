"""A loop that takes one step after the other until it is told to stop, in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from core.logs import get_logger

log = get_logger(__name__)


async def take_steps(
    step: Callable[[], Coroutine[Any, Any, bool]],
    rest: Callable[[], Awaitable[object]],
    *,
    name: str,
    pause: float,
    finish: float,
) -> None:
    """Take steps for ever; `rest` when a step found nothing to do (False), and `pause` seconds
    after an error, which is logged.

    When cancelled, the step that is under way may still take `finish` seconds, so that an orderly
    stop leaves no lease behind and doubles nothing; then it is cancelled as well. No other step is
    begun, even where a library swallowed the cancellation, as `asyncio.wait_for` may before Python
    3.12 (python/cpython issue 86296).
    """
    while True:
        _end_if_cancelled()
        running = asyncio.create_task(step())
        try:
            if not await asyncio.shield(running):
                await rest()
        except asyncio.CancelledError:
            await _let_finish(running, finish)
            raise
        except Exception:
            log.exception("step failed", part=name)
            await asyncio.sleep(pause)


def _end_if_cancelled() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _let_finish(running: asyncio.Task[bool], seconds: float) -> None:
    try:
        await asyncio.wait({running}, timeout=seconds)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
