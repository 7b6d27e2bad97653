"""Natiq as it is run by many: each role some processes of its own, by their real command, on real
PostgreSQL and Redis that can be stopped, with the platforms' servers in the test's own loop.

The traffic is signed webhooks, posted again until they are taken, as Meta does; the books say of
each person what they must have received, in which order.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from bot.bench.load import Poster
from bot.bench.processes import Child, Processes, free_ports
from faq.loader import load_faq
from tests.support import graph_server as meta
from tests.support import graph_webhooks as webhooks
from tests.support import telegram_world
from tests.support.graph_server import GraphServer
from tests.support.places import FAQ_DIR, MODEL_DIR
from tests.support.postgres import PostgresServer, temporary_postgres
from tests.support.redis_server import RedisServer
from tests.support.redis_server import temporary_server as temporary_redis
from tests.support.telegram_server import TelegramServer, telegram_server
from tests.support.waiting import eventually

#: How long anything may take before a test fails, in seconds; far beyond what it takes.
PATIENCE = 180.0

#: Webhooks that are posted at the same time, at most.
POSTERS = 24

#: A person's next message comes so many messages later, so that conversations mix.
APART = 40

#: How soon a webhook that was not taken is posted again, in seconds. Meta waits longer.
AGAIN = 0.5


def approved_answers() -> list[tuple[str, str]]:
    """Ids of entries and their answers in Arabic: those that are sent without a link."""
    knowledge = load_faq(FAQ_DIR, date.today()).knowledge
    assert knowledge is not None
    today = date.today()
    return [
        (entry.id, entry.answer["ar"].strip())
        for entry in knowledge.entries
        if not entry.buttons and entry.is_valid_on(today)
    ]


@dataclass(frozen=True)
class Row:
    """A message in the inbox: its state, attempts, how many answers it has, and how many of these
    may have been sent twice, by the books."""

    state: str
    attempts: int
    answers: int
    doubled: int


@dataclass
class Installation:
    """What runs. `children` are Natiq's processes by role."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    database: str
    graph: GraphServer
    telegram: TelegramServer
    processes: Processes
    children: dict[str, list[Child]] = field(default_factory=lambda: defaultdict(list))

    def start(self, role: str, port: int | None = None) -> Child:
        """Start a process of a role; it is not ready yet."""
        if port is None:
            [port] = free_ports(1)
        settings = {
            "NATIQ_DATABASE_URL": self.database,
            "NATIQ_REDIS_URL": self.redis.url,
            "NATIQ_DATA_DIR": str(self.folder / "data"),
            "NATIQ_MODEL_DIR": str(MODEL_DIR.resolve()),
            "NATIQ_FAQ_DIR": str(FAQ_DIR.resolve()),
            "NATIQ_SECRET_KEY": "a secret key for tests and nothing but tests",
            "NATIQ_HOST": "127.0.0.1",
            "NATIQ_PORT": str(port),
            "NATIQ_LOG_FORMAT": "json",
            "NATIQ_WHATSAPP_PHONE_ID": meta.PHONE_ID,
            "NATIQ_WHATSAPP_TOKEN": meta.TOKEN,
            "NATIQ_WHATSAPP_APP_SECRET": meta.APP_SECRET,
            "NATIQ_WHATSAPP_VERIFY_TOKEN": meta.VERIFY_TOKEN,
            "NATIQ_WHATSAPP_API_URL": self.graph.origin,
            "NATIQ_TELEGRAM_TOKEN": telegram_world.TOKEN,
            "NATIQ_TELEGRAM_API_URL": self.telegram.origin,
        }
        child = self.processes.start(role, "bot.cli.main", ["serve", role], port, settings)
        self.children[role].append(child)
        return child

    async def start_all(self, roles: dict[str, int]) -> None:
        """Start so many of each role and wait until all are ready."""
        for role, count in roles.items():
            for _ in range(count):
                self.start(role)
        await self.ready()

    def all(self) -> list[Child]:
        """Every process that should run."""
        return [child for children in self.children.values() for child in children]

    @property
    def web(self) -> Child:
        """The process that webhooks go to."""
        return self.children["web"][0]

    async def end(self, child: Child, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        child.process.send_signal(sign)
        self.children[child.role].remove(child)
        return await asyncio.to_thread(child.process.wait, 60)

    async def replace(self, child: Child, sign: signal.Signals = signal.SIGTERM) -> int:
        """End a process and start another in its place, on its port, which is not ready yet; the
        exit code of the first."""
        code = await self.end(child, sign)
        self.start(child.role, child.port)
        return code

    async def ready(self) -> None:
        """Wait until all processes are."""
        for child in self.all():
            await child.ready()

    def check(self) -> None:
        """See that all processes run: none may have ended by itself."""
        for child in self.all():
            child.check()

    async def handled(self) -> list[int]:
        """How many messages each worker has handled since its start."""
        return [await _handled(child) for child in self.children["worker"]]

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of a query."""
        url = make_url(self.database).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            return list(connection.execute(query.encode(), values or None))

    def newest(self) -> int:
        """The id of the newest message in the inbox."""
        [(found,)] = self.ask("SELECT coalesce(max(id), 0) FROM inbox")
        return int(str(found))

    def rows(self, after: int) -> list[Row]:
        """The messages that came after that one."""
        found = self.ask(
            "SELECT i.state, i.attempts, count(o.id), count(o.id) FILTER (WHERE o.maybe_doubled)"
            " FROM inbox i LEFT JOIN outbox o ON o.inbox_id = i.id WHERE i.id > %s GROUP BY i.id",
            after,
        )
        return [Row(*row) for row in found]  # type: ignore[arg-type]

    def leased(self) -> dict[int, int]:
        """Conversations that a worker holds just now, and the tokens of their leases."""
        found = self.ask(
            "SELECT id, work_token FROM conversations WHERE work_until IS NOT NULL ORDER BY id"
        )
        return {int(str(one)): int(str(token)) for one, token in found}

    def unsent(self) -> int:
        """How many messages were not handled or not sent yet."""
        [(found,)] = self.ask(
            "SELECT (SELECT count(*) FROM inbox WHERE state = 'new')"
            " + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending'))"
        )
        return int(str(found))


async def _handled(child: Child) -> int:
    poster = Poster(child.origin)
    try:
        _, body = await poster.ask("GET", "/metrics")
    finally:
        poster.close()
    return round(
        sum(
            sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == "natiq_messages_handled_total"
        )
    )


@contextlib.asynccontextmanager
async def installation(folder: Path, roles: dict[str, int]) -> AsyncIterator[Installation]:
    """A whole installation, ready.

    Raises:
        PostgresUnavailable, RedisUnavailable: a server is missing here.
    """
    with _servers() as (postgres, redis, database):
        graph = await GraphServer().start()
        async with telegram_server() as telegram:
            made = Installation(
                folder, postgres, redis, database, graph, telegram, Processes(folder)
            )
            try:
                await made.start_all(roles)
                yield made
            finally:
                await made.processes.stop()
                await graph.stop()


@contextlib.contextmanager
def _servers() -> Iterator[tuple[PostgresServer, RedisServer, str]]:
    # It syncs, as the real one does: what was committed must outlive an immediate stop.
    with temporary_postgres("-c", "fsync=on") as postgres, temporary_redis() as redis:
        with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE DATABASE natiq")
        database = make_url(postgres.url).set(database="natiq")
        yield postgres, redis, database.render_as_string(hide_password=False)


@dataclass
class Message:
    """A tap on an entry, and the answer that must come. Times are those of `time.monotonic`."""

    person: str
    answer: str
    body: bytes
    due: float
    accepted: float = 0.0
    sent: float = 0.0
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    before: Message | None = None


_people = iter(range(10**8))


class Traffic:
    """So many people write so many messages each, mixed, over so many seconds (0: as fast as they
    are taken). Each taps entries of the FAQ that differ, so that their answers tell the order."""

    def __init__(self, on: Installation, people: int, each: int, seconds: float) -> None:
        self._on = on
        self.statuses: Counter[int] = Counter()
        self._mark = on.newest()
        answers = approved_answers()
        phones = [f"9665{next(_people):08d}" for _ in range(people)]
        last: dict[str, Message] = {}
        self.messages: list[Message] = []
        places = sorted(
            (number + turn * APART, turn, number)
            for number in range(people)
            for turn in range(each)
        )
        for place, (_, turn, number) in enumerate(places):
            person = phones[number]
            entry, answer = answers[(number + 7 * turn) % len(answers)]
            tap = webhooks.pick(f"faq:{entry}", who=person, at=datetime.now(UTC))
            body = webhooks.spell(
                webhooks.document(messages=[tap], contacts=[webhooks.contact(person)])
            )
            message = Message(person, answer, body, place * seconds / len(places))
            message.before = last.get(person)
            last[person] = message
            self.messages.append(message)
        self.posted = 0

    async def run(self) -> None:
        """Write everything, each message until it is taken."""
        self._begin = time.monotonic()
        waiting = iter(self.messages)
        await asyncio.gather(*(self._post_all(waiting) for _ in range(POSTERS)))

    async def _post_all(self, waiting: Iterator[Message]) -> None:
        poster = Poster(self._on.web.origin)
        try:
            for message in waiting:
                await asyncio.sleep(max(0.0, self._begin + message.due - time.monotonic()))
                if message.before is not None:
                    await message.before.taken.wait()
                await self._post(poster, message)
        finally:
            poster.close()

    async def _post(self, poster: Poster, message: Message) -> None:
        self._on.graph.wrote(message.person)
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": webhooks.sign(message.body),
        }
        ends = time.monotonic() + PATIENCE
        while True:
            self.posted += 1
            try:
                async with asyncio.timeout(60):
                    status, _ = await poster.ask("POST", webhooks.PATH, message.body, headers)
            except (OSError, EOFError, ValueError, TimeoutError):
                status = 0
            self.statuses[status] += 1
            if status == 200:
                break
            assert time.monotonic() < ends, f"a webhook was never taken: {self.statuses}"
            await asyncio.sleep(AGAIN)
        message.accepted = time.monotonic()
        message.taken.set()

    async def until(self, share: float) -> None:
        """Wait until that share was taken."""
        wanted = share * len(self.messages)
        await eventually(
            lambda: sum(one.taken.is_set() for one in self.messages) >= wanted, PATIENCE
        )

    async def answered(self) -> None:
        """Wait until nothing is left to handle or to send.

        Raises:
            AssertionError: nothing was done for `PATIENCE` seconds.
        """
        least, ends = len(self.messages) + 1, 0.0
        while left := await asyncio.to_thread(self._on.unsent):
            self._on.check()
            if left < least:
                least, ends = left, time.monotonic() + PATIENCE
            assert time.monotonic() < ends, f"{left} messages are left, and nobody goes on"
            await asyncio.sleep(0.3)

    def check(self, *, doubled: bool = False) -> None:
        """Nothing lost, nothing out of order, nothing handled twice; nothing sent twice, or, with
        `doubled`, only what the books say may have been."""
        received: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for sent in self._on.graph.sent:
            received[sent.to].append((sent.text.strip(), sent.at))
        wanted: dict[str, list[Message]] = defaultdict(list)
        for message in self.messages:
            wanted[message.person].append(message)
        again = 0
        for person, messages in wanted.items():
            got = received[person]
            again += len(got) - len(messages)
            if doubled:
                got = [one for n, one in enumerate(got) if n == 0 or got[n - 1][0] != one[0]]
            assert [text for text, _ in got] == [message.answer for message in messages]
            for message, (_, at) in zip(messages, got, strict=True):
                message.sent = at
        rows = self._on.rows(self._mark)
        assert len(rows) == len(self.messages)
        assert {(row.state, row.answers) for row in rows} == {("done", 1)}
        assert again <= sum(row.doubled for row in rows)
        if not doubled:
            assert again == 0
        assert not self._on.graph.violations

    @property
    def attempts(self) -> Counter[int]:
        """How many messages took how many attempts to be handled."""
        return Counter(row.attempts for row in self._on.rows(self._mark))

    @property
    def doubled(self) -> int:
        """How many answers may have been sent twice, by the books."""
        return sum(row.doubled for row in self._on.rows(self._mark))

    def delays(self) -> list[float]:
        """Seconds from accepted to sent, in rising order."""
        return sorted(message.sent - message.accepted for message in self.messages)


def told(what: str, traffic: Traffic) -> str:
    """A line of figures about a traffic that is over."""
    delays = traffic.delays()
    return (
        f"{what}: {len(delays)} messages, statuses {dict(traffic.statuses)}, delay in seconds "
        f"p50 {delays[len(delays) // 2]:.2f}, p99 {_at(delays, 0.99):.2f}, most {delays[-1]:.2f}; "
        f"attempts {dict(traffic.attempts)}, maybe doubled {traffic.doubled}"
    )


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]
