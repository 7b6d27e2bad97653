"""The load: its times, its texts, its documents, and that it waits for nobody."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.bench.load import Account, Poster, arrivals, document, messages_at, post_all, sign
from bot.bench.texts import POPULAR, Texts
from bot.channels.whatsapp.graph import Reader
from bot.channels.whatsapp.parse import items_of, phone_id_of, read_message, values_of
from core.crypto import Vault
from core.errors import InputError
from core.messages import InboundMessage, Language
from tests.support.http_server import HttpAnswer, HttpRequest, HttpServer

ACCOUNT = Account("1065", "token", "app-secret", "verify")
PHRASINGS: list[tuple[str, Language]] = [
    *((f"كيف أجدد الوثيقة رقم {number}؟", "ar") for number in range(60)),  # type: ignore[misc]
    *((f"How do I renew document {number}?", "en") for number in range(60)),  # type: ignore[misc]
]


def texts(unique: float = 0.5, seed: int = 1) -> Texts:
    return Texts(PHRASINGS, unique, seed)


def test_arrivals_by_chance_keep_the_rate_and_the_seed() -> None:
    times = arrivals(50, 100, False, 7)
    assert times == sorted(times) and times[0] > 0 and times[-1] < 100
    assert 4600 < len(times) < 5400
    gaps = [late - early for early, late in itertools.pairwise(times)]
    # As many gaps as an exponential distribution has beyond twice the mean: 13.5 %.
    assert 0.11 < sum(gap > 2 / 50 for gap in gaps) / len(gaps) < 0.16
    assert times == arrivals(50, 100, False, 7) != arrivals(50, 100, False, 8)


def test_arrivals_at_even_distances() -> None:
    assert arrivals(4, 2, True, 0) == [number / 4 for number in range(8)]
    assert arrivals(0.1, 1, True, 0) == [0.0], "a run has at least one message"


def test_unique_texts_never_come_twice_and_the_others_are_few() -> None:
    bare = {text for text, _ in PHRASINGS}
    drawn = _draw(texts(unique=1.0), 900)
    assert len(set(drawn)) == 900 and not bare & set(drawn)
    popular = _draw(texts(unique=0.0), 2000)
    assert set(popular) <= bare and len(set(popular)) == POPULAR
    mixed = _draw(texts(unique=0.25), 2000)
    assert 0.2 < sum(text not in bare for text in mixed) / 2000 < 0.3
    assert mixed == _draw(texts(unique=0.25), 2000) != _draw(texts(unique=0.25, seed=2), 2000)


def test_texts_that_run_out_are_said() -> None:
    with pytest.raises(InputError, match="too few"):
        _draw(texts(unique=1.0), 100_000)
    with pytest.raises(InputError, match="no phrasings"):
        Texts([], 0.5, 0)


def _draw(source: Texts, count: int) -> list[str]:
    return [source.draw() for _ in range(count)]


def test_the_documents_are_read_as_those_of_meta() -> None:
    made = messages_at([0.0, 1.0, 2.0], texts(), ACCOUNT, 10, 2)
    assert [one.person for one in made] == ["966500000010", "966500000011", "966500000010"]
    assert b"\\u06" in document(ACCOUNT, "966500000001", "كيف", 1), "spelt as Meta spells it"
    ids = set()
    for one in made:
        assert one.signature == sign(one.body, "app-secret")
        ((field, value),) = values_of(json.loads(one.body))
        assert (field, phone_id_of(value)) == ("messages", "1065")
        (message,) = items_of(value, "messages")
        read = read_message(message, value, Reader("1065"), Vault(b"k" * 32))
        assert isinstance(read, InboundMessage)
        assert read.address == one.person and read.text and read.sent_at is not None
        ids.add(read.external_id)
    assert len(ids) == 3


class Gate:
    """Answers nobody before so many have asked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.requests: list[HttpRequest] = []
        self.opened = asyncio.Event()
        self.status = 200

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        if len(self.requests) >= self.count:
            self.opened.set()
        await self.opened.wait()
        return HttpAnswer(self.status, b"ok")


@pytest.fixture
async def gate() -> AsyncIterator[tuple[Gate, str]]:
    made = Gate(12)
    server = HttpServer(made.answer)
    await server.start()
    yield made, server.origin
    await server.stop()


async def test_nobody_waits_for_an_answer(gate: tuple[Gate, str]) -> None:
    """A load that waited for the first answer would never post the last message."""
    server, origin = gate
    made = messages_at([number / 100 for number in range(12)], texts(), ACCOUNT, 0, 100)
    start = await asyncio.wait_for(post_all(origin, made), 30)
    assert [one.status for one in made] == [200] * 12
    assert [one.due for one in made] == [start + one.at for one in made]
    assert all(one.posted >= one.due for one in made)
    assert all(one.accepted and one.accepted >= made[-1].posted for one in made)
    bodies = {request.body: request.headers["x-hub-signature-256"] for request in server.requests}
    assert bodies == {one.body: one.signature for one in made}


async def test_what_is_refused_or_not_answered_is_told(gate: tuple[Gate, str]) -> None:
    server, origin = gate
    server.status = 503
    made = messages_at([0.0] * 12, texts(), ACCOUNT, 0, 100)
    await asyncio.wait_for(post_all(origin, made), 30)
    assert {(one.status, one.accepted) for one in made} == {(503, None)}
    nobody = messages_at([0.0], texts(), ACCOUNT, 0, 100)
    await asyncio.wait_for(post_all("http://127.0.0.1:9", nobody), 30)
    assert (nobody[0].status, nobody[0].accepted) == (0, None)


async def test_a_connection_that_was_closed_is_replaced() -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(f"http://127.0.0.1:{port}")
    answers: list[Any] = [await poster.ask("GET", "/") for _ in range(3)]
    assert answers == [(200, b"ok")] * 3 and connections == 3
    poster.close()
    server.close()
    await server.wait_closed()
