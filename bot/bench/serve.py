"""`natiq bench serve`: starts a whole Natiq, puts load on it, and says how it bore it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.bench.load import Account, Message, Poster, arrivals, messages_at, post_all
from bot.bench.processes import HOST, Child, Processes, Watch, free_ports
from bot.bench.results import Run, pair, run_of, table
from bot.bench.stages import figures_of, outcomes_between, sends_between, stages_between
from bot.bench.texts import Phrasing, Texts
from bot.channels.whatsapp.channel import PER_PERSON, PER_PERSON_SECONDS, PER_SECOND
from core.clock import utc_now
from core.errors import InputError
from faq.loader import load_faq

Mode = Literal["embedded", "scaled"]
Say = Callable[[str], None]

#: Load that warms up what has just started, and is not counted: seconds, and messages a second.
WARM_SECONDS = 5.0
WARM_RATE = 4.0
#: The search for the highest rate begins here, doubles, then halves the distance until the highest
#: that was sustained and the lowest that was not differ by a tenth.
FIND_FROM = 4.0
FIND_LEAST = 0.5
FIND_WITHIN = 1.1
#: How often the Graph server is asked what it took, in seconds.
_LOOK = 0.25
#: Later than this the load itself was held up, in seconds.
_LATE = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. `rates` are in messages a second; `unique` is the share of texts that nobody
    wrote before; `delay` is Meta's time for one message, `patience` how long to wait for the last
    answers, in seconds. The addresses are those of servers, for `scaled`."""

    modes: tuple[Mode, ...]
    rates: tuple[float, ...]
    seconds: float
    people: int
    unique: float
    even: bool
    find: bool
    delay: float
    patience: float
    seed: int
    processes: dict[str, int]
    model_dir: Path
    phrasings: tuple[Phrasing, ...]
    faq_dir: Path
    database_url: str | None = None
    redis_url: str | None = None


def phrasings_of(folder: Path) -> tuple[Phrasing, ...]:
    """Every phrasing of the FAQ that is valid today, with its language.

    Raises:
        InputError: the FAQ cannot be served.
    """
    today = utc_now().date()
    knowledge = load_faq(folder, today).knowledge
    if knowledge is None:
        raise InputError("The FAQ cannot be served; natiq faq check says why.")
    return tuple(
        (text, language)
        for entry in knowledge.entries
        if entry.is_valid_on(today)
        for language, texts in entry.phrasings.items()
        for text in texts
    )


