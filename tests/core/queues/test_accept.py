"""Accepting: what came is kept, once, whoever gives it how often, and whatever it is made of."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.db.tables import Contact, ConversationRow
from core.messages import MAX_TEXT, InboundMessage
from core.wakeup import INBOX, conversation_topic
from tests.support.clock import START, MovableClock
from tests.support.queues import Queues

ROOT = Path(__file__).resolve().parents[3]


async def _counts(queues: Queues) -> tuple[int, int]:
    async with queues.db.read() as session:
        contacts = await session.scalar(select(func.count()).select_from(Contact))
        conversations = await session.scalar(select(func.count()).select_from(ConversationRow))
    return contacts or 0, conversations or 0


async def test_a_message_is_kept_as_it_came(queues: Queues, clock: MovableClock) -> None:
    message = InboundMessage("web", "id-1", "citizen", "كيف أجدد؟", "faq:1", "ar", START)
    clock.forward(seconds=5)
    accepted = await queues.inbox.accept(message)
    (row,) = await queues.inbox_rows()
    assert not accepted.duplicate
    assert (row.id, row.conversation_id) == (accepted.inbox_id, accepted.conversation_id)
    assert (row.channel, row.external_id, row.text) == ("web", "id-1", "كيف أجدد؟")
    assert (row.choice, row.language, row.sent_at) == ("faq:1", "ar", START)
    assert (row.state, row.attempts, row.received_at) == ("new", 0, clock.now)
    assert row.correlation == accepted.correlation


async def test_the_same_message_three_times_is_one(queues: Queues) -> None:
    first, *again = [await queues.says("same", external_id="x") for _ in range(3)]
    assert [first.duplicate] + [a.duplicate for a in again] == [False, True, True]
    assert {(a.inbox_id, a.correlation) for a in again} == {(first.inbox_id, first.correlation)}
    assert len(await queues.inbox_rows()) == 1


async def test_a_message_that_was_answered_long_ago_is_still_a_duplicate(
    queues: Queues, clock: MovableClock
) -> None:
    await queues.says(external_id="x")
    await queues.finish(await queues.claim_work())
    clock.forward(days=9)
    assert (await queues.says(external_id="x")).duplicate
    assert await queues.inbox.claim() is None


async def test_the_same_id_on_another_channel_is_another_message(queues: Queues) -> None:
    await queues.inbox.accept(InboundMessage("web", "1", "a", "one"))
    other = await queues.inbox.accept(InboundMessage("telegram", "1", "a", "two"))
    assert not other.duplicate
    assert await _counts(queues) == (2, 2)


async def test_two_connections_at_once_make_one_row_one_contact(
    queues: Queues, other: Queues
) -> None:
    for number in range(5):
        both = [queues.says("t", "citizen", f"x{number}") for _ in range(3)]
        both += [other.says("t", "citizen", f"x{number}") for _ in range(3)]
        results = await asyncio.gather(*both)
        assert sum(not result.duplicate for result in results) == 1
        assert len({result.inbox_id for result in results}) == 1
    assert len(await queues.inbox_rows()) == 5
    assert await _counts(queues) == (1, 1)


async def test_first_messages_at_once_make_one_conversation(queues: Queues, other: Queues) -> None:
    for number in range(4):
        who = f"citizen {number}"
        results = await asyncio.gather(*(side.says("t", who) for side in (queues, other) * 3))
        assert len({result.conversation_id for result in results}) == 1
    assert await _counts(queues) == (4, 4)
    assert len(await queues.inbox_rows()) == 24


async def test_two_processes_at_once_make_one_row_each(address: str, queues: Queues) -> None:
    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.accepting", address, "m", "20", "citizen"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def race() -> list[list[list[int]]]:
        processes = [start(), start()]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=60) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], outputs
        return [json.loads(output) for output, _ in outputs]

    first, second = await asyncio.to_thread(race)
    assert [row[:2] for row in first] == [row[:2] for row in second]
    # Each message was new to exactly one of them.
    assert [one[2] + two[2] for one, two in zip(first, second, strict=True)] == [1] * 20
    assert len(await queues.inbox_rows()) == 20
    assert await _counts(queues) == (1, 1)


async def test_a_text_is_cut_at_the_stated_length(queues: Queues) -> None:
    await queues.says("ن" * (MAX_TEXT + 1))
    await queues.says("ن" * MAX_TEXT)
    assert [len(row.text) for row in await queues.inbox_rows()] == [MAX_TEXT, MAX_TEXT]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\x00b", "ab"),
        ("\x00", ""),
        ("a\ud800b", "ab"),
        ("\udc00\ud800", ""),
        ("ok 👍🏽", "ok 👍🏽"),
        ("\u202eabc\u2066", "\u202eabc\u2066"),  # understanding strips these; the record keeps them
    ],
)
async def test_what_no_database_can_store_is_left_out(
    queues: Queues, given: str, kept: str
) -> None:
    await queues.says(given)
    (row,) = await queues.inbox_rows()
    assert row.text == kept


async def test_hostile_ids_and_choices_lose_nothing(queues: Queues) -> None:
    long = "i" * 500
    ids = [long, long + "x", "a\x00b", "a\x00c", "\ud800", "\udfff", "ab"]
    for external_id in ids:
        message = InboundMessage(
            "web", external_id, "citizen", "t", choice="c\x00\ud800" + "d" * 300
        )
        assert not (await queues.inbox.accept(message)).duplicate
        assert (await queues.inbox.accept(message)).duplicate
    rows = await queues.inbox_rows()
    assert len({row.external_id for row in rows}) == len(ids)
    assert all(len(row.external_id) <= 200 for row in rows)
    assert {row.choice for row in rows} == {"c" + "d" * 199}


async def test_an_address_that_is_no_text_still_gets_its_answer(queues: Queues) -> None:
    accepted = await queues.says("t", "\ud800 citizen")
    again = await queues.says("t", "\ud800 citizen")
    assert again.conversation_id == accepted.conversation_id
    await queues.answer(accepted.conversation_id, "جواب")
    assert (await queues.claim_send()).envelope.address == "\ud800 citizen"


async def test_accepting_wakes_the_worker_and_the_watchers_once(queues: Queues) -> None:
    accepted = await queues.says(external_id="x")
    assert await queues.wakeup.wait(INBOX, 0.01)
    watching = asyncio.create_task(
        queues.wakeup.wait(conversation_topic(accepted.conversation_id), 5)
    )
    await asyncio.sleep(0)
    await queues.says(external_id="x")
    assert not await queues.wakeup.wait(INBOX, 0.01), "a duplicate is no work"
    await queues.says(external_id="y")
    assert await watching


async def test_the_last_word_of_a_citizen_is_remembered(
    queues: Queues, clock: MovableClock
) -> None:
    accepted = await queues.says(external_id="x")
    written = clock.now
    clock.forward(hours=3)
    await queues.says(external_id="x")  # the platform's repetition is no new word
    async with queues.db.read() as session:
        row = await session.get(ConversationRow, accepted.conversation_id)
        assert row is not None
        assert row.last_inbound_at == written
