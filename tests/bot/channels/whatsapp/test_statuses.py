"""What Meta says afterwards of a message that it took: late, twice, in any order."""

from __future__ import annotations

import itertools

import pytest

from tests.support.graph_webhooks import document, post, status, text


async def said(ministry) -> tuple[str, int]:
    [sent] = await ministry.turn(text("سلام"))
    [row] = await ministry.outbox()
    assert row.state == "sent"
    return sent.id, row.id


async def state_of(ministry) -> tuple[str, str | None]:
    [row] = await ministry.outbox()
    return row.state, row.failure


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
async def test_in_any_order_the_latest_counts(ministry, order: tuple[str, ...]) -> None:
    message_id, _ = await said(ministry)
    for state in (*order, *order):
        assert (await ministry.tell(status(message_id, state))).status_code == 200
    assert await state_of(ministry) == ("read", None)


async def test_played_is_read(ministry) -> None:
    message_id, _ = await said(ministry)
    await ministry.tell(status(message_id, "played"))
    assert await state_of(ministry) == ("read", None)


async def test_failed_comes_with_its_reason(ministry) -> None:
    message_id, _ = await said(ministry)
    await ministry.tell(status(message_id, "failed", code=131026))
    assert await state_of(ministry) == ("failed", "meta_131026")


async def test_what_was_read_cannot_fail(ministry) -> None:
    message_id, _ = await said(ministry)
    await ministry.tell(status(message_id, "read"), status(message_id, "failed", code=131026))
    assert await state_of(ministry) == ("read", None)


@pytest.mark.parametrize("errors", [None, [], [{}], [{"code": "x"}], "x"])
async def test_a_failure_without_a_reason_is_a_failure(ministry, errors) -> None:
    message_id, _ = await said(ministry)
    await ministry.tell({**status(message_id, "failed"), "errors": errors})
    assert await state_of(ministry) == ("failed", "meta_failed")


async def test_a_status_that_comes_before_our_own_commit_is_not_lost(ministry, graph) -> None:
    """Meta may speak of a message while its answer to us is still under way."""
    await ministry.hear(text("سلام"))
    take = graph._take

    def speaks_first(payload):
        answer = take(payload)
        early.append(graph.sent[-1].id)
        return answer

    early: list[str] = []
    graph._take = speaks_first
    message = graph._message

    async def answers_late(request):
        answer = await message(request)
        await post(ministry.origin, document(statuses=[status(early[-1], "delivered")]))
        return answer

    graph._message = answers_late
    await ministry.work()
    assert await state_of(ministry) == ("delivered", None)


async def test_statuses_of_others_and_unknown_words_are_counted(ministry, counted) -> None:
    message_id, _ = await said(ministry)
    group = {**status(message_id, "read"), "recipient_type": "group"}
    other_group = {**status(message_id, "read"), "group_id": "Y2FwaV9ncm91cDox"}
    answer = await ministry.tell(
        status("wamid.not-ours", "read"),
        status(message_id, "warning"),
        group,
        other_group,
        {"status": "read"},
    )
    assert answer.status_code == 200
    assert await state_of(ministry) == ("sent", None)
    words = ("status_read", "status_unknown", "group", "unreadable")
    assert [counted(word) for word in words] == [1, 1, 2, 1]
