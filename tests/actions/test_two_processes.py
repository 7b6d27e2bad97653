"""Two processes over one database, on SQLite and on PostgreSQL: the same thing at the same moment
happens once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from actions.answering import AnsweredMeanwhileError, BeingAnsweredError
from actions.silence import Silence
from core.errors import ConflictError
from core.messages import Media
from tests.support import files
from tests.support.minds import URGENT, answer, entry, scripted_mind
from tests.support.talk import Talk, refs

PASSWORD = "a long password"
TABLE = {"سؤال": answer("faq-a"), "خطر": URGENT}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty database of this test alone."""
    made: str = request.getfixturevalue(f"{request.param}_address")
    return made


@pytest.fixture
async def both(address: str, tmp_path: Path) -> AsyncIterator[tuple[Talk, Talk]]:
    """Two systems that share a database, a key and nothing else."""
    made = [
        await Talk(tmp_path, scripted_mind([entry("faq-a")], TABLE), database_url=address).start()
        for _ in range(2)
    ]
    yield made[0], made[1]
    for one in made:
        await one.stop()


async def opened(talk: Talk, who: str = "citizen") -> tuple[str, str]:
    said = (await talk.say("خطر", who=who))[-1].text
    found = re.findall(r"\d{4}-\d{4}|\d{3}-\d{3}", said)
    return found[0], found[1]


async def staff(talk: Talk) -> tuple[int, int]:
    add = talk.root.staff.add
    return (
        (await add("نورة", "agent", PASSWORD)).id,
        (await add("عمر", "agent", PASSWORD)).id,
    )


