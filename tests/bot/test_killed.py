"""`kill -9` at every moment of a message's life, in real processes on a real file.

Afterwards nothing is lost, the order is kept, and nothing was sent twice but what was in flight.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT

MESSAGES = 4
#: Beyond every lease of the process that died.
LATER = 60


def start(folder: Path, **plan: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.killable", str(folder), json.dumps(plan)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )


def run(folder: Path, **plan: Any) -> int:
    """Run to the end; returns the exit status (negative: the signal that killed it)."""
    process = start(folder, **plan)
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()[-2000:]
    return process.returncode


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "natiq.db") as connection:
        return connection.execute(query).fetchall()


def sends(folder: Path) -> list[int]:
    path = folder / "sent.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def flying(folder: Path) -> Counter[int]:
    """What a dead process left between the request and its answer."""
    return Counter(row[0] for row in rows(folder, "SELECT id FROM outbox WHERE state = 'sending'"))


def check_whole(folder: Path, in_flight: Counter[int]) -> None:
    """Everything was answered once, in order; what was in flight may come again, once a death.

    in_flight: for each outbox id, the deaths that found it being sent.
    """
    inbox = rows(folder, "SELECT id, external_id, state FROM inbox ORDER BY id")
    assert [(name, state) for _, name, state in inbox] == [
        (f"id-{number}", "done") for number in range(MESSAGES)
    ]
    outbox = rows(folder, "SELECT id, inbox_id, state, maybe_doubled FROM outbox ORDER BY id")
    assert [row[1] for row in outbox] == [row[0] for row in inbox], "one answer each, in order"
    assert {row[2] for row in outbox} == {"sent"}
    sent = sends(folder)
    times = Counter(sent)
    assert set(times) == {row[0] for row in outbox}, "nothing is lost"
    for number, count in times.items():
        assert count <= 1 + in_flight[number]
    assert {row[0] for row in outbox if row[3]} == set(in_flight), "what may have doubled is listed"
    assert list(dict.fromkeys(sent)) == sorted(times), "the order is kept"


@pytest.mark.parametrize(
    ("kill", "at"),
    [
        ("accepted", 1),
        ("accepted", MESSAGES),
        ("claimed", 1),
        ("claimed", 3),
        ("handled", 1),
        ("handled", 3),
        ("sending", 2),
        ("sent", 2),
    ],
)
def test_nothing_is_lost_and_only_what_was_in_flight_doubles(
    tmp_path: Path, kill: str, at: int
) -> None:
    assert run(tmp_path, accept=MESSAGES, kill=kill, at=at) == -signal.SIGKILL
    kept = rows(tmp_path, "SELECT count(*) FROM inbox")[0][0]
    if kill == "accepted":
        assert kept == at, "what was accepted is on disk"
    in_flight = flying(tmp_path)
    if kill in ("sending", "sent"):
        assert len(in_flight) == 1
    # The platform, which got no "received" for the rest, gives all messages again.
    assert run(tmp_path, accept=MESSAGES, ahead=LATER) == 0
    check_whole(tmp_path, in_flight)
    if kill == "sent":
        assert max(Counter(sends(tmp_path)).values()) == 2, "sent, but not known to be sent"
    if kill == "sending":
        assert max(Counter(sends(tmp_path)).values()) == 1


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Whatever dies in whatever order: three deaths, then peace.

    The third death comes while the message of the second is sent again, or just after: then that
    one message is in flight twice.
    """
    in_flight: Counter[int] = Counter()
    for life, kill in enumerate(("claimed", "sent", "handled")):
        run(tmp_path, accept=MESSAGES, kill=kill, at=1, ahead=life * LATER)
        in_flight += flying(tmp_path)
    assert run(tmp_path, accept=MESSAGES, ahead=3 * LATER) == 0
    check_whole(tmp_path, in_flight)


def test_two_processes_given_the_same_messages_answer_once(tmp_path: Path) -> None:
    """Both make the tables, both are given everything, both work and send."""
    pair = [start(tmp_path, accept=MESSAGES) for _ in range(2)]
    for process in pair:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()[-2000:]
    check_whole(tmp_path, Counter())
    assert Counter(sends(tmp_path)).most_common(1)[0][1] == 1
