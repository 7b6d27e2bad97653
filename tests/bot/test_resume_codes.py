"""The secret code of a ticket: who guesses it finds nothing, and it does not lie around."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from actions.resume import PER_CONVERSATION, PER_TICKET
from core.db.tables import ConversationRow, LoginAttemptRow, TicketRow
from tests.support.minds import action
from tests.support.resuming import (
    LAPTOP,
    PASSWORD,
    PHONE,
    TABLE,
    free_number,
    opened,
    other_code,
    place_of,
    texts,
)
from tests.support.talk import Talk, refs


@pytest.fixture
async def talk(script) -> Talk:
    return await script(TABLE)


@pytest.fixture
async def noura(talk: Talk) -> int:
    return (await talk.root.staff.add("نورة", "agent", PASSWORD)).id


# -- who guesses --------------------------------------------------------------------------------


async def test_a_wrong_code_and_a_wrong_number_are_answered_alike(talk: Talk) -> None:
    number, code = await opened(talk)
    wrong_code = await talk.say(f"{number} {other_code(code)}", who=LAPTOP)
    no_such = await talk.say(f"{free_number(number)} {code}", who=LAPTOP)
    assert refs(wrong_code) == refs(no_such) == ["resume_wrong"]
    assert texts(wrong_code) == texts(no_such)
    assert await place_of(talk, number) == (await talk.conversation(PHONE)).id


async def test_the_code_of_one_ticket_opens_no_other(talk: Talk) -> None:
    first, code = await opened(talk)
    second, _ = await opened(talk, "somebody else")
    assert refs(await talk.say(f"{second} {code}", who=LAPTOP)) == ["resume_wrong"]
    assert refs(await talk.say(f"{first} {code}", who=LAPTOP))[0] == "resumed"


async def test_after_five_guesses_the_right_code_has_to_wait(talk: Talk) -> None:
    number, code = await opened(talk)
    for _ in range(PER_CONVERSATION):
        assert refs(await talk.say(f"{number} 0000 0000", who=LAPTOP)) == ["resume_wrong"]
        talk.clock.advance(minutes=1)
    (said,) = await talk.say(f"{number} {code}", who=LAPTOP)
    assert said.origin.ref == "resume_wait"
    # The first guess is forgotten an hour after it, and no earlier.
    talk.clock.advance(minutes=60 - PER_CONVERSATION, seconds=-1)
    assert refs(await talk.say(f"{number} {code}", who=LAPTOP)) == ["resume_wait"]
    talk.clock.advance(seconds=1)
    assert refs(await talk.say(f"{number} {code}", who=LAPTOP))[0] == "resumed"


async def test_guesses_from_everywhere_are_counted_for_the_ticket(talk: Talk) -> None:
    number, code = await opened(talk)
    for count in range(PER_TICKET):
        await talk.say(f"{number} {count:04d} 0000", who=f"guesser {count}")
    assert refs(await talk.say(f"{number} {code}", who=LAPTOP)) == ["resume_wait"]
    other, its_code = await opened(talk, "somebody else")
    assert refs(await talk.say(f"{other} {its_code}", who=LAPTOP))[0] == "resumed"


async def test_success_forgets_the_guesses_of_the_conversation(talk: Talk) -> None:
    number, code = await opened(talk)
    for _ in range(3):
        for _ in range(PER_CONVERSATION - 1):
            await talk.say(f"{number} 0000 0000", who=LAPTOP)
        assert refs(await talk.say(f"{number} {code}", who=LAPTOP))[0] == "resumed"
    assert len(await talk.rows(LoginAttemptRow)) == 3 * (PER_CONVERSATION - 1)


async def test_a_long_message_that_happens_to_hold_such_digits_is_what_it_says(talk: Talk) -> None:
    number, _ = await opened(talk)
    text = (
        "أكتب إليكم بخصوص موضوعي القديم الذي تأخر كثيرًا جدًا منذ الشهر الماضي "
        f"ورقمه {number} وهاتفي 5512 3456 وشكرًا لكم على الاهتمام"
    )
    said = await talk.say(text, who=LAPTOP)
    assert not {"resume_wrong", "resumed"} & set(refs(said))
    assert (await talk.inbox())[-1].text == text


async def test_under_a_human_wrong_digits_are_words_to_staff(talk: Talk, noura: int) -> None:
    number, code = await opened(talk)
    await talk.root.tickets.assign(number, noura, noura)
    text = f"{number} {other_code(code)}"
    assert await talk.say(text, who=PHONE) == []
    assert text in [u.text for u in (await talk.root.tickets.show(number)).conversation]
    # But they count.
    assert len(await talk.rows(LoginAttemptRow)) == 2


async def test_an_old_ticket_without_a_code_cannot_be_resumed(talk: Talk) -> None:
    number, code = await opened(talk)
    async with talk.root.db.write() as session:
        await session.execute(update(TicketRow).values(code_hash=None))
    assert refs(await talk.say(f"{number} {code}", who=LAPTOP)) == ["resume_wrong"]


# -- the code does not lie around ---------------------------------------------------------------


async def test_the_code_is_blanked_right_or_wrong(talk: Talk) -> None:
    number, code = await opened(talk)
    await talk.say(f"{number} {other_code(code)}", who=LAPTOP)
    await talk.say(f"{number} {code}", who=LAPTOP)
    assert [row.text for row in (await talk.inbox())[-2:]] == [f"{number} ••••-••••"] * 2


async def test_logs_do_not_hold_it(talk: Talk, capsys: pytest.CaptureFixture[str]) -> None:
    number, code = await opened(talk)
    await talk.say(f"{number} {other_code(code)}", who=LAPTOP)
    await talk.say(f"{number} {code}", who=LAPTOP)
    written = "".join(capsys.readouterr())
    assert "ticket resumed" in written
    assert "ticket not resumed" in written
    for secret in (code, code.replace("-", ""), other_code(code), number):
        assert secret not in written


async def test_a_message_that_cannot_be_handled_keeps_no_code(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, code = await opened(talk)

    async def broken(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("actions.moving.move", broken)
    await talk.accept(f"{number} {code}", who=LAPTOP)
    for _ in range(5):
        await talk.handle()
        talk.clock.advance(minutes=1)
    assert refs(await talk.deliver()) == ["ticket_opened_unhandled"]
    new = (await talk.tickets())[-1]
    assert await talk.statement(new) == f"{number} ••••-••••"
    assert (await talk.inbox())[-1].text == f"{number} ••••-••••"


async def test_status_of_anothers_number_says_how_to_follow_it(talk: Talk) -> None:
    number, _ = await opened(talk)
    talk.mind.understanding.table[f"وش صار على {number}"] = action("status", number)  # type: ignore[attr-defined]
    (said,) = await talk.say(f"وش صار على {number}", who=LAPTOP)
    assert said.origin.ref == "status_not_yours"
    assert "رمزه السري" in said.text


async def test_the_lease_of_a_place_that_was_left_is_given_back(talk: Talk, noura: int) -> None:
    """Nothing stays locked: the former conversation goes on with the bot at once."""
    number, code = await opened(talk)
    await talk.root.tickets.reply(number, "في الطريق", noura)
    assert await talk.root.outbox.claim(["test"]) is not None
    await talk.say(f"{number} {code}", who=LAPTOP)
    (former,) = await talk.rows(
        ConversationRow, ConversationRow.id == (await talk.conversation(PHONE)).id
    )
    assert former.send_until is None
    assert refs(await talk.say("سؤال", who=PHONE)) == ["faq-a"]
