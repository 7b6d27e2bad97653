"""A cache of small values that can be made again: a miss costs time, never an answer."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from typing import Protocol

from core.crypto import Vault
from core.messages import Language

#: Memory of a process for a local cache, in bytes: keys and values, and a guess for the rest.
LOCAL_BYTES = 8 * 1024 * 1024

#: Larger values are not kept: they would drive out many small ones.
LARGEST = 64 * 1024

_ENTRY = 200


class Cache(Protocol):
    """Keeps bytes under a key for a while."""

    async def get(self, key: str) -> bytes | None:
        """What was put under the key, or None: never put, forgotten, or out of reach."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for at most `seconds`; values above `LARGEST` bytes are not kept."""
        ...


class LocalCache:
    """Within one process; drops what was not used for longest when it holds `most` bytes."""

    def __init__(
        self, most: int = LOCAL_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes in use, never more than `most`."""
        return self._size

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        found = self._kept.get(key)
        if found is None:
            return None
        value, ends = found
        if ends <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """See `Cache.put`."""
        self._drop(key)
        if seconds <= 0 or len(value) > LARGEST:
            return
        self._kept[key] = (value, self._clock() + seconds)
        self._size += _size(key, value)
        while self._size > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._size -= _size(key, found[0])


def _size(key: str, value: bytes) -> int:
    return len(key.encode("utf-8")) + len(value) + _ENTRY


def decision_key(
    vault: Vault, *, kb_version: str, model_version: str, day: date, language: Language, text: str
) -> str:
    """The key of what was decided about a text: another one whenever the knowledge base, the
    model, the day (entries are valid from and until a day), the conversation's language or the text
    is another. The text itself is not in it: it is hashed with the vault's key."""
    parts = (kb_version, model_version, day.isoformat(), language)
    state = hashlib.sha256("\x00".join(parts).encode("utf-8")).hexdigest()[:16]
    return f"decision:{state}:{vault.lookup(text, f'decision/{state}')}"
