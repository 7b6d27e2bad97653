"""A really running Natiq (`natiq run` in a process of its own) and a really running Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.chromium import ARGUMENTS, chromium_path
from tests.support.modes import MODES, MakeEngines, engines, postgres_for_roles

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Running:
    """A running server: where it is, its data, and its process."""

    origin: str
    data_dir: Path
    process: subprocess.Popen[str]
    log: Path

    def natiq(self, *arguments: str) -> str:
        """Run a `natiq` command on the same data; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli.main", *arguments],
            cwd=ROOT,
            env=environment(self.data_dir),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def environment(data_dir: Path) -> dict[str, str]:
    """The machine's environment without settings of ours, and a data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NATIQ_")}
    for name in ("NATIQ_MODEL_DIR",):
        if name in os.environ:
            kept[name] = os.environ[name]
    return {**kept, "NATIQ_DATA_DIR": str(data_dir), "NATIQ_PORT": "0"}


def start(data_dir: Path, log: Path) -> Running:
    """Start `natiq run` on a free port and wait until it says where it is."""
    with log.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli.main", "run"],
            cwd=ROOT,
            env=environment(data_dir),
            stdout=output,
            stderr=output,
            text=True,
        )
    began = log.stat().st_size if log.exists() else 0
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8")
        found = re.findall(r"Chat: (http://127\.0\.0\.1:\d+)/chat", text)
        if found and process.poll() is None and len(text) >= began:
            return Running(found[-1], data_dir, process, log)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"natiq run did not start:\n{log.read_text(encoding='utf-8')}")


def stop(running: Running) -> None:
    """End it as Ctrl+C does."""
    running.process.send_signal(signal.SIGINT)
    try:
        running.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server for the scaled mode."""
    with postgres_for_roles() as address:
        yield address


@pytest.fixture(scope="module", params=MODES)
def make_engines(request: pytest.FixtureRequest) -> MakeEngines:
    """The mode: begins what the roles of one installation share."""
    if request.param == "embedded":
        return contextlib.nullcontext
    address = request.getfixturevalue("postgres")
    return lambda: engines(address)


@pytest.fixture(scope="module")
def natiq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running Natiq with an empty database."""
    folder = tmp_path_factory.mktemp("running")
    running = start(folder / "data", folder / "log.txt")
    yield running
    stop(running)


# Not for the whole session: while Playwright runs, no other event loop can.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()
