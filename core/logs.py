"""Structured logs to stderr: ids and counts, never message text, addresses or tokens.

One correlation id runs from an inbound message to its replies; `bind_correlation` sets it for
everything logged while the message is handled. A processor drops every field that is not on
the list of known-safe names, and hides values that look like an address or a token, so that a
careless call cannot leak what a person wrote. Of what other libraries log only the place and the
error's type are kept: their messages and tracebacks quote values.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from numbers import Number
from typing import Any, Literal

import structlog

#: The only fields that reach a log line. Add a name only if its values are ids, counts, times or
#: fixed words.
SAFE_FIELDS = frozenset(
    {
        "action",
        "address_count",
        "attachment",
        "attempt",
        "attempts",
        "channel",
        "conversation",
        "correlation",
        "count",
        "delay",
        "dimension",
        "due_in",
        "duplicate",
        "duration",
        "elapsed",
        "entries",
        "error",
        "event",
        "exception",
        "exit_code",
        "faq_id",
        "files",
        "finding",
        "inbox",
        "intent",
        "kind",
        "language",
        "level",
        "limit",
        "logger",
        "method",
        "mode",
        "number",
        "of",
        "outbox",
        "outcome",
        "part",
        "path",
        "pid",
        "port",
        "process",
        "reason",
        "role",
        "seconds",
        "signal",
        "size",
        "staff",
        "state",
        "status",
        "step",
        "ticket",
        "timestamp",
        "topic",
        "total",
        "version",
        "url",
        "trace",
        "where",
    }
)


#: Fields that we make ourselves, in which such a look is chance.
_OWN_FIELDS = frozenset({"correlation", "event", "timestamp", "trace", "where"})

#: Phone numbers and chat ids; Telegram tokens; long random words such as session tokens.
_LOOKS_PRIVATE = re.compile(r"\d{9,}|\d{6,}:[\w-]{20,}|[\w-]{40,}")
_LONGEST_VALUE = 200


def new_correlation_id() -> str:
    """A short random id, safe to show."""
    return secrets.token_hex(6)


@contextmanager
def bind_correlation(correlation: str, **fields: Any) -> Iterator[None]:
    """Put the correlation id (and safe fields) on every line logged inside the block."""
    with structlog.contextvars.bound_contextvars(correlation=correlation, **fields):
        yield


def keep_safe_fields(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop unknown fields, naming them, so that the loss is seen in development; of the known ones
    let numbers and short plain words through, and say of anything else what it was."""
    dropped = sorted(set(event) - SAFE_FIELDS)
    for name in dropped:
        del event[name]
    if dropped:
        event["event"] = f"{event['event']} [fields dropped: {' '.join(dropped)}]"
    for name in set(event) - _OWN_FIELDS:
        event[name] = _plain(event[name])
    return event


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | Number):
        return value
    if not isinstance(value, str):
        return f"[{type(value).__name__}]"
    return "[hidden]" if _LOOKS_PRIVATE.search(value) else value[:_LONGEST_VALUE]


def exception_without_values(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace `exc_info` by the error's type and where it arose: an error's own words may quote
    a message or a parameter, so they stay out."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        trace = info[2]
        places = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_name}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["trace"] = " > ".join(places[-6:])
    return event


def setup_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    form: Literal["console", "json"] = "console",
) -> None:
    """Configure structlog, and route the standard library's warnings of others through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exception_without_values,
        keep_safe_fields,
    ]
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Other libraries log addresses, statements with parameters and urls with tokens at INFO.
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [handler for handler in root.handlers if isinstance(handler, _Others)]:
        root.removeHandler(handler)
    root.addHandler(_Others())
    for name in (
        "httpx",
        "httpcore",
        "telegram",
        "pywa",
        "pywa_async",
        "sqlalchemy",
        "uvicorn.access",
        "aiosqlite",
        "asyncio",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)


class _Others(logging.Handler):
    """Says that another library logged, where, and the type of the error; not what it said."""

    def emit(self, record: logging.LogRecord) -> None:
        where = f"{record.name} {record.module}:{record.lineno}"
        logger = get_logger(where)
        say = logger.error if record.levelno >= logging.ERROR else logger.warning
        say("a library logged", exc_info=record.exc_info or None)


def get_logger(name: str) -> Any:
    """A logger whose lines carry the correlation id of the message being handled."""
    return structlog.get_logger(where=name)
