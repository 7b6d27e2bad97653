"""Decisions for the worker: cached under all they were made with, made in threads, never lost to a
cache that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import ContextVar
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.thinking import Thinking
from bot.understanding import Decision, Grounds, Understanding
from core import metrics
from core.cache import Cache, LocalCache
from core.crypto import Vault
from core.messages import Language
from core.redis_cache import RedisCache
from faq.index import Match, SearchResult
from nlu.interpreter import Entity, ParseResult
from tests.support.forms import FORMS, processes
from tests.support.minds import entry, real_mind
from tests.support.waiting import eventually

DAY = date(2026, 11, 22)
TRACE: ContextVar[str] = ContextVar("trace", default="")


def index(knowledge: str = "kb 1", version: str = "index 1", answer: str = "Answer") -> Any:
    one = entry("faq-a", answer={"ar": answer, "en": answer})
    return SimpleNamespace(knowledge_version=knowledge, version=version, by_id={"faq-a": one})


class Counting:
    """Answers with the entry of the index on whose grounds it decides; counts and can wait."""

    def __init__(self) -> None:
        self.index = index()
        self.day = DAY
        self.model: str | None = "model 1"
        self.entities: tuple[Entity, ...] = ()
        self.made: list[str] = []
        self.traces: list[str] = []
        self.now, self.most = 0, 0
        self.go = threading.Event()
        self.go.set()
        self._lock = threading.Lock()

    def grounds(self) -> Grounds:
        return Grounds(self.index, self.day, self.model)

    def decide(self, text: str, default: Language, grounds: Grounds) -> Decision:
        with self._lock:
            self.made.append(text)
            self.traces.append(TRACE.get())
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(60)
        with self._lock:
            self.now -= 1
        match = Match(grounds.index.by_id["faq-a"], 0.9)
        return Decision(
            "answer",
            "question",
            0.9,
            default,
            False,
            (match,),
            (),
            ParseResult("question", 0.9, (("question", 0.9),), self.entities, default),
            SearchResult((match,), 0.9, 0.9, "answer"),
        )


@pytest.fixture
def understanding() -> Counting:
    return Counting()


class Make:
    """Makes what thinks, each as in a process of its own."""

    def __init__(self, understanding: Counting, vault: Vault) -> None:
        self._understanding, self._vault = understanding, vault
        self.made: list[Thinking] = []

    def __call__(self, cache: Cache, **options: int) -> Thinking:
        made = Thinking(cast(Understanding, self._understanding), cache, self._vault, **options)
        self.made.append(made)
        return made


@pytest.fixture
def make(understanding: Counting, vault: Vault) -> Iterator[Make]:
    maker = Make(understanding, vault)
    yield maker
    understanding.go.set()
    for one in maker.made:
        one.close()


@pytest.fixture(params=FORMS)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with processes(request, LocalCache(), RedisCache) as made:
        yield made()


def counted(result: str) -> float:
    return float(metrics.DECISIONS.labels(result)._value.get())


async def test_what_one_process_decided_another_need_not(
    make: Make, understanding: Counting, cache: Cache
) -> None:
    hits, misses = counted("hit"), counted("miss")
    first = await make(cache).decide("كم الرسوم؟")
    assert await make(cache).decide("  كم الرسوم؟ ") == first, "as it is understood, cleaned"
    assert understanding.made == ["كم الرسوم؟"]
    assert (counted("hit") - hits, counted("miss") - misses) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"index": index(knowledge="kb 2")},
        {"index": index(version="index 2")},
        {"day": date(2026, 11, 23)},
        {"model": "model 2"},
    ],
)
async def test_whatever_it_rests_on_changes_it_is_made_anew(
    make: Make, understanding: Counting, change: dict[str, Any]
) -> None:
    thinking = make(LocalCache())
    await thinking.decide("نص")
    for name, value in change.items():
        setattr(understanding, name, value)
    await thinking.decide("نص")
    assert understanding.made == ["نص", "نص"]


async def test_another_text_or_language_is_another_decision(
    make: Make, understanding: Counting
) -> None:
    thinking = make(LocalCache())
    assert (await thinking.decide("😀", "ar")).language == "ar"
    assert (await thinking.decide("😀", "en")).language == "en"
    await thinking.decide("😀😀", "en")
    assert len(understanding.made) == 3


async def test_a_decision_is_kept_for_what_it_was_made_with(
    make: Make, understanding: Counting
) -> None:
    """The knowledge base is exchanged while the first is under way."""
    thinking = make(LocalCache())
    understanding.go.clear()
    under_way = asyncio.create_task(thinking.decide("نص"))
    await eventually(lambda: understanding.made)
    understanding.index = index("kb 2", "index 2", "New answer")
    understanding.go.set()
    assert (await under_way).matches[0].entry.answer["en"] == "Answer"
    assert (await thinking.decide("نص")).matches[0].entry.answer["en"] == "New answer"
    assert (await thinking.decide("نص")).matches[0].entry.answer["en"] == "New answer"
    assert len(understanding.made) == 2


async def test_what_names_something_or_has_no_version_is_not_kept(
    make: Make, understanding: Counting
) -> None:
    thinking = make(LocalCache())
    understanding.entities = (Entity("ticket_number", "123-456"),)
    for _ in range(2):
        assert (await thinking.decide("123-456")).ticket_number == "123-456"
    understanding.entities, understanding.model = (), None
    for _ in range(2):
        await thinking.decide("نص")
    assert len(understanding.made) == 4


class Broken(LocalCache):
    """Fails, or holds what is damaged."""

    def __init__(self, reading: bytes | None, *, writing: bool) -> None:
        super().__init__()
        self._reading, self._writing = reading, writing

    async def get(self, key: str) -> bytes | None:
        if self._reading is None:
            raise OSError("no cache")
        return self._reading

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        if not self._writing:
            raise OSError("no cache")


@pytest.mark.parametrize(
    ("cache", "result"),
    [
        (Broken(None, writing=False), "error"),
        (Broken(b"\xff damaged", writing=True), "miss"),
        (Broken(b"", writing=False), "miss"),
    ],
)
async def test_a_cache_that_fails_only_costs_time(
    make: Make, understanding: Counting, cache: Cache, result: str
) -> None:
    before = counted(result)
    assert (await make(cache).decide("نص")).outcome == "answer"
    assert understanding.made == ["نص"]
    assert counted(result) - before == 1


async def test_at_most_so_many_are_made_at_once(make: Make, understanding: Counting) -> None:
    thinking = make(LocalCache(), at_once=3)
    understanding.go.clear()
    asked = [asyncio.create_task(thinking.decide(f"نص {number}")) for number in range(10)]
    await eventually(lambda: understanding.now == 3)
    assert len(understanding.made) == 3
    understanding.go.set()
    assert len(await asyncio.gather(*asked)) == 10
    assert (len(understanding.made), understanding.most) == (10, 3)


async def test_the_thread_knows_whose_message_it_is(make: Make, understanding: Counting) -> None:
    TRACE.set("correlation")
    await make(LocalCache()).decide("نص")
    assert understanding.traces == ["correlation"]


async def test_an_error_reaches_the_worker(make: Make, understanding: Counting) -> None:
    understanding.index = replace_entries(understanding.index)
    with pytest.raises(KeyError):
        await make(LocalCache()).decide("نص")


def replace_entries(one: Any) -> Any:
    return SimpleNamespace(**{**vars(one), "by_id": {}})


async def test_it_decides_as_the_model_does_and_reads_it_back(vault: Vault) -> None:
    mind = real_mind()
    thinking = Thinking(mind.understanding, LocalCache(), vault)
    assert mind.faq.index.knowledge_version == mind.faq.knowledge.version
    for text in ("السلام عليكم", "كم رسوم تجديد الجواز؟", "I want to complain", "", "help, fire!"):
        expected = mind.understanding.decide(text)
        assert await thinking.decide(text) == expected
        assert await thinking.decide(text) == expected, "from the cache"
    thinking.close()


def test_it_is_decided_on_the_grounds_that_were_given() -> None:
    mind = real_mind()
    asked: list[date] = []

    def search_many(texts: Sequence[str], today: date) -> list[SearchResult]:
        asked.append(today)
        return [SearchResult((), 0.0, 0.0, "abstain") for _ in texts]

    other = Grounds(cast(Any, SimpleNamespace(search_many=search_many)), DAY, None)
    question = "كم رسوم تجديد الجواز؟"
    assert mind.understanding.decide(question).outcome == "answer"
    assert mind.understanding.decide(question, "ar", other).matches == ()
    assert asked == [DAY]
