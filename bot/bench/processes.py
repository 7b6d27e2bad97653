"""Natiq's processes and the Graph server's: started by their own commands, watched, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.bench.load import Poster
from core.errors import NatiqError

HOST = "127.0.0.1"

#: A first start may learn what is not learnt yet.
START_SECONDS = 300.0
#: How long a process may take to finish what it has in hand, in seconds.
STOP_SECONDS = 30.0
#: Lines of its log that are shown of a process that failed.
_LINES = 15
#: How often memory is looked at, in seconds.
_SAMPLE = 0.2

_CODE = Path(__file__).resolve().parents[2]


class ProcessFailedError(NatiqError):
    """A process ended by itself or did not come up; the message ends with its last log lines."""


@dataclass
class Child:
    """One process that serves HTTP on a port of this machine. `role` is what it does."""

    role: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def origin(self) -> str:
        """Where it serves."""
        return f"http://{HOST}:{self.port}"

    def check(self) -> None:
        """See that it runs.

        Raises:
            ProcessFailedError: it does not.
        """
        code = self.process.poll()
        if code is not None:
            raise ProcessFailedError(f"{self.role} ended with code {code}.{self._tail()}")

    async def ready(self) -> None:
        """Wait until its `/readyz` says 200.

        Raises:
            ProcessFailedError: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + START_SECONDS
        poster = Poster(self.origin)
        try:
            while time.monotonic() < deadline:
                self.check()
                with contextlib.suppress(OSError, EOFError, ValueError, TimeoutError):
                    async with asyncio.timeout(5):
                        status, _ = await poster.ask("GET", "/readyz")
                    if status == 200:
                        return
                await asyncio.sleep(0.1)
        finally:
            poster.close()
        raise ProcessFailedError(
            f"{self.role} was not ready within {START_SECONDS:.0f} seconds.{self._tail()}"
        )

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]
        return "".join(f"\n  {line}" for line in ["Its last log lines:", *lines])


class Processes:
    """Those of one run. `stop` ends them all, whatever state they are in."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.children: list[Child] = []

    def start(
        self, role: str, module: str, words: Sequence[str], port: int, settings: Mapping[str, str]
    ) -> Child:
        """Start `python -m module words`, in an empty folder and with no settings but these (by
        their whole names), so that no `.env` and no setting of ours reaches it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NATIQ_")}
        path = os.pathsep.join(part for part in (str(_CODE), kept.get("PYTHONPATH")) if part)
        log = self._home / f"{len(self.children)}-{role}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                [sys.executable, "-m", module, *words],
                cwd=self._home,
                env={**kept, "PYTHONPATH": path, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C reaches us alone, and we end them in order
            )
        child = Child(role, port, process, log)
        self.children.append(child)
        return child

    async def stop(self) -> None:
        """SIGTERM to each, the newest first, then SIGKILL to those that linger."""
        children, self.children = self.children[::-1], []
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        try:
            for child in children:
                while child.process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGKILL)  # what it started, too
                child.process.wait(10)


class Watch:
    """Memory and processor time of processes while they work, by `/proc`; None where there is none.

    `peak_rss` is the highest sum of their resident memory, in bytes; pages that two share count
    twice. `cpu` is their processor time in seconds, `busy` the share of all of the machine's
    processor time that anybody used.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = list(children)
        self.peak_rss: int | None = None
        self.cpu: float | None = None
        self.busy: float | None = None

    async def run(self) -> None:
        """Look until it is cancelled.

        Raises:
            ProcessFailedError: one of them ended.
        """
        cpu, machine = self._cpu(), _machine()
        try:
            while True:
                for child in self._children:
                    child.check()
                self._look()
                await asyncio.sleep(_SAMPLE)
        finally:
            self._look()
            after, machine_after = self._cpu(), _machine()
            if cpu is not None and after is not None:
                self.cpu = after - cpu
            if machine is not None and machine_after is not None:
                total = machine_after[1] - machine[1]
                self.busy = (machine_after[0] - machine[0]) / total if total else None

    def _look(self) -> None:
        sizes = [_rss(child.process.pid) for child in self._children]
        if sizes and None not in sizes:
            self.peak_rss = max(self.peak_rss or 0, sum(size or 0 for size in sizes))

    def _cpu(self) -> float | None:
        times = [_cpu_seconds(child.process.pid) for child in self._children]
        return None if None in times else sum(one or 0.0 for one in times)


def free_ports(count: int) -> list[int]:
    """So many ports of this machine on which nobody listens."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _rss(pid: int) -> int | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        line = next(one for one in lines.splitlines() if one.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    return None


def _cpu_seconds(pid: int) -> float | None:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = text.rpartition(")")[2].split()  # user and system time are the 14th and 15th
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def _machine() -> tuple[float, float] | None:
    """Processor time that was used, and all that there was, in ticks."""
    with contextlib.suppress(OSError):
        text = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        ticks = [int(field) for field in text.split()[1:9]]
        total = float(sum(ticks))
        return total - ticks[3] - ticks[4], total  # without idle and waiting for disks
    return None
