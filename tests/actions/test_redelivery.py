"""What could not be delivered: who is told, sending it again, and taking note of it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from actions.redelivery import Redelivery
from actions.undelivered import count_undelivered, undelivered
from core.db.tables import OutboxRow
from core.errors import ConflictError, NotFoundError
from tests.support.talk import Talk

PASSWORD = "a long password"


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة الحربي", "agent", PASSWORD)).id


@pytest.fixture
async def omar(talk: Talk) -> int:
    return (await talk.root.staff.add("Omar Said", "agent", PASSWORD)).id


@pytest.fixture
def redelivery(talk: Talk) -> Redelivery:
    root = talk.root
    return Redelivery(root.db, root.outbox, root.wakeup, talk.clock)


async def fail(talk: Talk, outbox_id: int) -> None:
    """The channel gave this message up."""
    async with talk.root.db.write() as session:
        await session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == outbox_id)
            .values(state="failed", failure="blocked_by_user")
        )


async def count(talk: Talk, staff_id: int) -> int:
    async with talk.root.db.read() as session:
        return await count_undelivered(session, staff_id)


async def listed(talk: Talk) -> list[int]:
    async with talk.root.db.read() as session:
        return list(await session.scalars(select(OutboxRow.id).where(undelivered())))


async def test_the_writer_is_told_and_sends_it_again(
    talk: Talk, redelivery: Redelivery, noura: int, omar: int, opened
) -> None:
    number = (await opened(talk)).number
    first = await talk.root.tickets.reply(number, "ردي", noura)
    assert await count(talk, noura) == 0
    await fail(talk, first)
    assert (await count(talk, noura), await count(talk, omar)) == (1, 0)
    assert await listed(talk) == [first]

    second = await redelivery.send_again(number, first, omar)
    (said,) = await talk.deliver()
    assert (said.text, said.origin.kind, said.origin.ref) == ("ردي", "staff", number)
    assert (await count(talk, noura), await listed(talk)) == (0, [])
    rows = {row.id: row for row in await talk.outbox()}
    assert rows[first].state == "failed", "what happened is not rewritten"
    assert rows[second].approved_hash == rows[first].approved_hash
    events = (await talk.root.tickets.show(number)).events
    assert [(e.kind, e.staff) for e in events][-1] == ("resent", "Omar Said")

    # When it fails once more, its writer is told once more.
    await fail(talk, second)
    assert (await count(talk, noura), await listed(talk)) == (1, [second])


async def test_it_is_sent_again_once_however_many_ask(
    talk: Talk, redelivery: Redelivery, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    outbox_id = await talk.root.tickets.reply(number, "ردي", noura)
    await fail(talk, outbox_id)
    done = await asyncio.gather(
        *(redelivery.send_again(number, outbox_id, noura) for _ in range(4)),
        redelivery.drop(number, outbox_id, noura),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ConflictError) for result in done) == 4
    assert len([row for row in await talk.outbox() if row.origin_kind == "staff"]) <= 2


async def test_a_failure_that_was_noted_is_listed_no_longer(
    talk: Talk, redelivery: Redelivery, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    outbox_id = await talk.root.tickets.reply(number, "ردي", noura)
    await fail(talk, outbox_id)
    await redelivery.drop(number, outbox_id, noura)
    assert (await count(talk, noura), await listed(talk)) == (0, [])
    with pytest.raises(ConflictError):
        await redelivery.send_again(number, outbox_id, noura)


async def test_after_closing_it_is_still_listed(
    talk: Talk, redelivery: Redelivery, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    outbox_id = await talk.root.tickets.reply(number, "ردي", noura)
    await talk.root.tickets.close(number, noura)
    await fail(talk, outbox_id)
    assert (await count(talk, noura), await listed(talk)) == (1, [outbox_id])


async def test_only_failed_messages_of_this_ticket(
    talk: Talk, redelivery: Redelivery, noura: int, opened
) -> None:
    number = (await opened(talk)).number
    other = (await opened(talk, who="another")).number
    sent = await talk.root.tickets.reply(number, "ردي", noura)
    with pytest.raises(ConflictError):
        await redelivery.send_again(number, sent, noura)
    await fail(talk, sent)
    for wrong_number, wrong_id in ((other, sent), (number, 10_000), ("000-000", sent)):
        with pytest.raises(NotFoundError):
            await redelivery.send_again(wrong_number, wrong_id, noura)
        with pytest.raises(NotFoundError):
            await redelivery.drop(wrong_number, wrong_id, noura)
    bots = next(row for row in await talk.outbox() if row.ticket_id is None)
    await fail(talk, bots.id)
    assert await listed(talk) == [sent], "the bot's own messages are nobody's to send again"
