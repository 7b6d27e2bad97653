"""Decisions for the worker: from the cache, or made in a thread, so many at once at most.

What is kept never outlives what it rests on: the key names the knowledge base, the index, the
model and the day, and a decision is made on exactly the grounds that its key names, even while the
knowledge base is being exchanged.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from bot.decisions import FORM, from_bytes, to_bytes
from bot.understanding import Decision, Grounds, Understanding
from core import metrics
from core.cache import Cache, decision_key
from core.crypto import Vault
from core.logs import get_logger
from core.messages import Language
from core.text.clean import clean

log = get_logger(__name__)

#: Decisions that are made at the same time in one process; more wait for their turn. Their threads
#: share the encoder's batches (`core/batching.py`), the rest of a decision holds the interpreter's
#: lock.
AT_ONCE = 8

#: How long a decision is kept, in seconds. The key names the day, so no longer is of any use.
KEPT = 24 * 60 * 60.0


class Thinking:
    """Makes and remembers decisions."""

    def __init__(
        self, understanding: Understanding, cache: Cache, vault: Vault, *, at_once: int = AT_ONCE
    ) -> None:
        self._understanding = understanding
        self._cache = cache
        self._vault = vault
        # Threads of its own: passwords and files are dealt with in the loop's, and shall not
        # stand in a message's way. They begin when needed, and end with this object.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="decide")

    async def decide(self, text: str, default: Language = "ar") -> Decision:
        """See `Understanding.decide`. Trouble with the cache only costs time."""
        grounds = self._understanding.grounds()
        key = self._key(text, default, grounds)
        if key is None:
            metrics.DECISIONS.labels("miss").inc()
            return await self._make(text, default, grounds)
        found, result = await self._look_up(key, grounds)
        metrics.DECISIONS.labels(result).inc()
        if found is not None:
            return found
        made = await self._make(text, default, grounds)
        data = to_bytes(made)
        if data is not None:
            try:
                await self._cache.put(key, data, KEPT)
            except Exception as error:
                log.warning("a decision could not be kept", error=type(error).__name__)
        return made

    def close(self) -> None:
        """Let the threads end; what they are at is finished."""
        self._threads.shutdown(wait=False)

    async def _look_up(self, key: str, grounds: Grounds) -> tuple[Decision | None, str]:
        try:
            data = await self._cache.get(key)
        except Exception as error:
            log.warning("the cache of decisions failed", error=type(error).__name__)
            return None, "error"
        found = None if data is None else from_bytes(data, grounds.index.by_id)
        return found, "miss" if found is None else "hit"

    async def _make(self, text: str, default: Language, grounds: Grounds) -> Decision:
        decide = self._understanding.decide
        # The context holds the message's ids, which log lines name.
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, copy_context().run, decide, text, default, grounds
        )

    def _key(self, text: str, default: Language, grounds: Grounds) -> str | None:
        if grounds.model is None:
            return None
        index = grounds.index
        return decision_key(
            self._vault,
            kb_version=f"{index.knowledge_version}/{index.version}",
            model_version=f"{grounds.model}/{FORM}",
            day=grounds.day,
            language=default,
            text=clean(text),
        )