async def bench(plan: Plan, say: Say) -> list[Run]:
    """Run it all; every process that was started is stopped when this ends, however it ends.

    Raises:
        InputError: what is missing or cannot be used. ProcessFailedError: one ended by itself.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        runs: list[Run] = []
        for mode in plan.modes:
            async with _started(plan, mode, say) as system:
                runs += await _runs(system)
        return runs
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@asynccontextmanager
async def _started(plan: Plan, mode: Mode, say: Say) -> AsyncIterator[_System]:
    account = Account(*(secrets.token_hex(16) for _ in range(4)))
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="natiq-bench-"))
        home = Path(folder)
        processes = Processes(home)
        addresses: dict[str, str] = {}
        if mode == "scaled":
            assert plan.database_url and plan.redis_url  # noqa: S101 - the command asked for them
            url = await stack.enter_async_context(_database(plan.database_url))
            addresses = {"NATIQ_DATABASE_URL": url, "NATIQ_REDIS_URL": plan.redis_url}
        stack.push_async_callback(processes.stop)
        roles = ["run"] if mode == "embedded" else _roles(plan)
        graph_port, *ports = free_ports(len(roles) + 1)
        words = [str(graph_port), str(plan.delay), account.phone_id, account.token]
        graph = processes.start("graph", "bot.bench.graph", words, graph_port, {})
        settings = {
            **addresses,
            "NATIQ_DATA_DIR": str(home / "data"),
            "NATIQ_MODEL_DIR": str(plan.model_dir.resolve()),
            "NATIQ_FAQ_DIR": str(plan.faq_dir.resolve()),
            "NATIQ_SECRET_KEY": secrets.token_urlsafe(48),
            "NATIQ_HOST": HOST,
            "NATIQ_LOG_FORMAT": "json",
            "NATIQ_WHATSAPP_PHONE_ID": account.phone_id,
            "NATIQ_WHATSAPP_TOKEN": account.token,
            "NATIQ_WHATSAPP_APP_SECRET": account.app_secret,
            "NATIQ_WHATSAPP_VERIFY_TOKEN": account.verify_token,
            "NATIQ_WHATSAPP_API_URL": graph.origin,
        }
        say(f"{mode}: starting {len(roles)} process{'es' if len(roles) > 1 else ''}")
        children = []
        for role, port in zip(roles, ports, strict=True):
            order = ["run"] if role == "run" else ["serve", role]
            environment = {**settings, "NATIQ_PORT": str(port)}
            children.append(processes.start(role, "bot.cli.main", order, port, environment))
        for child in (graph, *children):
            await child.ready()
            say(f"  {child.role} is ready")
        yield _System(plan, mode, say, account, graph, children)


def _roles(plan: Plan) -> list[str]:
    return [role for role, count in plan.processes.items() for _ in range(count)]


@asynccontextmanager
async def _database(server: str) -> AsyncIterator[str]:
    """A database of its own on the server, dropped afterwards; yields its address."""
    name = f"natiq_bench_{secrets.token_hex(6)}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f"CREATE DATABASE {name}"))
        except SQLAlchemyError as error:
            raise InputError(
                "No database for the load could be made on the server of --database-url "
                f"({type(error).__name__}). Its user must be allowed to create databases."
            ) from None
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            async with engine.connect() as connection:
                await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await engine.dispose()


class _System:
    """A Natiq that has been started, and the load on it."""

    def __init__(
        self,
        plan: Plan,
        mode: Mode,
        say: Say,
        account: Account,
        graph: Child,
        children: Sequence[Child],
    ) -> None:
        self.plan = plan
        self.say = say
        self._mode = mode
        self._account = account
        self._children = children
        self._texts = Texts(plan.phrasings, plan.unique, plan.seed)
        self._graph = Poster(graph.origin)
        self._web = children[0].origin
        self._all = (graph, *children)
        self._read = 0
        self._people = 0

    async def warm_up(self) -> None:
        """A little load that is not counted."""
        await self._load(self._messages(arrivals(WARM_RATE, WARM_SECONDS, True, self.plan.seed)))

    async def measure(self, rate: float) -> Run:
        """One run."""
        plan = self.plan
        times = arrivals(rate, plan.seconds, plan.even, plan.seed)
        messages = self._messages(times)
        before = await figures_of(self._children)
        watch = Watch(self._children)
        watching = asyncio.create_task(watch.run())
        try:
            start, taken = await self._load(messages)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        after = await figures_of(self._children)
        extra = pair(messages, taken)
        roles = [child.role for child in self._children]
        processes = {role: roles.count(role) for role in dict.fromkeys(roles)}
        run = run_of(self._mode, rate, plan.seconds, processes, messages, start, extra)
        posting = sum(one.accepted - one.posted for one in messages if one.accepted is not None)
        run.stages = stages_between(before, after, posting)
        run.outcomes = outcomes_between(before, after)
        run.sends = sends_between(before, after)
        run.peak_rss, run.machine_busy = watch.peak_rss, watch.busy
        run.cpu_per_message = None if watch.cpu is None else watch.cpu / len(messages)
        run.notes = _notes(run, messages)
        return run

    def _messages(self, times: Sequence[float]) -> list[Message]:
        """By people who have not written yet, so that no late answer of one load is taken for one
        of the next."""
        first = self._people
        self._people += self.plan.people
        return messages_at(times, self._texts, self._account, first, self.plan.people)

    async def _load(self, messages: Sequence[Message]) -> tuple[float, list[tuple[float, str]]]:
        """Post, then wait until everybody has an answer or patience is at its end."""
        posting = asyncio.create_task(post_all(self._web, messages))
        taken: list[tuple[float, str]] = []
        people = {message.person for message in messages}
        try:
            end = None
            told = time.monotonic()
            while True:
                taken += await self._taken(people)
                answered = len({person for _, person in taken})
                if posting.done():
                    end = end or time.monotonic() + self.plan.patience
                    complete = len(taken) >= len(messages) and answered == len(people)
                    if complete or time.monotonic() > end:
                        break
                if time.monotonic() - told > 5:
                    told = time.monotonic()
                    posted = sum(message.posted > 0 for message in messages)
                    self.say(f"  posted {posted} of {len(messages)}, answered {len(taken)}")
                for child in self._all:
                    child.check()
                await asyncio.sleep(_LOOK)
            await asyncio.sleep(_LOOK)  # a second answer to the last message
            taken += await self._taken(people)
            return await posting, taken
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)

    async def _taken(self, people: Set[str]) -> list[tuple[float, str]]:
        _, body = await self._graph.ask("GET", f"/taken?after={self._read}")
        rows = json.loads(body)
        self._read += len(rows)
        return [(at, person) for at, person, _ in rows if person in people]


async def _runs(system: _System) -> list[Run]:
    system.say("  warming up")
    await system.warm_up()
    runs: list[Run] = []

    async def run(rate: float) -> Run:
        system.say(f"  {rate:.4g} messages a second for {system.plan.seconds:.0f} seconds")
        made = await system.measure(rate)
        for line in table(made):
            system.say(line)
        runs.append(made)
        return made

    for rate in system.plan.rates:
        await run(rate)
    if system.plan.find:
        await find(run)
    return runs


async def find(run: Callable[[float], Awaitable[Run]]) -> float | None:
    """Look for the highest rate (messages a second) that is sustained, by runs; None when not even
    the lowest that is tried is."""
    held, broke = None, None
    rate = FIND_FROM
    while broke is None or (held is None and rate >= FIND_LEAST):
        if (await run(rate)).sustained:
            held, rate = rate, rate * 2
            if broke is not None:
                break
        else:
            broke, rate = rate, rate / 2
            if held is not None:
                break
    while held is not None and broke is not None and broke > held * FIND_WITHIN:
        rate = (held + broke) / 2
        if (await run(rate)).sustained:
            held = rate
        else:
            broke = rate
    return held


def highest(runs: Sequence[Run]) -> dict[str, float | None]:
    """For each mode the highest rate that was sustained, None where none was."""
    return {
        mode: max((one.rate for one in runs if one.mode == mode and one.sustained), default=None)
        for mode in dict.fromkeys(one.mode for one in runs)
    }


def _notes(run: Run, messages: Sequence[Message]) -> list[str]:
    """What else than the machine may have set these figures."""
    notes = []
    if run.offered > PER_SECOND:
        notes.append(
            f"more than the {PER_SECOND} messages a second that are sent on WhatsApp: that limit "
            "is what is measured"
        )
    most = max(Counter(message.person for message in messages).values())
    if most > PER_PERSON * max(1.0, run.seconds / PER_PERSON_SECONDS):
        notes.append(
            f"one person wrote {most} times, more than the {PER_PERSON} messages in "
            f"{PER_PERSON_SECONDS:.0f} seconds that one gets: take more conversations"
        )
    if run.late_p99 > _LATE:
        notes.append(
            f"the load itself was up to {run.late_p99:.2f} s late (99 of 100): the machine is too "
            "small for both; the delay is in the figures"
        )
    if run.extra_answers:
        notes.append(f"{run.extra_answers} messages had a second answer")
    unexpected = {word: count for word, count in run.sends.items() if word != "sent"}
    if unexpected:
        notes.append("sends: " + ", ".join(f"{word} {count}" for word, count in unexpected.items()))
    return notes
