"""Starts services of docker-compose.yml as processes of this machine: with their own command,
health check, environment and user, in what the image holds. Only places, addresses and ports are
changed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.compose import SECRETS, Compose, Service
from tests.support.image import DATA, HOME, image_environment, lay_out, read_dockerfile

#: A start, an answer or a stop on a busy machine, in seconds; far beyond what each takes.
START_SECONDS = 300.0


@dataclass
class Container:
    """A service that runs. `log` is what it wrote."""

    service: Service
    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log: Path
    port: int
    as_user: dict[str, Any]
    cwd: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def words(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command within it, as `docker compose exec` runs one."""
        return subprocess.run(
            words,
            env=self.environment,
            cwd=self.cwd,
            capture_output=True,
            text=True,
            check=False,
            **self.as_user,
        )

    def healthy(self) -> bool:
        """What its own health check says.

        Raises:
            AssertionError: it has ended.
        """
        assert self.process.poll() is None, f"{self.service.name} ended: {self.words[-2000:]}"
        return self.run(*self.service.health).returncode == 0

    def stop(self) -> int:
        """End it as the engine does, but wait longer: this machine may be busy. The exit code,
        negative when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(_STOP)
        try:
            return self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


_STOP = signal.Signals[read_dockerfile()[-1].last("STOPSIGNAL").rest]


@dataclass
class Host:
    """A machine that has the image: `home` is its /natiq; volumes and secrets stand beside it."""

    compose: Compose
    folder: Path
    interpreter: Path
    as_user: dict[str, Any]
    containers: list[Container] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "natiq"

    def volume(self, name: str) -> Path:
        """The folder of a named volume."""
        path = self.folder / "volumes" / name
        path.mkdir(parents=True, exist_ok=True)
        if self.as_user:
            os.chown(path, self.as_user["user"], self.as_user["group"])
        return path

    def secret(self, name: str, content: str | None) -> None:
        """Set a secret; None is what a secret leads to that is not set."""
        path = self.folder / "secrets" / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.symlink_to(os.devnull)
        else:
            path.write_text(content + "\n", encoding="utf-8")

    def secret_path(self, name: str) -> Path:
        return self.folder / "secrets" / name

    def start(self, name: str, given: Mapping[str, str]) -> Container:
        """Start a service; `given` is what `.env` holds."""
        service = self.compose.services[name]
        for secret in service.secrets:
            assert os.path.lexists(self.secret_path(secret)), f"{name} lacks the secret {secret}"
        port = free_port()
        environment = self._environment(service, given, port)
        number = len(self.containers)
        log = self.folder / f"{name}-{number}.log"
        entrypoint = read_dockerfile()[-1].last("ENTRYPOINT").words
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(self.home / ".venv" / "bin" / entrypoint[0]), *service.command],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self.as_user,
            )
        started = Container(service, process, environment, log, port, self.as_user, self.home)
        self.containers.append(started)
        return started

    def _environment(self, service: Service, given: Mapping[str, str], port: int) -> dict[str, str]:
        data = service.mounts().get(DATA, f"{service.name}-in-memory")
        places = {
            SECRETS: f"{self.folder / 'secrets'}/",
            f"{HOME}/": f"{self.home}/",
            HOME: str(self.home),
            DATA: str(self.volume(data)),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
        }
        wanted = {**image_environment(), **service.environment(given)}
        environment = {name: _put(value, places) for name, value in wanted.items()}
        environment["PATH"] = f"{self.home}/.venv/bin:{os.defpath}"
        # The packages lie in this machine's environment, and the interpreter may be another one.
        packages = sysconfig.get_paths()["purelib"]
        environment["PYTHONPATH"] = f"{environment['PYTHONPATH']}:{packages}"
        environment["NATIQ_PORT"] = str(port)
        environment["HOME"] = environment["NATIQ_DATA_DIR"]
        environment["TMPDIR"] = str(self.volume(f"{service.name}-tmp"))
        return environment

    def wait_until_healthy(self, container: Container) -> None:
        """Ask its health check until it is well."""
        ends = time.monotonic() + START_SECONDS
        while not container.healthy():
            assert time.monotonic() < ends, (
                f"{container.service.name} did not become healthy: {container.words[-2000:]}"
            )
            time.sleep(0.2)

    def close(self) -> None:
        for container in self.containers:
            container.kill()


def _put(value: str, places: Mapping[str, str]) -> str:
    for old, new in places.items():
        if value == old or (old.endswith("/") and value.startswith(old)):
            return new + value[len(old) :]
    return value


@contextlib.contextmanager
def host(compose: Compose) -> Iterator[Host]:
    """A machine for services, with the image laid out."""
    with tempfile.TemporaryDirectory(prefix="natiq-services-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        interpreter, as_user = _whom()
        made = Host(compose, folder, interpreter, as_user)
        made.home.mkdir()
        learnt = folder / "volumes" / "learnt"
        learnt.parent.mkdir()
        lay_out(made.home, learnt=learnt, interpreter=interpreter)
        if as_user:
            for path in [learnt, *learnt.iterdir()]:
                os.chown(path, as_user["user"], as_user["group"])
        try:
            yield made
        finally:
            made.close()


def _whom() -> tuple[Path, dict[str, Any]]:
    """An interpreter, and as whom it runs: the image's user where this machine lets us, which needs
    root and an interpreter that others may run too."""
    if os.getuid() == 0:
        user, group = (int(n) for n in read_dockerfile()[-1].last("USER").rest.split(":"))
        as_user: dict[str, Any] = {"user": user, "group": group, "extra_groups": []}
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        for path in (Path(sys.executable), Path("/usr/bin") / version):
            if _works(path, as_user):
                return path, as_user
    return Path(sys.executable), {}


def _works(interpreter: Path, as_user: dict[str, Any]) -> bool:
    look = "import sys, numpy, onnxruntime, psycopg; sys.exit(sys.version_info[:2] != %r)"
    try:
        done = subprocess.run(
            [interpreter, "-c", look % (sys.version_info[:2],)],
            env={"PYTHONPATH": sysconfig.get_paths()["purelib"], "PATH": os.defpath},
            cwd="/",
            capture_output=True,
            check=False,
            **as_user,
        )
    except OSError:
        return False
    return done.returncode == 0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
