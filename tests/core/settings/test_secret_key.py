"""The secret key: made once for the embedded mode, demanded with an outside database."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import load_settings, resolve_secret_key

ROOT = Path(__file__).resolve().parents[3]


def test_a_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new" / "data")
    key = resolve_secret_key(settings)
    path = tmp_path / "new" / "data" / "secret.key"
    assert len(key) >= 43  # 256 bits in base64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert resolve_secret_key(settings) == key == path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_two_installations_have_two_keys(tmp_path: Path) -> None:
    keys = {resolve_secret_key(load_settings(data_dir=tmp_path / name)) for name in "ab"}
    assert len(keys) == 2


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from core.settings import Settings, resolve_secret_key\n"
        "settings = Settings(_env_file=None, data_dir=pathlib.Path(sys.argv[1]))\n"
        "sys.stdin.readline()\n"
        "sys.stdout.write(resolve_secret_key(settings).decode())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    processes = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(keys) == 1
    assert len(keys.pop()) >= 43


def test_a_set_key_is_taken_and_no_file_made(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data", secret_key="k" * 32)
    assert resolve_secret_key(settings) == b"k" * 32
    assert not (tmp_path / "data").exists()


def test_an_outside_database_needs_a_set_key(tmp_path: Path) -> None:
    url = "postgresql+psycopg://natiq:hidden@db/natiq"
    settings = load_settings(data_dir=tmp_path / "data", database_url=url)
    with pytest.raises(ConfigError, match="NATIQ_SECRET_KEY") as caught:
        resolve_secret_key(settings)
    assert "hidden" not in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 40, b" " * 60])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(ConfigError, match=r"secret\.key holds no usable key\. Restore it"):
        resolve_secret_key(load_settings(data_dir=tmp_path))
    assert (tmp_path / "secret.key").read_bytes() == content


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(ConfigError, match="NATIQ_SECRET_KEY"):
        resolve_secret_key(load_settings(data_dir=tmp_path / "data"))
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(ConfigError, match="IsADirectoryError"):
        resolve_secret_key(load_settings(data_dir=tmp_path))
