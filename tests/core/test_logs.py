"""Logs: one id on every line of a message, and never a word, an address or a token."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.logs import (
    SAFE_FIELDS,
    bind_correlation,
    get_logger,
    keep_safe_fields,
    new_correlation_id,
    setup_logging,
)

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "nlu", "faq", "actions", "bot", "desk")

PHONE = "+966512345678"
TOKEN = "123456789:AAHk3j2h4k5j6h7g8f9d0s1a2q3w4e5r6t7"
WORDS = "ضاع جوازي في المطار"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave structlog and the root logger as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "logs go to stderr: stdout is for answers"
    return [json.loads(line) for line in captured.err.splitlines()]


async def test_every_line_of_a_message_has_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", "json")
    log = get_logger("bot.worker")

    async def handle(correlation: str) -> None:
        with bind_correlation(correlation, inbox=7):
            log.info("began")
            await asyncio.sleep(0)
            await asyncio.to_thread(log.info, "in a thread")
            logging.getLogger("some.library").warning("careless")
            log.info("ended", outcome="answer")

    await asyncio.gather(handle("aaa"), handle("bbb"))
    log.info("afterwards")
    *inside, last = lines(capsys)
    assert len(inside) == 8
    for correlation in ("aaa", "bbb"):
        mine = [line for line in inside if line["correlation"] == correlation]
        assert [line["event"] for line in mine if line["where"] == "bot.worker"] == [
            "began",
            "in a thread",
            "ended",
        ]
        assert all(line["inbox"] == 7 and line["timestamp"] and line["level"] for line in mine)
    assert "correlation" not in last


def test_ids_are_short_and_do_not_repeat() -> None:
    ids = {new_correlation_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(re.fullmatch(r"[0-9a-f]{12}", one) for one in ids)


@pytest.mark.parametrize("form", ["json", "console"])
def test_unknown_fields_are_dropped_and_named(
    form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging("info", form)
    with bind_correlation("abc", address=PHONE):
        get_logger("x").info("message accepted", text=WORDS, token=TOKEN, channel="web")
    err = capsys.readouterr().err
    assert "fields dropped: address text token" in err
    assert "web" in err and "abc" in err
    for private in (PHONE, TOKEN, WORDS, "966512345678"):
        assert private not in err


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_an_error_says_stays_out(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", form)
    log = get_logger("bot.sender")

    def deliver(address: str) -> None:
        raise ValueError(f"chat {address} not found: {WORDS}")

    try:
        try:
            deliver(PHONE)
        except ValueError as error:
            raise RuntimeError(f"could not reach {PHONE}") from error
    except RuntimeError as error:
        log.exception("channel broke")
        log.error("channel broke", exc_info=error)
        log.error("channel broke", exc_info=True, stack_info=True)
        log.warning("channel broke", exc_info=(type(error), error, error.__traceback__))
    err = capsys.readouterr().err
    assert err.count("channel broke") == 4
    assert err.count("RuntimeError") == 4, "the type is said"
    assert err.count("test_what_an_error_says_stays_out") >= 4, "and the place"
    assert "512345678" not in err and WORDS not in err


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_other_libraries_say_stays_out(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", form)
    setup_logging("info", form)  # twice, as a test or a second role in one process may
    library = logging.getLogger("a.library.nobody.configured")
    library.warning("request %s", f"/bot{TOKEN}/sendMessage?text={WORDS}")
    library.info("request of %s", PHONE)
    logging.getLogger("httpx").warning("POST https://api/bot%s", TOKEN)
    try:
        raise KeyError(PHONE)
    except KeyError:
        library.exception("Exception in application for %s", PHONE)
        logging.getLogger("asyncio").error("never retrieved", exc_info=True, stack_info=True)
    err = capsys.readouterr().err
    assert err.count("a library logged") == 3
    assert err.count("KeyError") == 2
    for private in ("512345678", TOKEN, WORDS):
        assert private not in err


def test_nothing_below_the_level_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("warning", "json")
    log = get_logger("x")
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [line["event"] for line in lines(capsys)] == ["c"]


@pytest.mark.parametrize(
    ("given_value", "logged"),
    [
        ("timeout", "timeout"),
        ("/chat/api/messages", "/chat/api/messages"),
        ("2026-08-03", "2026-08-03"),
        (12345678901, 12345678901),  # ids are numbers of ours
        (0.25, 0.25),
        (None, None),
        (True, True),
        (PHONE, "[hidden]"),
        (f"cannot write to {PHONE[1:]}", "[hidden]"),
        ("٩٦٦٥١٢٣٤٥٦٧٨", "[hidden]"),
        (f"https://api.telegram.org/bot{TOKEN}/getMe", "[hidden]"),
        ("EAAGm0PX4ZCpsBAKZCmVJZBZA2nT8ZCkq2ZAj0", "EAAGm0PX4ZCpsBAKZCmVJZBZA2nT8ZCkq2ZAj0"),
        ("EAAGm0PX4ZCpsBAKZCmVJZBZA2nT8ZCkq2ZAj0dX", "[hidden]"),
        ({"text": WORDS}, "[dict]"),
        ([WORDS], "[list]"),
        (ValueError(WORDS), "[ValueError]"),
        ("w" * 39 + " " + "v " * 200, ("w" * 39 + " " + "v " * 200)[:200]),
    ],
)
def test_known_fields_carry_plain_words_and_numbers(given_value: Any, logged: Any) -> None:
    event = keep_safe_fields(None, "info", {"event": "e", "reason": given_value})
    assert event == {"event": "e", "reason": logged}


FIELDS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text(min_size=1), max_size=6
)


@given(FIELDS, st.sampled_from(sorted(SAFE_FIELDS - {"event"})), st.text("0123456789", min_size=9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_field_but_the_known_ones_ever_passes(
    fields: dict[str, str], safe: str, digits: str
) -> None:
    given_fields = {**fields, "event": "e", "text": WORDS, "address": PHONE}
    event = keep_safe_fields(None, "info", dict(given_fields))
    assert set(event) <= SAFE_FIELDS
    assert {name for name in given_fields if name in SAFE_FIELDS} == set(event)
    own = {"correlation", "timestamp", "trace", "where"}
    if safe not in own:
        assert (
            keep_safe_fields(None, "info", {"event": "e", safe: f"x{digits}"})[safe] == "[hidden]"
        )


def _log_calls() -> list[tuple[str, ast.Call]]:
    calls = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr
                    in {"debug", "info", "warning", "error", "critical", "exception"}
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"log", "logger", "_log"}
                ):
                    calls.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return calls


def test_every_call_in_the_house_logs_fixed_words_and_known_fields() -> None:
    calls = _log_calls()
    assert len(calls) > 15, "the search must find the calls there are"
    wrong = []
    for place, call in calls:
        fixed = len(call.args) == 1 and isinstance(call.args[0], ast.Constant)
        if not fixed:
            wrong.append(f"{place}: the event must be fixed words")
        known = SAFE_FIELDS | {"exc_info"}
        wrong += [f"{place}: {k.arg} is dropped" for k in call.keywords if k.arg not in known]
    assert wrong == []
