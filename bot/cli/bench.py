"""`natiq bench`: measurements, never in tests."""

from __future__ import annotations

import csv
import os
import platform
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli import bench_serve
from bot.cli.common import command, print_json, say, settings_and_logs
from core.errors import InputError
from nlu.benchmark import IntentBench, Labelled, read_csv, sample, score
from nlu.encoder.onnx_encoder import OnnxEncoder

app = typer.Typer(help="Measure understanding and speed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure understanding and speed."""


app.command("serve")(bench_serve.serve)


@app.command()
@command
def intents(
    train: Annotated[Path, typer.Option(help="CSV with the columns label,text.")],
    test: Annotated[list[Path], typer.Option(help="CSV; may be given several times.")],
    shots: Annotated[
        int | None, typer.Option(min=1, help="Examples a label; all if absent.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the examples.")] = 0,
    engine: Annotated[list[str] | None, typer.Option(help="local")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Folder for predictions.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train on a labelled set and score on others."""
    for name in engine or ["local"]:
        if name != "local":
            raise InputError(f"Engine {name!r} is not available in this version; use local.")
    settings = settings_and_logs("warning")
    data = read_csv(train, need_labels=True)
    tests = {path: read_csv(path, need_labels=False) for path in test}
    if shots is not None:
        data = sample(data, shots, seed)
    encoder = OnnxEncoder(settings.model_dir / "encoder")
    say(f"Training on {len(data.texts)} examples")
    started = time.perf_counter()
    bench = IntentBench(data, encoder)
    report: dict[str, Any] = {
        "engine": "local",
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
        "train": {"file": train.name, "examples": len(data.texts), "shots": shots, "seed": seed},
        "train_seconds": round(time.perf_counter() - started, 1),
        "tests": {},
    }
    for path, part in tests.items():
        say(f"Testing on {path.name} ({len(part.texts)} texts)")
        report["tests"][path.name] = _test(bench, path, part, predictions)
    if as_json:
        print_json(report)
        return
    for name, row in report["tests"].items():
        if "accuracy" in row:
            typer.echo(
                f"{name}: accuracy {row['accuracy']:.4f}, macro-F1 {row['macro_f1']:.4f} "
                f"({row['cases']} texts, {row['texts_per_second']:.0f} a second)"
            )
        else:
            typer.echo(f"{name}: {row['cases']} texts without labels")


def _test(
    bench: IntentBench, path: Path, part: Labelled, predictions: Path | None
) -> dict[str, Any]:
    started = time.perf_counter()
    found = bench.predict(part.texts)
    seconds = time.perf_counter() - started
    if predictions is not None:
        predictions.mkdir(parents=True, exist_ok=True)
        with (predictions / f"{path.stem}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "predicted", "confidence"))
            for text, (label, confidence) in zip(part.texts, found, strict=True):
                writer.writerow((text, label, f"{confidence:.4f}"))
    row: dict[str, Any] = {"cases": len(part.texts)}
    if part.labels is not None:
        row = score(part.labels, [label for label, _ in found])
    row["texts_per_second"] = round(len(part.texts) / max(seconds, 1e-9), 1)
    return row
