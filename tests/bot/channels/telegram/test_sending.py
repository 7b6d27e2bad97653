"""Sending: what arrives, within which limits, and what becomes of each refusal."""

from __future__ import annotations

import asyncio

import pytest

from bot.channels.telegram.channel import TelegramChannel
from core.messages import Choice, Link
from core.text.split import units
from tests.support.telegram_line import Line, answer
from tests.support.telegram_server import Fault, TelegramServer

LONG = "faq:" + "long-entry-" * 15


async def last(line: Line):
    return (await line.outbox())[-1]


async def test_content_is_never_taken_for_markup(line: Line, server: TelegramServer) -> None:
    server.meet(5)
    text = "<b>غليظ</b> *bold* _it_ `x` [a](https://example.org) &amp; <script>1</script> \\ %s {x}"
    await line.send(5, text)
    (sent,) = server.sent
    assert sent.text == text
    assert set(sent.parameters) == {"chat_id", "text", "link_preview_options"}


async def test_choices_stand_one_in_a_row_with_links_behind_them(
    line: Line, server: TelegramServer
) -> None:
    server.meet(5)
    both = (
        Choice("faq:a", "الرسوم", "كم رسوم تجديد جواز السفر؟"),
        Choice("faq:b", "المدة", "سؤال طويل " * 20),
        Choice("none", "لا شيء مما سبق"),
    )
    links = (Link("الصفحة", "https://example.org/x"),)
    await line.put(5, answer("أي هذه؟", choices=both, links=links))
    await line.deliver()
    assert server.sent[0].buttons == [
        {"text": "كم رسوم تجديد جواز السفر؟", "callback_data": "faq:a"},
        {"text": "المدة", "callback_data": "faq:b"},
        {"text": "لا شيء مما سبق", "callback_data": "none"},
        {"text": "الصفحة", "url": "https://example.org/x"},
    ]


@pytest.mark.parametrize("value", [LONG, "س" * 33, "@7:0", "faq:" + "x" * 61])
async def test_a_value_beyond_64_bytes_survives_the_tap(
    line: Line, server: TelegramServer, value: str
) -> None:
    server.meet(5)
    await line.send(5, "أي هذه؟", "none", value)
    (sent,) = server.sent
    data = sent.buttons[1]["callback_data"]
    assert 1 <= len(data.encode()) <= 64
    server.taps(sent, data)
    await line.receive()
    (row,) = await line.inbox()
    assert (row.choice, row.text) == (value, "زر 2")


async def test_a_value_of_64_bytes_goes_as_it_is(line: Line, server: TelegramServer) -> None:
    server.meet(5)
    await line.send(5, "أي هذه؟", "faq:" + "x" * 60)
    assert server.sent[0].buttons[0]["callback_data"] == "faq:" + "x" * 60


async def test_a_stale_or_forged_pointer_gets_a_polite_answer(
    line: Line, server: TelegramServer
) -> None:
    for who in (5, 6):
        server.meet(who)
        await line.send(who, "أي هذه؟", f"{LONG}{who}")
    mine, others = server.sent
    forged = [
        others.buttons[0]["callback_data"],
        "@999999:0",
        "@1:99",
        "@1:",
        "@" + "9" * 18 + ":1",
    ]
    for data in forged:
        before = len(server.told(5))
        server.taps(mine, data)
        await line.turn()
        assert (await line.inbox())[-1].choice == data, "another person's choice is not looked up"
        assert len(server.told(5)) == before + 1
    refs = {row.origin_ref for row in (await line.outbox())[2:]}
    assert refs == {"nothing_to_confirm"}


async def test_a_long_text_is_cut_at_sentences_and_stays_in_order(
    line: Line, server: TelegramServer
) -> None:
    server.meet(5)
    sentences = [f"هذه هي الجملة رقم {n} وهي طويلة بما يكفي 😀." for n in range(300)]
    await line.send(5, " ".join(sentences), "none")
    told = server.told(5)
    assert len(told) >= 3
    assert " ".join(told) == " ".join(sentences)
    assert all(units(part) <= 4096 and part.endswith(".") for part in told)
    assert [bool(sent.buttons) for sent in server.sent] == [False] * (len(told) - 1) + [True]


