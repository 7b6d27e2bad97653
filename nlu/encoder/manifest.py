"""The manifest of a served model directory: what it is, where it is from, what its files hash to.

It is the last file of a build to be written, so a directory that has one is complete. Reading it
checks presence and size of every file, which is fast; `verify` reads them all and checks hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nlu.encoder.errors import ModelError

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
WEIGHTS = "weights.bin"
TOKENIZER = "tokenizer.json"
FORMAT = 1


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and sha256 (hexadecimal) of one file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a served model directory holds.

    `source` names where the weights come from and `source_hash` what exactly they were (empty
    when the source has no hash of its own); `prefix` is put before every text; `max_tokens` is
    where a text is cut, special tokens included; `created` is UTC, ISO 8601.
    """

    name: str
    source: str
    source_hash: str
    licence: str
    dimension: int
    prefix: str
    max_tokens: int
    quantization: str
    builder: int
    files: dict[str, FileRecord]
    created: str
    format: int = FORMAT

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors of any text may change; not with the time of the build."""
        what = {
            "files": {name: record.sha256 for name, record in sorted(self.files.items())},
            "prefix": self.prefix,
            "max_tokens": self.max_tokens,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]

    def write(self, directory: Path) -> None:
        """Write the manifest into the directory and make sure that it is on the disk."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"
        with (directory / MANIFEST).open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def verify(self, directory: Path) -> None:
        """Read every file and raise ModelError for the first whose sha256 differs."""
        for name, record in self.files.items():
            if sha256_of(directory / name) != record.sha256:
                raise ModelError.unusable(f"{directory / name} is damaged (its sha256 differs)")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_files(directory: Path, names: Iterable[str]) -> dict[str, FileRecord]:
    """Sizes and hashes of the named files of the directory."""
    return {
        name: FileRecord((directory / name).stat().st_size, sha256_of(directory / name))
        for name in names
    }


def now() -> str:
    """The time of a build, as the manifest states it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest and check that its files are there with their sizes.

    Raises ModelError when the directory, the manifest or a file is missing, when the manifest is
    unreadable or of another format, or when a file has another size.
    """
    if not directory.is_dir():
        raise ModelError.unusable(f"there is no model at {directory}")
    path = directory / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError.unusable(f"{directory} is not a complete model: no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise ModelError.unusable(f"{path} cannot be read ({error})") from error
    manifest = _parse(path, document)
    for name, record in manifest.files.items():
        try:
            size = (directory / name).stat().st_size
        except OSError:
            raise ModelError.unusable(f"{directory / name} is missing") from None
        if size != record.size:
            raise ModelError.unusable(
                f"{directory / name} is damaged: {size} bytes instead of {record.size}"
            )
    return manifest


def _parse(path: Path, document: Any) -> Manifest:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        raise ModelError.unusable(f"{path} has format {found!r}, this Natiq reads {FORMAT}")
    known = {field.name: field.type for field in fields(Manifest)}
    try:
        values = {name: document[name] for name in known}
        values["files"] = {
            _plain_name(name): FileRecord(int(record["size"]), str(record["sha256"]))
            for name, record in document["files"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError.unusable(f"{path} is damaged ({error!r})") from error
    wrong = [
        n for n, kind in known.items() if kind in _KINDS and type(values[n]) is not _KINDS[kind]
    ]
    missing = {GRAPH, WEIGHTS, TOKENIZER} - set(values["files"])
    if wrong or missing:
        raise ModelError.unusable(
            f"{path} is damaged (see {', '.join([*wrong, *sorted(missing)])})"
        )
    return Manifest(**values)


_KINDS: dict[Any, type] = {"str": str, "int": int}


def _plain_name(name: str) -> str:
    """A file name without folders: a manifest cannot point outside its directory."""
    if name != Path(name).name:
        raise ValueError(f"{name} is not a plain file name")
    return name
