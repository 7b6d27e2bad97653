"""Free memory really goes back: measured by what the kernel says this process holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROBE = """
import os, sys
from core.memory import give_back, limit_arenas
limit_arenas()
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
# Many small pieces with one kept at the end: the allocator alone would keep it all.
pieces = [bytes(1000) for _ in range(100_000)]
kept = bytes(1000)
full = resident()
del pieces
give_back()
print(full - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_free_memory_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 50_000_000
