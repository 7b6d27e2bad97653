"""`natiq ask`: what Natiq would answer, without a conversation and without a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.common import command, json_line, print_json, say, settings_and_logs
from bot.mind import build_mind
from bot.results import result_of
from bot.root import REPLIES, names_of
from core.catalogue import Catalogue
from core.errors import InputError

#: Texts that are understood at once.
_BATCH = 256


@command
def ask(
    text: Annotated[str | None, typer.Argument(help="The question, in any dialect.")] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help='File with one {"text": ...} a line; - for stdin.')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask one question, or every line of a file (one JSON result a line, in order)."""
    if (text is None) == (jsonl is None):
        raise InputError("Give either a TEXT or --jsonl FILE.")
    texts = [text] if text is not None else read_texts(jsonl)  # type: ignore[arg-type]
    settings = settings_and_logs("warning")
    mind = build_mind(settings, say)
    catalogue = Catalogue.load(REPLIES, settings.zone)
    names = names_of(settings)
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        for asked, decision in zip(batch, mind.understanding.decide_many(batch), strict=True):
            result = result_of(asked, decision, catalogue, names)
            if jsonl is not None:
                sys.stdout.write(json_line(result) + "\n")
            elif as_json:
                print_json(result)
            else:
                _print_plain(result)


def read_texts(path: Path) -> list[str]:
    """The texts of a JSON-lines file.

    Raises:
        InputError: names the line that is not `{"text": "..."}`.
    """
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        lines = raw.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    texts = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: not JSON: {error.msg}.") from None
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            raise InputError(f'{path}:{number}: expected {{"text": "..."}}.')
        texts.append(item["text"])
    return texts


def _print_plain(result: dict[str, Any]) -> None:
    typer.echo(result["text"])
    for number, choice in enumerate(result["choices"], start=1):
        typer.echo(f"  {number}. {choice['label']}")
    where = ", ".join(answer["faq_id"] for answer in result["answers"]) or result["intent"]
    typer.echo(f"[{result['outcome']}: {where}, {result['confidence']:.2f}]", err=True)
