"""`natiq bench serve` as a command: a whole Natiq under load, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.bench.processes import free_ports
from bot.bench.stages import STAGES
from bot.channels.whatsapp.graph import Graph
from core.errors import ChannelError
from tests.bot.cli.conftest import NATIQ, Natiq
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

#: A machine that is busy with other things starts a process slowly.
PATIENCE = 120.0


def leftovers(home: Path) -> list[str]:
    """What the command left behind: processes and folders."""
    return [*running(home), *(path.name for path in home.glob("natiq-bench-*"))]


def running(home: Path) -> list[str]:
    """Commands of processes whose working folder is one that the command made beneath `home`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            where = (folder / "cwd").readlink()
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if where.parent == home and where.name.startswith("natiq-bench-"):
            found.append(" ".join(words[1:]))
    return found


def test_a_whole_natiq_under_load(natiq: Natiq, tmp_path: Path) -> None:
    ran = natiq(
        *("bench", "serve", "--rate", "2", "--seconds", "4", "--conversations", "3", "--even"),
        *("--delay", "0.01", "--json"),
        TMPDIR=str(tmp_path),
    )
    assert ran.code == 0, ran.err
    (run,) = ran.json["runs"]
    assert (run["mode"], run["processes"], run["messages"]) == ("embedded", {"run": 1}, 8)
    assert (run["unanswered"], run["errors"], run["whole"]) == (0, {}, True)
    assert 0 < run["accepted"]["p50"] <= run["answered"]["p50"] <= run["answered"]["max"]
    stages = {stage["name"]: stage for stage in run["stages"]}
    assert list(stages) == list(STAGES)
    assert all(stage["count"] >= 8 and stage["mean"] >= 0 for stage in stages.values())
    assert stages["send"]["mean"] >= 0.01, "the Graph server's delay is part of sending"
    assert run["outcomes"].get("answer", 0) >= 4, "the FAQ's own phrasings are answered"
    assert sum(run["outcomes"].values()) == 8
    assert run["peak_rss"] > 50_000_000 and run["cpu_per_message"] > 0
    assert not leftovers(tmp_path)


def test_a_process_that_cannot_start_is_told_by_its_last_words(
    natiq: Natiq, tmp_path: Path
) -> None:
    ran = natiq("bench", "serve", TMPDIR=str(tmp_path), NATIQ_MODEL_DIR=str(tmp_path / "none"))
    assert ran.code == 1
    assert "run ended with code 2" in ran.err and "Its last log lines:" in ran.err
    assert ran.out == "" and not leftovers(tmp_path)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_interrupts_it_leaves_no_process(
    environment: dict[str, str], tmp_path: Path, sign: signal.Signals, code: int
) -> None:
    started = subprocess.Popen(
        [str(NATIQ), "bench", "serve", "--seconds", "600"],
        cwd=tmp_path,
        env={**environment, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ends = time.monotonic() + PATIENCE
        both = {"bot.cli.main", "bot.bench.graph"}
        while {line.split()[1] for line in running(tmp_path)} != both:
            assert time.monotonic() < ends and started.poll() is None
            time.sleep(0.05)
        started.send_signal(sign)
        _, err = started.communicate(timeout=PATIENCE)
    finally:
        started.kill()
        started.wait(PATIENCE)
    assert started.returncode == code and "Traceback" not in err
    assert not leftovers(tmp_path)


@pytest.fixture
def graph_port() -> Iterator[int]:
    """A Graph server of the load, as a process."""
    (port,) = free_ports(1)
    words = ["-m", "bot.bench.graph", str(port), "0", "1065", "the-token"]
    process = subprocess.Popen([str(NATIQ.with_name("python")), *words])
    yield port
    process.terminate()
    process.wait(PATIENCE)


async def test_the_graph_server_is_good_enough_for_our_own_client(graph_port: int) -> None:
    origin = f"http://127.0.0.1:{graph_port}"
    graph = Graph("1065", "the-token", origin)

    async def sent() -> str | None:
        try:
            return await graph.send("966500000001", "text", {"body": "نعم"})
        except ChannelError as error:
            assert error.reason == "connect_error", "it is not up yet"
            return None

    first = await eventually(sent, PATIENCE)
    second = await graph.send("966500000002", "text", {"body": "Yes"})
    stranger = Graph("1065", "another-token", origin)
    with pytest.raises(ChannelError, match="190"):
        await stranger.send("966500000001", "text", {"body": "Yes"})
    answer = await graph._session.get(f"{origin}/taken?after=0")
    taken = json.loads(answer.content)
    assert [(who, message_id) for _, who, message_id in taken] == [
        ("966500000001", first),
        ("966500000002", second),
    ]
    assert taken[0][0] <= taken[1][0]
    await graph.close()
    await stranger.close()


def test_what_it_refuses(natiq: Natiq) -> None:
    ran = natiq("bench", "serve", "--mode", "scaled")
    assert ran.code == 2
    assert "--database-url" in ran.err and "--redis-url" in ran.err
    ran = natiq("bench", "serve", "--mode", "sideways")
    assert ran.code == 2 and "embedded or scaled" in ran.err
    urls = ("--database-url", "postgresql+psycopg://n@127.0.0.1:1/x", "--redis-url", "redis://h")
    ran = natiq("bench", "serve", "--mode", "scaled", *urls)
    assert ran.code == 2 and "--database-url" in ran.err and "Traceback" not in ran.err
