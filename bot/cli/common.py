"""What every command shares: one JSON document on stdout, logs on stderr, and exit codes.

Exit 0: done; 1: it did not hold; 2: bad usage or bad input (the message alone, no traceback).
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer

from core.errors import ConfigError, ConflictError, InputError, NatiqError, NotFoundError
from core.logs import setup_logging
from core.settings import Settings, load_settings

P = ParamSpec("P")
T = TypeVar("T")


def settings_and_logs(level: str | None = None, **overrides: Any) -> Settings:
    """Read the settings and set up logging by them."""
    settings = load_settings(**overrides)
    setup_logging(level or settings.log_level, settings.log_format)  # type: ignore[arg-type]
    return settings


def command(function: Callable[P, T]) -> Callable[P, T]:
    """Turn our own errors into a message and an exit code."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (InputError, ConfigError) as error:
            fail(str(error), 2)
        except (NotFoundError, ConflictError) as error:
            fail(str(error), 1)
        except NatiqError as error:
            fail(str(error), 1)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong on stderr and leave."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def say(line: str) -> None:
    """A line of progress, on stderr, so that stdout stays clean."""
    typer.echo(line, err=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(_json(value, 2) + "\n")


def json_line(value: Any) -> str:
    """One JSON document on one line."""
    return _json(value, None)


def _json(value: Any, indent: int | None) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_plain, indent=indent)
    # A lone surrogate, which no stream takes, becomes its JSON escape.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)
