"""A text that is too long for its channel: several messages, in order, that fail together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.messages import Choice, Link, Origin, OutboundMessage, Template, text_hash
from core.queues.outbox import Outbox
from core.queues.parts import TextLimits, parts_of
from core.text.split import units
from tests.support.clock import MovableClock
from tests.support.queues import CHANNELS, Queues

LONG = "جملة أولى طويلة. " * 6 + "وهذه هي الأخيرة."
CHOICES = (Choice("yes", "نعم"), Choice("no", "لا"))
LINKS = (Link("الخدمة", "https://services.example"),)


def message(text: str = LONG, **more: object) -> OutboundMessage:
    return OutboundMessage(text, Origin("faq", "long", text_hash(text)), "ar", **more)  # type: ignore[arg-type]


@pytest.fixture
async def queues(queues: Queues) -> Queues:
    """As on a platform that takes 50 units, and 30 with buttons."""
    queues.limits = {"web": TextLimits(50, 30)}
    queues.outbox = Outbox(queues.db, queues.contacts, queues.clock, queues.limits)
    return queues


@pytest.fixture
async def conversation(queues: Queues) -> int:
    return (await queues.says("سؤال", "citizen")).conversation_id


async def put(queues: Queues, conversation: int, one: OutboundMessage) -> int:
    async with queues.db.write() as session:
        return await queues.outbox.put(session, conversation, one, correlation="c")


def test_what_fits_is_one_message_as_it_is() -> None:
    short = message("قصير", choices=CHOICES, links=LINKS)
    assert parts_of(short, TextLimits(50, 30)) == [short]
    long = message(choices=CHOICES)
    assert parts_of(long, None) == [long]


def test_buttons_and_links_stay_with_the_end() -> None:
    parts = parts_of(message(choices=CHOICES, links=LINKS), TextLimits(50, 30))
    assert len(parts) > 2
    assert all(units(part.text) <= 50 for part in parts)
    assert units(parts[-1].text) <= 30
    assert " ".join(part.text for part in parts) == LONG
    assert {(part.choices, part.links) for part in parts[:-1]} == {((), ())}
    assert (parts[-1].choices, parts[-1].links) == (CHOICES, LINKS)
    assert {part.origin for part in parts} == {message().origin}


def test_links_that_stand_in_the_text_take_their_room() -> None:
    limits = TextLimits(100, 60, links_in_text=True)
    parts = parts_of(message(links=LINKS, choices=CHOICES), limits)
    as_sent = f"{parts[-1].text}\n\n{LINKS[0].label}\n{LINKS[0].url}"
    assert units(as_sent) <= 60
    assert len(parts_of(message(LONG[:90], links=LINKS), limits)) == 2


def test_a_template_is_never_cut() -> None:
    one = message(template=Template("t", (), "read_reply"))
    assert parts_of(one, TextLimits(50, 30)) == [one]


async def test_the_parts_go_out_in_order_between_their_neighbours(
    queues: Queues, conversation: int
) -> None:
    await queues.answer(conversation, "before")
    last = await put(queues, conversation, message(choices=CHOICES))
    await queues.answer(conversation, "after")
    rows = await queues.outbox_rows()
    assert rows[-2].id == last
    assert [row.text_hash for row in rows] == [text_hash(row.payload["text"]) for row in rows]
    seen = []
    while (claimed := await queues.outbox.claim(CHANNELS)) is not None:
        seen.append(claimed.envelope.message)
        await queues.outbox.sent(claimed, None)
    assert (seen[0].text, seen[-1].text) == ("before", "after")
    assert " ".join(one.text for one in seen[1:-1]) == LONG
    assert [bool(one.choices) for one in seen] == [False] * (len(seen) - 2) + [True, False]


@pytest.mark.parametrize("broken", [0, 1])
async def test_after_a_part_that_failed_its_rest_does_not_go_out(
    queues: Queues, conversation: int, broken: int
) -> None:
    await put(queues, conversation, message())
    await queues.answer(conversation, "another")
    parts = len(await queues.outbox_rows()) - 1
    for _ in range(broken):
        await queues.outbox.sent(await queues.claim_send(), None)
    await queues.outbox.give_up(await queues.claim_send(), "refused")
    assert (await queues.claim_send()).envelope.message.text == "another"
    rows = await queues.outbox_rows()
    assert [(row.state, row.failure) for row in rows] == [
        *[("sent", None)] * broken,
        ("failed", "refused"),
        *[("failed", "earlier_part")] * (parts - broken - 1),
        ("sending", None),
    ]


async def test_the_rest_of_one_text_does_not_fail_with_another(
    queues: Queues, conversation: int
) -> None:
    await put(queues, conversation, message())
    await put(queues, conversation, message())
    count = len(await queues.outbox_rows()) // 2
    await queues.outbox.give_up(await queues.claim_send(), "refused")
    rows = await queues.outbox_rows()
    assert [row.state for row in rows] == ["failed"] * count + ["pending"] * count


async def test_a_part_that_waits_holds_its_rest_back(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await put(queues, conversation, message())
    claimed = await queues.claim_send()
    await queues.outbox.postpone(claimed, timedelta(seconds=9), "busy", uncertain=False)
    assert await queues.outbox.claim(CHANNELS) is None
    clock.forward(seconds=9)
    assert (await queues.claim_send()).envelope.outbox_id == claimed.envelope.outbox_id


async def test_putting_off_for_the_pace_counts_no_attempt(
    queues: Queues, conversation: int, clock: MovableClock
) -> None:
    await queues.answer(conversation, "1", "2")
    for _ in range(3):
        claimed = await queues.claim_send()
        assert (claimed.envelope.message.text, claimed.attempt) == ("1", 1)
        await queues.outbox.defer(claimed, timedelta(seconds=2))
        assert await queues.outbox.next_due(CHANNELS) == clock.now + timedelta(seconds=2)
        assert await queues.outbox.claim(CHANNELS) is None
        clock.forward(seconds=2)
    await queues.outbox.sent(await queues.claim_send(), None)
    row = (await queues.outbox_rows())[0]
    assert (row.state, row.attempts, row.maybe_doubled) == ("sent", 1, False)


async def test_when_something_is_due_next(queues: Queues, clock: MovableClock) -> None:
    assert await queues.outbox.next_due(CHANNELS) is None
    first = (await queues.says("q", "one")).conversation_id
    second = (await queues.says("q", "two")).conversation_id
    await queues.answer(first, "a", "b")
    await queues.answer(second, "c")
    for seconds in (30, 20):
        claimed = await queues.claim_send()
        await queues.outbox.postpone(claimed, timedelta(seconds=seconds), "busy", uncertain=False)
    assert await queues.outbox.next_due(CHANNELS) == clock.now + timedelta(seconds=20), (
        "b was put in earlier, but waits behind a"
    )
    assert await queues.outbox.next_due(["telegram"]) is None
