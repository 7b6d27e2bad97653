"""The command in a process of its own, with data of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import FAQ_DIR, MODEL_DIR

#: `natiq` beside the interpreter that runs the tests.
NATIQ = Path(sys.executable).with_name("natiq")


@dataclass(frozen=True)
class Ran:
    """What became of a call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; anything else there fails the test."""
        return json.loads(self.out)


Natiq = Callable[..., Ran]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NATIQ_")}
    return {
        **kept,
        "NATIQ_DATA_DIR": str(tmp_path / "data"),
        "NATIQ_MODEL_DIR": str(MODEL_DIR),
        "NATIQ_FAQ_DIR": str(FAQ_DIR),
        "NATIQ_SECRET_KEY": "k" * 40,
    }


@pytest.fixture
def natiq(tmp_path: Path, environment: dict[str, str]) -> Natiq:
    """Run `natiq ARGUMENTS` in an empty folder (so that no `.env` is read)."""

    def run(*arguments: str, stdin: str | bytes = "", **changes: str) -> Ran:
        given = stdin if isinstance(stdin, bytes) else stdin.encode("utf-8")
        done = subprocess.run(
            [str(NATIQ), *arguments],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env={**environment, **changes},
            timeout=180,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return run
