"""`natiq bench serve`: load on a whole Natiq, embedded or scaled."""

from __future__ import annotations

import asyncio
import os
import platform
from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.cli.common import command, print_json, run_async, say, settings_and_logs
from core.errors import InputError

_MODES = ("embedded", "scaled")


@command
def serve(
    mode: Annotated[
        list[str] | None, typer.Option(help="embedded | scaled; may be given several times.")
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(min=0.1, max=10_000, help="Messages a second; may be given several times."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Length of one run.")] = 20,
    find: Annotated[
        bool, typer.Option("--find", help="Look for the highest rate that is sustained.")
    ] = False,
    conversations: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="People who write, in turn.")
    ] = 2000,
    unique: Annotated[
        float, typer.Option(min=0, max=1, help="Share of texts that nobody wrote before.")
    ] = 0.5,
    even: Annotated[
        bool, typer.Option("--even", help="Messages at even distances, not by chance.")
    ] = False,
    delay: Annotated[
        float, typer.Option(min=0, max=10, help="Seconds that the Graph server takes a message.")
    ] = 0.1,
    web: Annotated[int, typer.Option(min=1, max=64, help="Processes (scaled).")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes (scaled).")] = 2,
    senders: Annotated[int, typer.Option(min=1, max=64, help="Processes (scaled).")] = 1,
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL server, for scaled; nothing in it is touched.")
    ] = None,
    redis_url: Annotated[str | None, typer.Option(help="A Redis server, for scaled.")] = None,
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds to wait for the last answers.")
    ] = 120,
    seed: Annotated[int, typer.Option(help="Draws the texts and the times.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Start Natiq, post signed WhatsApp webhooks to it at given rates, and say how fast a Graph
    server of our own had the answers. Exit code 1: a message was refused or not answered."""
    from bot.bench.serve import Plan, bench, highest, phrasings_of

    modes = tuple(dict.fromkeys(mode or ["embedded"]))
    for name in modes:
        if name not in _MODES:
            raise InputError(f"There is no mode {name!r}; use embedded or scaled.")
    if "scaled" in modes and not (database_url and redis_url):
        raise InputError(
            "Scaled mode needs two servers: --database-url, a PostgreSQL server whose user may "
            "create databases, like postgresql+psycopg://user:password@host/postgres, and "
            "--redis-url, one that no other Natiq uses, like redis://host:6379/0."
        )
    settings = settings_and_logs("warning")
    plan = Plan(
        modes=modes,  # type: ignore[arg-type]
        rates=tuple(rate or ([] if find else [5.0])),
        seconds=seconds,
        people=conversations,
        unique=unique,
        even=even,
        find=find,
        delay=delay,
        patience=patience,
        seed=seed,
        processes={"web": web, "worker": workers, "sender": senders},
        model_dir=settings.model_dir,
        phrasings=phrasings_of(settings.faq_dir),
        faq_dir=settings.faq_dir,
        database_url=database_url,
        redis_url=redis_url,
    )
    started = datetime.now(UTC)
    try:
        runs = run_async(bench(plan, say))
    except asyncio.CancelledError:  # SIGTERM
        raise typer.Exit(143) from None
    best = highest(runs) if find else None
    if as_json:
        print_json(
            {
                "at": started,
                "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
                "arrivals": "even" if even else "poisson",
                "conversations": conversations,
                "unique": unique,
                "graph_delay": delay,
                "seed": seed,
                "runs": [run.as_json() for run in runs],
                **({"highest": best} if best is not None else {}),
            }
        )
    elif best is not None:
        for name, value in best.items():
            typer.echo(f"{name}: {f'{value:.4g} a second' if value else 'no rate'} sustained")
    if not all(run.whole for run in runs):
        raise typer.Exit(1)