@pytest.mark.parametrize("length, parts", [(4096, 1), (4097, 2)])
async def test_the_longest_text_goes_in_one_part(
    line: Line, server: TelegramServer, length: int, parts: int
) -> None:
    server.meet(5)
    await line.send(5, "😀" * (length // 2) + "x" * (length % 2))
    assert len(server.told(5)) == parts


async def test_thirty_a_second_is_not_overstepped(line: Line, server: TelegramServer) -> None:
    for who in range(100, 200):
        server.meet(who)
        await line.put(who, answer("سلام"))
    began = line.clock()
    await line.deliver()
    assert sorted(sent.chat_id for sent in server.sent) == list(range(100, 200))
    assert server.violations == []
    assert 3 <= (line.clock() - began).total_seconds() < 5, "and the pace is used"


async def test_without_pace_the_server_would_have_refused(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TelegramChannel, "pace", lambda _self: None)
    for who in range(100, 140):
        server.meet(who)
        await line.put(who, answer("سلام"))
    await line.deliver()
    assert server.violations and set(server.violations) == {"too many: all"}
    server.violations.clear()
    assert len({sent.chat_id for sent in server.sent}) == 40, "refused, and sent later"


async def test_one_a_second_in_a_chat(line: Line, server: TelegramServer) -> None:
    server.meet(5)
    for number in range(6):
        await line.put(5, answer(f"{number}"))
    began = line.clock()
    await line.deliver()
    assert server.told(5) == [str(number) for number in range(6)]
    assert (line.clock() - began).total_seconds() >= 5


async def test_twenty_a_minute_in_a_group(line: Line, server: TelegramServer) -> None:
    server.meet(-1005, "supergroup")
    for number in range(25):
        await line.put(-1005, answer(f"{number}"))
    began = line.clock()
    await line.deliver()
    assert server.told(-1005) == [str(number) for number in range(25)]
    assert (line.clock() - began).total_seconds() >= 60


@pytest.mark.parametrize("limit, key", [("CHAT", "chat 5"), ("GROUP", "group -1005")])
async def test_without_the_chats_pace_the_server_would_have_refused(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch, limit: str, key: str
) -> None:
    monkeypatch.setattr(f"bot.channels.telegram.channel.{limit}", (1000, 1.0))
    chat_id = int(key.split()[1])
    server.meet(chat_id, "private" if chat_id > 0 else "supergroup")
    for number in range(25):
        await line.put(chat_id, answer(f"{number}"))
    await line.deliver()
    assert f"too many: {key}" in server.violations
    server.violations.clear()


async def test_no_limit_is_kept_under_a_plain_address(line: Line) -> None:
    from core.messages import Envelope

    for address in ("900100200", "-100900100200"):
        envelope = Envelope(1, 7, address, answer("x"))
        assert not any("900100200" in pace.key for pace in line.telegram.channel.paces(envelope))


async def test_429_waits_as_long_as_telegram_says(line: Line, server: TelegramServer) -> None:
    server.meet(5)
    faults = [Fault("429", retry_after=37)]
    server.fault = lambda _method, _parameters: faults.pop() if faults else None
    await line.put(5, answer("سلام"))
    began = line.clock()
    await line.deliver()
    assert server.told(5) == ["سلام"]
    assert (line.clock() - began).total_seconds() >= 37
    assert not (await last(line)).maybe_doubled


async def test_who_blocked_the_bot_is_a_dead_letter(line: Line, server: TelegramServer) -> None:
    server.meet(5).blocked = True
    await line.send(5, "سلام")
    row = await last(line)
    assert (row.state, row.failure, row.attempts) == ("failed", "blocked", 1)


async def test_an_unknown_chat_is_refused_in_one_word(line: Line, server: TelegramServer) -> None:
    await line.send(404, "سلام")
    row = await last(line)
    assert (row.state, row.failure) == ("failed", "chat_not_found")


async def test_a_refused_button_is_named_without_its_words(
    line: Line, server: TelegramServer
) -> None:
    server.meet(5)
    await line.put(5, answer("سلام", choices=(Choice("none", ""),)))
    await line.deliver()
    row = await last(line)
    assert (row.state, row.failure) == ("failed", "refused")
    assert server.violations
    server.violations.clear()


async def test_a_group_that_moved_is_followed(line: Line, server: TelegramServer) -> None:
    server.meet(-5, "group").moved_to = -1005
    server.meet(-1005, "supergroup")
    for text in ("أول", "ثان"):
        await line.put(-5, answer(text))
    await line.deliver()
    assert server.told(-1005) == ["أول", "ثان"]
    async with line.root.db.read() as session:
        moved = await line.root.contacts.find(session, "telegram", "-1005")
    assert moved == (await last(line)).conversation_id
    tries = [p["chat_id"] for method, p in server.requests if method == "sendMessage"]
    assert tries == ["-5", "-1005", "-1005"], "and the new id is remembered"


@pytest.mark.parametrize("kind", ["500", "502", "drop after", "half", "drop before"])
async def test_without_an_answer_it_may_have_gone_out_twice(
    line: Line, server: TelegramServer, kind
) -> None:
    server.meet(5)
    faults = [Fault(kind)]
    server.fault = lambda _method, _parameters: faults.pop() if faults else None
    await line.send(5, "سلام")
    row = await last(line)
    assert (row.state, row.maybe_doubled, row.attempts) == ("sent", True, 2)
    assert len(server.told(5)) == (2 if kind in ("drop after", "half") else 1)


async def test_no_answer_in_time_is_uncertain(
    line: Line, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line.root.sender, "_timeout", 0.05)
    server.meet(5)
    faults = [Fault("hang after")]
    server.fault = lambda _method, _parameters: faults.pop() if faults else None
    await line.put(5, answer("سلام"))
    assert await line.root.sender.step()
    row = await last(line)
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "timeout", True)


async def test_where_nothing_was_sent_nothing_can_double(
    line: Line, server: TelegramServer
) -> None:
    await server.http.stop()
    await line.put(5, answer("سلام"))
    assert await line.root.sender.step()
    row = await last(line)
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "not_reached", False)


async def test_a_refused_token_loses_nothing(line: Line, server: TelegramServer) -> None:
    server.meet(5)
    token, server.token = server.token, "1:other"
    await line.put(5, answer("سلام"))
    assert await line.root.sender.step()
    row = await last(line)
    assert (row.state, row.failure, row.maybe_doubled) == ("pending", "token_refused", False)
    server.token = token
    await line.deliver()
    assert server.told(5) == ["سلام"]


async def test_a_tap_that_cannot_be_answered_disturbs_nothing(
    line: Line, server: TelegramServer
) -> None:
    server.meet(5)
    await line.send(5, "أي هذه؟", "faq:faq-a")
    server.faulty = ("answerCallbackQuery",)
    server.fault = lambda _method, _parameters: Fault("500")
    server.taps(server.sent[0], "faq:faq-a")
    await line.turn()
    await asyncio.wait_for(line.telegram.receiver.settled(), 30)
    assert len(server.told(5)) == 2
    assert server.taps_answered == []
