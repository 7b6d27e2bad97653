"""What Meta answers instead of taking a message, and what is made of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from bot.channels.whatsapp.errors import channel_error
from bot.channels.whatsapp.graph import Graph
from core.errors import ChannelError
from core.logs import setup_logging
from core.messages import Envelope, Origin, OutboundMessage, text_hash
from tests.support import graph_server as meta
from tests.support.graph_server import GraphServer
from tests.support.graph_webhooks import PERSON, contact, text

WORDS = "جواب لا يظهر في السجلات"


def envelope(who: str = PERSON) -> Envelope:
    message = OutboundMessage(WORDS, Origin("line", "greeting", text_hash(WORDS)), "ar")
    return Envelope(1, 1, who, message)


@pytest.mark.parametrize("code", [131056, 130429, 80007, 4, 131000, 131016, 131057, 1, 2])
def test_what_passes_is_tried_again_after_a_while(code: int) -> None:
    error = channel_error(code, 400)
    assert (error.permanent, error.uncertain, error.window_closed) == (False, False, False)
    assert error.retry_after is not None and error.retry_after >= 5
    assert error.reason == f"meta_{code}"


@pytest.mark.parametrize("code", [190, 0, 3, 10, 200, 299, 368, 131005, 131031, 133010])
def test_trouble_with_the_account_loses_no_message(code: int) -> None:
    error = channel_error(code, 401)
    assert not error.permanent and (error.retry_after or 0) >= 60


@pytest.mark.parametrize(
    "code",
    [100, 33, 131008, 131009, 131021, 131026, 131030, 131051, 132000, 132001, 132012, 132015],
)
def test_what_cannot_be_mended_is_given_up(code: int) -> None:
    assert channel_error(code, 400).permanent


def test_a_closed_window_is_neither() -> None:
    error = channel_error(131047, 400)
    assert error.window_closed and not error.permanent


def test_an_unknown_code_goes_by_the_status() -> None:
    assert channel_error(999_999, 400).permanent
    assert not channel_error(999_999, 500).permanent
    assert not channel_error(999_999, 429, 7.0).permanent
    assert channel_error(999_999, 429, 7.0).retry_after == 7.0
    assert not channel_error(999_999, 401).permanent


async def failing(ministry: Any, graph: GraphServer, fault: Any) -> ChannelError:
    graph.wrote(PERSON)
    graph.faults.append(fault)
    with pytest.raises(ChannelError) as caught:
        await ministry.channel.send(envelope())
    return caught.value


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "half"])
async def test_without_a_whole_answer_it_may_have_been_sent(ministry, graph, fault: str) -> None:
    error = await failing(ministry, graph, fault)
    assert error.uncertain and not error.permanent
    assert len(graph.sent) == (fault != "drop_before")


@pytest.mark.parametrize("fault", ["429", "500"])
async def test_an_answer_of_meta_says_that_it_was_not_sent(ministry, graph, fault: str) -> None:
    error = await failing(ministry, graph, fault)
    assert not error.uncertain and not error.permanent
    assert graph.sent == []


async def test_a_gateway_says_nothing_of_what_happened_behind_it(ministry, graph) -> None:
    error = await failing(ministry, graph, "503")
    assert error.uncertain and error.reason == "http_503"


@pytest.mark.parametrize("fault", ["hang_before", "hang_after"])
async def test_an_answer_that_does_not_come_is_not_waited_for(graph, fault: Any) -> None:
    graph.wrote(PERSON)
    graph.faults.append(fault)
    one = Graph(meta.PHONE_ID, meta.TOKEN, graph.origin, httpx.Timeout(0.2))
    with pytest.raises(ChannelError) as caught:
        await one.send(PERSON, "text", {"body": WORDS})
    assert caught.value.uncertain and caught.value.reason == "read_timeout"
    await one.close()


async def test_where_nobody_listens_nothing_was_sent(graph) -> None:
    origin = graph.origin
    await graph.stop()
    one = Graph(meta.PHONE_ID, meta.TOKEN, origin)
    with pytest.raises(ChannelError) as caught:
        await one.send(PERSON, "text", {"body": WORDS})
    assert not caught.value.uncertain and not caught.value.permanent
    await one.close()


@pytest.mark.parametrize(
    "answer",
    [{}, {"messages": []}, {"messages": [{}]}, {"messages": None}, {"messages": [None]}, [], 7],
)
async def test_a_message_that_was_taken_without_an_id_is_not_sent_twice(
    ministry, graph, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    graph.wrote(PERSON)

    async def taken(_message: Any) -> Any:
        from tests.support.http_server import json_answer

        return json_answer(answer)

    monkeypatch.setattr(graph, "_message", taken)
    assert (await ministry.channel.send(envelope())).external_id is None


async def test_the_requests_go_to_the_set_origin_with_the_version_and_the_token(
    ministry, graph
) -> None:
    graph.wrote(PERSON)
    await ministry.channel.send(envelope())
    [request] = graph.requests
    assert request.path == f"/v26.0/{meta.PHONE_ID}/messages"
    assert request.headers["authorization"] == f"Bearer {meta.TOKEN}"
    assert meta.TOKEN not in request.path


async def test_a_blocked_person_ends_in_a_dead_letter_and_holds_up_nobody(ministry, graph) -> None:
    other = "966500000002"
    graph.refused[PERSON] = 131026
    await ministry.hear(text("سلام"))
    await ministry.hear(text("سلام", who=other), contacts=[contact(other)], who=other)
    await ministry.work()
    assert [sent.to for sent in graph.sent] == [other]
    rows = await ministry.outbox()
    assert {(row.state, row.failure) for row in rows} == {("failed", "meta_131026"), ("sent", None)}


async def test_with_a_wrong_token_messages_wait(ministry, graph, clock) -> None:
    graph.token = "another"
    await ministry.turn(text("سلام"))
    [row] = await ministry.outbox()
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "meta_190", False)
    graph.token = meta.TOKEN
    clock.advance(minutes=5)
    assert [sent.to for sent in await ministry.work()] == [PERSON]


async def test_a_doubled_message_is_marked(ministry, graph, clock) -> None:
    graph.faults.append("drop_after")
    await ministry.turn(text("سلام"))
    clock.advance(minutes=1)
    await ministry.work()
    assert len(graph.to(PERSON)) == 2
    [row] = await ministry.outbox()
    assert row.state == "sent" and row.maybe_doubled


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the loggers as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_no_log_line_holds_token_number_id_or_words(
    capsys: pytest.CaptureFixture[str], restored, ministry, graph, clock
) -> None:
    setup_logging("debug", "json")
    faults: list[Any] = ["500", "503", "drop_before", "drop_after", "half", "429"]
    graph.faults.extend(faults)
    await ministry.hear(text("كلام المواطن"), contacts=[contact(PERSON, "SA.SECRETUSER")])
    for _ in range(12):
        await ministry.work()
        clock.advance(minutes=3)
    graph.token = "another"
    await ministry.turn(text("ثانية"))
    graph.refused[PERSON] = 131026
    graph.token = meta.TOKEN
    clock.advance(minutes=3)
    await ministry.work()
    out = capsys.readouterr()
    said = out.out + out.err
    assert len(said.splitlines()) > 10
    for line in out.err.splitlines():
        json.loads(line)
    secrets = [meta.TOKEN, meta.APP_SECRET, meta.VERIFY_TOKEN, PERSON, "SECRETUSER", "wamid"]
    for secret in [*secrets, "كلام المواطن", "ثانية", meta.PHONE_ID]:
        assert secret not in said
