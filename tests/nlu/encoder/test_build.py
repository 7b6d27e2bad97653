"""Builds are all or nothing: killed at any moment, they leave the old model or none."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlu.encoder.build import make
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import read_manifest
from nlu.encoder.onnx_encoder import OnnxEncoder

# Kills itself, as a power cut would, at the given call of the given function of the build module.
KILLED = """
import os, runpy, signal, sys
from pathlib import Path
from nlu.encoder import build, graph
source, out, module, name, call = sys.argv[1:]
tiny = runpy.run_path(source)
owner = {"build": build, "graph": graph, "Path": Path}[module]
real, calls = getattr(owner, name), 0
def fatal(*args, **options):
    global calls
    calls += 1
    if calls == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **options)
setattr(owner, name, fatal)
tiny["make_tiny"](Path(out), seed=2)
"""
MOMENTS = [
    ("build", "_write", 1),
    ("graph", "save_graph", 1),
    ("build", "_sync", 1),
    ("build", "record_files", 1),
    ("build", "_sync", 4),
    ("build", "_try", 1),
    ("build", "_publish", 1),
    ("Path", "replace", 1),
    ("Path", "replace", 2),
    ("build", "_sync", 5),
]


def hidden(out: Path) -> set[str]:
    """What stands beside the model, but for the lock."""
    return {path.name for path in out.parent.iterdir()} - {out.name, f".{out.name}.lock"}


# A first build moves one directory, so it never comes to a second move.
CASES = [
    (moment, older)
    for moment in MOMENTS
    for older in (False, True)
    if older or moment != MOMENTS[8]
]


@pytest.mark.parametrize(
    ("moment", "older"),
    CASES,
    ids=[f"{name} {call}{' over an older model' * older}" for (_, name, call), older in CASES],
)
def test_a_killed_build_leaves_no_half_model(
    moment: tuple[str, str, int], older: bool, tiny: Any, tmp_path: Path
) -> None:
    out = tmp_path / "encoder"
    if older:
        tiny.make_tiny(out, seed=1)
    module, name, call = moment
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tiny.source), str(out), module, name, str(call)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if out.exists():
        manifest = read_manifest(out)
        manifest.verify(out)
        assert manifest.source in ("seed 1", "seed 2")
    # Whatever was left, the next build makes a good model and clears the rest away.
    tiny.make_tiny(out, seed=2)
    assert read_manifest(out).source == "seed 2"
    assert OnnxEncoder(out).encode(["جواز"]).shape == (1, 64)
    assert not hidden(out)


def test_a_model_moved_aside_by_a_killed_build_comes_back(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    tiny.make_tiny(out, seed=1)
    built = read_manifest(out)
    out.rename(tmp_path / ".encoder.previous")
    lines: list[str] = []
    tiny.make_tiny(out, lines.append, seed=1)
    assert read_manifest(out) == built
    assert "already" in lines[-1]


def test_a_failing_source_leaves_the_old_model(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    tiny.make_tiny(out, seed=1)

    def gather(scratch: Path) -> Any:
        (scratch / "partial").write_text("x")
        raise ModelError("the source is gone")

    with pytest.raises(ModelError, match="the source is gone"):
        make(out, "seed 2", "", gather, lambda line: None)
    assert read_manifest(out).source == "seed 1"
    assert not hidden(out)


def test_a_model_whose_vectors_are_not_finite_is_thrown_away(tiny: Any, tmp_path: Path) -> None:
    def gather(_: Path) -> Any:
        ingredients = tiny.tiny_ingredients()
        ingredients.weights.positions[:] = float("nan")
        return ingredients

    with pytest.raises(ModelError, match="no valid vectors"):
        make(tmp_path / "encoder", "seed 7", "", gather, lambda line: None)
    assert not (tmp_path / "encoder").exists()
    assert not hidden(tmp_path / "encoder")


def test_a_good_model_is_not_built_again(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    tiny.make_tiny(out)
    first = (out / "weights.bin").stat()
    lines: list[str] = []
    tiny.make_tiny(out, lines.append)
    assert (out / "weights.bin").stat().st_ino == first.st_ino
    assert len(lines) == 1
    assert "already holds tiny" in lines[0]
    fingerprint = read_manifest(out).fingerprint
    tiny.make_tiny(out, force=True)
    assert (out / "weights.bin").stat().st_ino != first.st_ino
    assert read_manifest(out).fingerprint == fingerprint


def test_a_damaged_model_is_built_again(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    tiny.make_tiny(out)
    data = bytearray((out / "weights.bin").read_bytes())
    data[100] ^= 1
    (out / "weights.bin").write_bytes(data)
    tiny.make_tiny(out)
    read_manifest(out).verify(out)


def test_a_model_can_be_read_by_another_account(tiny: Any, tmp_path: Path) -> None:
    tiny.make_tiny(tmp_path / "encoder")
    assert (tmp_path / "encoder").stat().st_mode & 0o055 == 0o055
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (tmp_path / "encoder").iterdir())