async def test_the_lock_is_given_to_one(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, _ = await opened(here)
    noura, omar = await staff(here)
    for _ in range(5):
        got = await asyncio.gather(
            here.root.tickets.begin_answer(number, noura),
            there.root.tickets.begin_answer(number, omar),
        )
        assert sorted(one.mine for one in got) == [False, True]
        assert len({one.holder for one in got}) == 1
        await here.root.tickets.end_answer(number, noura)
        await there.root.tickets.end_answer(number, omar)


async def test_of_two_replies_at_once_one_is_sent(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, _ = await opened(here)
    noura, omar = await staff(here)
    got = await asyncio.gather(
        here.root.tickets.reply(number, "من نورة", noura, seen=0),
        there.root.tickets.reply(number, "من عمر", omar, seen=0),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in got) == ["AnsweredMeanwhileError", "int"]
    assert len(await here.deliver()) == 1


async def test_the_same_form_sent_twice_is_one_reply(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, _ = await opened(here)
    noura, _ = await staff(here)
    got = await asyncio.gather(
        *(one.root.tickets.reply(number, "الرد", noura, seen=0) for one in (here, there) * 3)
    )
    assert len(set(got)) == 1
    assert [m.text for m in await here.deliver()] == ["الرد"]


async def test_a_reply_against_the_lock_is_refused_by_the_other_process(
    both: tuple[Talk, Talk],
) -> None:
    here, there = both
    number, _ = await opened(here)
    noura, omar = await staff(here)
    await here.root.tickets.begin_answer(number, noura)
    with pytest.raises(BeingAnsweredError):
        await there.root.tickets.reply(number, "من عمر", omar)


async def test_closing_and_opening_again_happen_once(both: tuple[Talk, Talk]) -> None:
    here, _there = both
    number, _ = await opened(here)
    await here.root.tickets.reply(number, "تم", None)
    await here.deliver()
    for act in ("close", "reopen"):
        got = await asyncio.gather(
            *(getattr(one.root.tickets, act)(number, None) for one in both), return_exceptions=True
        )
        assert sum(isinstance(one, ConflictError) for one in got) == 1
    assert refs(await here.deliver()) == ["ticket_closed", "ticket_reopened"]


async def test_silence_is_ended_once(both: tuple[Talk, Talk]) -> None:
    here, _there = both
    number, _ = await opened(here)
    await here.root.tickets.reply(number, "الرد", None)
    await here.deliver()
    for one in both:
        one.clock.advance(hours=12)
    keepers = [
        Silence(
            one.root.db,
            one.root.outbox,
            one.root.catalogue,
            one.root.wakeup,
            timedelta(hours=12),
            {},
            one.clock,
        )
        for one in both
    ]
    assert sum(await asyncio.gather(*(keeper.step() for keeper in keepers))) == 1
    assert refs(await here.deliver()) == ["human_silent_answered"]


async def test_a_ticket_resumed_in_two_places_is_in_one(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, code = await opened(here)
    await here.root.tickets.reply(number, "الرد", None)
    await here.accept(f"{number} {code}", who="laptop")
    await here.accept(f"{number} {code}", who="tablet")
    await asyncio.gather(here.handle(), there.handle())
    for _ in range(6):  # what collided is tried again
        for one in both:
            one.clock.advance(seconds=10)
        await asyncio.gather(here.handle(), there.handle())
    await here.deliver()
    view = await here.root.tickets.show(number)
    assert [event.kind for event in view.events].count("moved") == 2
    staff_said = [e.address for e in here.channel.sent if e.message.text == "الرد"]
    assert "citizen" not in staff_said
    final = (await here.tickets())[0].conversation_id
    last = {(await here.conversation(who)).id: who for who in ("laptop", "tablet")}[final]
    assert staff_said[-1] == last
    assert len(await here.tickets()) == 1


async def test_a_reply_while_the_ticket_moves_arrives_where_it_is(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, code = await opened(here)
    for count in range(4):
        who = f"device {count}"
        await here.accept(f"{number} {code}", who=who)
        await asyncio.gather(here.handle(), there.root.tickets.reply(number, f"رد {count}", None))
        for _ in range(4):
            for one in both:
                one.clock.advance(seconds=10)
            await here.handle()
        await here.deliver()
        reached = [e.address for e in here.channel.sent if e.message.text == f"رد {count}"]
        assert reached[-1] == who


async def test_words_of_replies_and_citizens_are_all_found(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, _ = await opened(here)
    await here.root.tickets.assign(number, (await staff(here))[0], None)
    for count in range(6):
        await here.accept(f"قول{count}")
        await asyncio.gather(here.handle(), there.root.tickets.note(number, f"ملاحظة{count}", None))
    for _ in range(4):
        here.clock.advance(seconds=10)
        await here.handle()
    for count in range(6):
        for word in (f"قول{count}", f"ملاحظة{count}"):
            assert [t.number for t in await here.root.tickets.list(search=word)] == [number], word


async def test_crossing_replies_name_what_happened(both: tuple[Talk, Talk]) -> None:
    here, there = both
    number, _ = await opened(here)
    noura, omar = await staff(here)
    first = await here.root.tickets.reply(number, "الأول", noura, seen=0)
    with pytest.raises(AnsweredMeanwhileError):
        await there.root.tickets.reply(number, "الثاني", omar, seen=0)
    assert await there.root.tickets.reply(number, "الثاني", omar, seen=first) > first


async def test_a_file_is_fetched_kept_or_refused_once(both: tuple[Talk, Talk]) -> None:
    here, there = both
    await opened(here)
    for one in both:
        one.channel.files |= {"good": files.JPEG, "bad": b"<html>"}
    for ref in ("good", "bad") * 3:
        assert refs(await here.send(Media("image", ref))) == ["attached_to_ticket"]
    await asyncio.gather(here.fetch(), there.fetch(), here.fetch(), there.fetch())
    states = sorted(row.state for row in await here.attachments())
    assert states == ["kept"] * 3 + ["refused"] * 3
    assert len(here.channel.fetched) + len(there.channel.fetched) == 6
    assert len(here.stored()) == 3
    said = [*await here.deliver(), *await there.deliver()]
    assert refs(said) == ["attachment_refused"] * 3
    number = (await here.tickets())[0].number
    seen = await there.root.attachments.of_ticket(number)
    assert len(seen) == 6
    kept = next(one for one in seen if one.state == "kept")
    assert (await there.root.attachments.open(number, kept.id))[1].read_bytes() == files.JPEG


async def test_a_dropped_file_leaves_the_disk_whoever_removes_it(both: tuple[Talk, Talk]) -> None:
    here, there = both
    here.channel.files["good"] = files.JPEG
    await here.tap("complaint")
    await here.send(Media("image", "good"))
    await here.fetch()
    assert len(there.stored()) == 1
    await here.say("إلغاء")
    await asyncio.gather(here.fetch(), there.fetch())
    assert there.stored() == []
    assert [row.state for row in await there.attachments()] == ["discarded"]
