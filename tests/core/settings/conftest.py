"""Settings are read in an empty folder and an environment without any of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SetEnv = Callable[..., None]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("NATIQ_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> SetEnv:
    """Set variables, given without their prefix."""

    def run(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"NATIQ_{name}", value)

    return run
