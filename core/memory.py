"""Keeps the process small: what was needed once (learning, loading) goes back to the system.

Only glibc's allocator needs this and knows how; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

#: `M_ARENA_MAX` of glibc's malloc.h: how many pools threads may spread their memory over.
_M_ARENA_MAX = -8
_ARENAS = 2


def limit_arenas() -> None:
    """Call at the start, before threads: few pools waste less, at no cost that shows here."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return what is free to the system. Takes some milliseconds."""
    gc.collect()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> Any:
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
