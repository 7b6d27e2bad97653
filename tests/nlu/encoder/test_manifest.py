"""A served model directory that is not whole is refused, with what is wrong and the mend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import read_manifest
from nlu.encoder.onnx_encoder import OnnxEncoder


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(model: Path) -> None:
        path = model / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def records(**changes: Any) -> Callable[[Path], None]:
    def edit(model: Path) -> None:
        files = json.loads((model / "manifest.json").read_text())["files"]
        edited(files={k: v for k, v in (files | changes).items() if v is not None})(model)

    return edit


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (shutil.rmtree, "there is no model at"),
    "no manifest": (lambda m: (m / "manifest.json").unlink(), "not a complete model"),
    "no weights": (lambda m: (m / "weights.bin").unlink(), "weights.bin is missing"),
    "short weights": (
        lambda m: (m / "weights.bin").write_bytes((m / "weights.bin").read_bytes()[:-1]),
        "bytes instead of",
    ),
    "not JSON": (lambda m: (m / "manifest.json").write_text("{"), "cannot be read"),
    "not UTF-8": (lambda m: (m / "manifest.json").write_bytes(b"\xff\xfe\xff"), "cannot be read"),
    "a list": (lambda m: (m / "manifest.json").write_text("[]"), "has format None"),
    "of tomorrow": (edited(format=99), "has format 99"),
    "wrong type": (edited(dimension="64"), "is damaged"),
    "no hashes": (edited(files=[]), "is damaged"),
    "no tokenizer": (records(**{"tokenizer.json": None}), "tokenizer.json"),
    "leading outside": (records(**{"../x": {"size": 1, "sha256": ""}}), "plain file name"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_is_not_whole_is_refused(
    damage: str, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "encoder"
    shutil.copytree(tiny_model, model)
    break_it, words = DAMAGES[damage]
    break_it(model)
    with pytest.raises(ModelError, match="run `make setup` or `natiq model build`") as caught:
        OnnxEncoder(model)
    assert words in str(caught.value)
    # The command line shows such errors as their message alone.
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin", "tokenizer.json"])
def test_a_changed_byte_is_found_by_verify(name: str, tiny_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "encoder"
    shutil.copytree(tiny_model, model)
    read_manifest(model).verify(model)
    data = bytearray((model / name).read_bytes())
    data[len(data) // 2] ^= 1
    (model / name).write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name} is damaged"):
        read_manifest(model).verify(model)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_files_of_the_right_size_but_wrong_content_are_refused(
    name: str, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "encoder"
    shutil.copytree(tiny_model, model)
    (model / name).write_bytes(b"\xff" * (model / name).stat().st_size)
    with pytest.raises(ModelError, match="cannot be loaded"):
        OnnxEncoder(model)


def test_the_fingerprint_follows_what_makes_the_vectors(tiny_model: Path) -> None:
    manifest = read_manifest(tiny_model)
    files = dict(manifest.files)
    files["weights.bin"] = replace(files["weights.bin"], sha256="0" * 64)
    others = [
        replace(manifest, prefix="passage: "),
        replace(manifest, max_tokens=64),
        replace(manifest, files=files),
    ]
    assert len({manifest.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert replace(manifest, created="2030-01-01").fingerprint == manifest.fingerprint
