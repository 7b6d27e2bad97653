"""Keeps arrays that took long to compute on disk, so that a start takes a second, not a minute.

An entry is a NumPy archive without pickled objects, written to a temporary name and renamed, so a
half-written one is never read; a damaged one is removed and made anew.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.logs import get_logger

log = get_logger(__name__)

#: What a file that was cut short or altered makes NumPy and `zipfile` raise.
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,  # NotImplementedError too: an unknown compression, a password
    MemoryError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

Arrays = Mapping[str, npt.NDArray[Any]]


class ArrayStore:
    """A folder of named arrays by key; the newest `kept` of each kind stay."""

    def __init__(self, folder: Path, kept: int = 4) -> None:
        self._folder = folder
        self._kept = kept

    def has(self, kind: str, key: str) -> bool:
        """Whether something is stored under this key (it may still turn out to be damaged)."""
        return self._path(kind, key).exists()

    def load(self, kind: str, key: str) -> Arrays | None:
        """The stored arrays, or None when there are none that can be read."""
        path = self._path(kind, key)
        try:
            with np.load(path, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            log.warning(
                "stored arrays cannot be read and are made anew",
                kind=kind,
                reason=type(error).__name__,
            )
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None

    def save(self, kind: str, key: str, arrays: Arrays) -> None:
        """Store. Failing to (full or read-only disk) costs the next start its time, no more."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, **arrays)  # type: ignore[arg-type]
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path(kind, key))
            finally:
                Path(name).unlink(missing_ok=True)
            self._prune(kind)
        except OSError as error:
            log.warning("arrays could not be kept", kind=kind, reason=type(error).__name__)

    def _prune(self, kind: str) -> None:
        files = sorted(self._folder.glob(f"{kind}-*.npz"), key=lambda path: path.stat().st_mtime)
        for path in files[: -self._kept]:
            path.unlink(missing_ok=True)

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / f"{kind}-{key[:32]}.npz"
