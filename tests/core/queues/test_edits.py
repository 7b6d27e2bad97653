"""A new wording of a message: handled once, in the place of the old one while that waits."""

from __future__ import annotations

import asyncio

from tests.support.queues import Queues


async def texts(queues: Queues) -> list[str]:
    return [row.text for row in await queues.inbox_rows()]


async def test_an_edit_replaces_what_nobody_began_with(queues: Queues) -> None:
    first = await queues.says("كيف أجدد جوازي", external_id="m")
    edited = await queues.says("كيف أجدد رخصتي", external_id="m-e1", edit_of="m")
    assert edited.duplicate
    assert edited.inbox_id == first.inbox_id
    again = await queues.says("كيف أجدد رخصتي", external_id="m-e1", edit_of="m")
    assert again.inbox_id == first.inbox_id
    assert await texts(queues) == ["كيف أجدد رخصتي"]


async def test_an_edit_afterwards_is_a_message_once(queues: Queues) -> None:
    await queues.says("old", external_id="m")
    await queues.finish(await queues.claim_work())
    for _ in range(3):
        await queues.says("new", external_id="m-e1", edit_of="m")
    assert await texts(queues) == ["old", "new"]


async def test_an_edit_while_it_is_worked_on_is_a_message_of_its_own(queues: Queues) -> None:
    await queues.says("old", external_id="m")
    claimed = await queues.claim_work()
    edited = await queues.says("new", external_id="m-e1", edit_of="m")
    assert not edited.duplicate
    await queues.finish(claimed)
    assert (await queues.claim_work()).row.text == "new"


async def test_an_edit_that_changes_no_word_runs_nothing(queues: Queues) -> None:
    await queues.says("same", external_id="m")
    await queues.finish(await queues.claim_work())
    assert (await queues.says("same", external_id="m-e1", edit_of="m")).duplicate
    assert await queues.inbox.claim() is None


async def test_an_edit_of_a_message_that_we_never_saw_is_a_message(queues: Queues) -> None:
    assert not (await queues.says("new", external_id="m-e1", edit_of="unknown")).duplicate
    assert await texts(queues) == ["new"]


async def test_an_edit_that_races_with_the_worker_is_never_lost(
    queues: Queues, other: Queues
) -> None:
    for number in range(12):
        await queues.says("old", "c", f"m{number}")
        claimed, edited = await asyncio.gather(
            queues.claim_work(),
            other.says("new", "c", f"m{number}-e", edit_of=f"m{number}"),
        )
        await queues.finish(claimed)
        worked = [claimed.row.text]
        if not edited.duplicate:
            again = await queues.claim_work()
            worked.append(again.row.text)
            await queues.finish(again)
        assert worked in (["new"], ["old", "new"]), "whoever is first, the new wording is read"
