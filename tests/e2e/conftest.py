"""A really running Natiq in processes of its own (`natiq run`, or one `natiq serve` for each role)
and a really running Chromium."""

from __future__ import annotations

import contextlib
import os
import pty
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
from tests.support.modes import MODES, Engines, MakeEngines, engines, postgres_for_roles
from tests.support.places import ROOT

#: What each mode starts, and how its processes say where they are; the first serves the web.
EMBEDDED = (("run",),)
SCALED = (("serve", "web"), ("serve", "worker"), ("serve", "sender"))
_ORIGIN = re.compile(r"^(?:Chat|web|worker|sender): (http://127\.0\.0\.1:\d+)", re.MULTILINE)

#: The longest that a start may take on a busy machine, in seconds.
START_SECONDS = 300.0


@dataclass
class Running:
    """Running processes of one installation: where its web is, and its data."""

    origin: str
    data_dir: Path
    engines: Engines | None
    processes: list[subprocess.Popen[bytes]]

    def natiq(self, *arguments: str) -> str:
        """Run a `natiq` command on the same data; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli.main", *arguments],
            cwd=ROOT,
            env=environment(self.data_dir, self.engines),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def first_password(self) -> str:
        """The one-time password of `admin`."""
        if self.engines is None:
            path = self.data_dir / "desk-password.txt"
            return path.read_text(encoding="utf-8").strip()
        return _added_at_a_terminal(environment(self.data_dir, self.engines))

    def kill(self) -> None:
        """`kill -9`, all of them."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def stop(self) -> None:
        """End them as Ctrl+C does."""
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        try:
            for process in self.processes:
                process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()


def environment(data_dir: Path, shared: Engines | None) -> dict[str, str]:
    """The machine's environment without settings of ours, and where the data are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NATIQ_")}
    for name in ("NATIQ_MODEL_DIR",):
        if name in os.environ:
            kept[name] = os.environ[name]
    kept |= {"NATIQ_DATA_DIR": str(data_dir), "NATIQ_PORT": "0"}
    if shared is not None:
        kept |= {
            "NATIQ_DATABASE_URL": shared.database_url,
            "NATIQ_REDIS_URL": shared.redis_url,
            "NATIQ_SECRET_KEY": "k" * 40,
        }
    return kept


def start(folder: Path, shared: Engines | None = None) -> Running:
    """Start the mode's processes on free ports, and wait until each says where it is."""
    data_dir, started = folder / "data", []
    commands = EMBEDDED if shared is None else SCALED
    logs = [folder / f"{'-'.join(words)}.log" for words in commands]
    for words, log in zip(commands, logs, strict=True):
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli.main", *words],
                cwd=ROOT,
                env=environment(data_dir, shared),
                stdout=output,
                stderr=output,
            )
        started.append(process)
    running = Running("", data_dir, shared, started)
    try:
        running.origin, *_ = [_origin(*both) for both in zip(started, logs, strict=True)]
    except BaseException:
        running.kill()
        raise
    return running


def _origin(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = _ORIGIN.search(log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"it did not start:\n{log.read_text(encoding='utf-8')}")


def _added_at_a_terminal(environment: dict[str, str]) -> str:
    """Add `admin` as somebody does who sits at a terminal and leaves the password empty."""
    words = [sys.executable, "-m", "bot.cli.main", "staff", "add", "admin", "--role", "admin"]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.execve(words[0], words, environment)  # noqa: S606 - our own command
    shown, answered = "", False
    try:
        with contextlib.suppress(OSError):  # a terminal ends with an error when its process does
            while read := os.read(terminal, 4096):
                shown += read.decode("utf-8", "replace")
                if "Password" in shown and not answered:
                    os.write(terminal, b"\n")
                    answered = True
    finally:
        os.close(terminal)
        os.waitpid(process, 0)
    found = re.search(r"One-time password: (\S+)", shown)
    assert found is not None, shown
    return found[1]


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
def natiq(tmp_path_factory: pytest.TempPathFactory, make_engines: MakeEngines) -> Iterator[Running]:
    """A running Natiq with an empty database."""
    with make_engines() as shared:
        running = start(tmp_path_factory.mktemp("running"), shared)
        yield running
        running.stop()


# Not for the whole session: while Playwright runs, no other event loop can.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()
