"""One-time passwords are shown on a terminal, or written where only their owner reads, and never
anywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from bot.cli import run
from bot.root import Root, build_app
from core.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]


class Terminal:
    """`natiq` on a terminal of its own, as far as it is asked for one; stdout goes to a pipe."""

    def __init__(self, data_dir: Path, *arguments: str, errors_on_it: bool = True) -> None:
        self.side, other = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NATIQ_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli.main", *arguments],
            cwd=ROOT,
            env={**kept, "NATIQ_DATA_DIR": str(data_dir)},
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=other if errors_on_it else subprocess.DEVNULL,
            # Passwords are asked for on the controlling terminal: this one.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)

    def answer(self, line: str) -> tuple[int, str, str]:
        """Type a line when a password is asked for; returns exit code, what went to stdout, and
        what stood on the terminal."""
        shown = b""
        while b"Password" not in shown:
            ready, _, _ = select.select([self.side], [], [], 120)
            assert ready, "no password was asked for"
            shown += os.read(self.side, 4_096)
        os.write(self.side, f"{line}\n".encode())
        out, _ = self.process.communicate(timeout=120)
        try:
            while chunk := os.read(self.side, 4_096):
                shown += chunk
        except OSError:  # the other side is closed: that was all
            pass
        os.close(self.side)
        return self.process.returncode, out.decode(), shown.decode()


def test_a_one_time_password_stands_on_the_terminal_alone(tmp_path: Path) -> None:
    code, out, shown = Terminal(tmp_path, "staff", "add", "Huda", "--role", "agent").answer("")
    assert code == 0, shown
    found = re.search(r"One-time password: (\S{12,})", shown)
    assert found is not None
    assert "Huda can log in as agent." in out and found[1] not in out
    log = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert found[1].encode() not in log


def test_without_a_terminal_to_show_it_nobody_is_added(tmp_path: Path) -> None:
    arguments = ("staff", "add", "Huda", "--role", "agent")
    code, _, _ = Terminal(tmp_path, *arguments, errors_on_it=False).answer("")
    assert code == 2
    code, _, shown = Terminal(tmp_path, *arguments).answer("")
    assert code == 0, shown


@pytest.fixture
async def root(tmp_path: Path) -> Root:
    settings = load_settings(_env_file=None, data_dir=tmp_path / "data", sample=True)
    made = build_app(settings, roles=())
    await made.db.migrate()
    return made


async def test_the_first_run_writes_it_where_only_its_owner_reads(
    root: Root, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.settings.data_dir / "desk-password.txt"
    path.write_text("left by somebody", encoding="utf-8")
    path.chmod(0o644)
    await run._first_staff(root)
    password = path.read_text(encoding="utf-8").strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = capsys.readouterr()
    assert str(path) in said.err and password not in said.err + said.out
    member = await root.staff.verify("admin", password)
    assert member is not None and member.must_change and member.role == "admin"
    # Only once: afterwards there is somebody.
    path.unlink()
    await run._first_staff(root)
    assert not path.exists()
    await root.stop()


async def test_whoever_is_killed_before_it_is_stored_gets_another(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    path = root.settings.data_dir / "desk-password.txt"
    with monkeypatch.context() as patch:
        patch.setattr(root.staff, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            await run._first_staff(root)
    first = path.read_text(encoding="utf-8")
    await run._first_staff(root)
    second = path.read_text(encoding="utf-8")
    assert first != second
    assert await root.staff.verify("admin", second.strip()) is not None
    await root.stop()


async def test_on_a_terminal_it_is_shown_and_not_written(
    root: Root, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    await run._first_staff(root)
    found = re.search(r"one-time password (\S{12,})", capsys.readouterr().err)
    assert found is not None
    assert await root.staff.verify("admin", found[1]) is not None
    assert not (root.settings.data_dir / "desk-password.txt").exists()
    await root.stop()
