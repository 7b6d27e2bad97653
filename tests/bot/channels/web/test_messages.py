"""Accepting messages and reading the history."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import sys
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from core.db.tables import Contact, ConversationRow, InboxRow, OutboxRow
from core.logs import setup_logging
from core.messages import MAX_TEXT, Choice, Link


async def rows(house: Any, table: Any) -> list[Any]:
    async with house.deps.db.read() as session:
        return list(await session.scalars(select(table).order_by(table.id)))


async def test_a_session_stores_nothing_until_its_first_message(
    house: Any, client: httpx.AsyncClient, arrive: Any
) -> None:
    citizen, other = await arrive(), await arrive()
    assert citizen.token != other.token
    assert len(citizen.token) == 43
    assert await citizen.history() == {
        "messages": [],
        "cursor": 0,
        "mode": "bot",
        "waiting": False,
    }
    assert await rows(house, Contact) == []


async def test_the_same_message_three_times_is_one(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    same = str(uuid.uuid4())
    answers = [await citizen.post("مرحبا", id=same) for _ in range(3)]
    assert [a.status_code for a in answers] == [202, 202, 202]
    assert [a.json()["duplicate"] for a in answers] == [False, True, True]
    assert len({a.json()["received_at"] for a in answers}) == 1
    upper = await citizen.post("مرحبا", id=same.upper())
    assert upper.json()["duplicate"] is True
    assert [row.text for row in await rows(house, InboxRow)] == ["مرحبا"]
    shown = (await citizen.history())["messages"]
    assert [(m["direction"], m["id"], m["state"]) for m in shown] == [("in", same, "received")]
    assert shown[0]["at"] == answers[0].json()["received_at"]


async def test_two_sessions_with_the_same_id_do_not_collide(house: Any, arrive: Any) -> None:
    first, second = await arrive(), await arrive()
    same = str(uuid.uuid4())
    assert (await first.post("من الأول", id=same)).json()["duplicate"] is False
    assert (await second.post("من الثاني", id=same)).json()["duplicate"] is False
    assert [m["text"] for m in (await first.history())["messages"]] == ["من الأول"]
    assert [m["text"] for m in (await second.history())["messages"]] == ["من الثاني"]
    assert len(await rows(house, ConversationRow)) == 2


async def test_the_inbox_holds_neither_token_nor_address(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post()
    address = hashlib.sha256(citizen.token.encode()).hexdigest()
    (row,) = await rows(house, InboxRow)
    assert address not in row.external_id and citizen.token not in row.external_id
    async with house.deps.db.read() as session:
        stored = await house.deps.contacts.address_of(session, row.conversation_id)
    assert stored == address


async def test_a_code_is_not_shown_even_before_it_is_handled(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post("482-731 0173-4652", choice="resume")
    assert [row.text for row in await rows(house, InboxRow)] == ["482-731 0173-4652"]
    assert [m["text"] for m in (await citizen.history())["messages"]] == ["482-731 ••••-••••"]


async def test_only_what_was_sent_is_shown(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post("سؤال")
    (conversation,) = await rows(house, ConversationRow)
    (first,) = await house.say(conversation.id, "أُرسل")
    hidden = {}
    for state in ("pending", "sending", "failed"):
        number = await house.answer(conversation.id, f"لم يُرسل: {state}")
        hidden[number] = state
    async with house.deps.db.write() as session:
        for number, state in hidden.items():
            await session.execute(
                update(OutboxRow).where(OutboxRow.id == number).values(state=state)
            )
    history = await citizen.history()
    assert [m["text"] for m in history["messages"]] == ["سؤال", "أُرسل"]
    assert history["cursor"] == first


async def test_a_message_has_all_its_fields_and_no_others(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post("تجديد الجواز", choice="faq:passport-renew", language="ar")
    (conversation,) = await rows(house, ConversationRow)
    await house.answer(
        conversation.id,
        "نص",
        choices=(Choice("v", "اختيار", "شرح"),),
        links=(Link("صفحة", "https://x.example/"),),
    )
    await house.send_all()
    own, answer = (await citizen.history())["messages"]
    assert own["choice"] == "faq:passport-renew" and own["text"] == "تجديد الجواز"
    assert set(own) == {"direction", "id", "at", "text", "choice", "language", "state"}
    assert set(answer) == {
        *("direction", "id", "at", "text", "language", "from", "choices", "links", "state")
    }
    assert answer["from"] == "bot" and answer["state"] == "sent"
    assert answer["choices"] == [{"value": "v", "label": "اختيار", "description": "شرح"}]
    assert answer["links"] == [{"label": "صفحة", "url": "https://x.example/"}]


async def test_history_after_a_cursor(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post("سؤال أول")
    (conversation,) = await rows(house, ConversationRow)
    first, second = await house.say(conversation.id, "جواب أول", "جواب ثان")
    await citizen.post("سؤال ثان")
    news = await citizen.history(after=first)
    assert [m["text"] for m in news["messages"]] == ["جواب ثان", "سؤال ثان"]
    assert news["cursor"] == second
    nothing = await citizen.history(after=second)
    assert [m["text"] for m in nothing["messages"]] == ["سؤال ثان"]
    assert nothing["cursor"] == second


async def test_waiting_and_mode(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    await citizen.post()
    (conversation,) = await rows(house, ConversationRow)
    assert (await citizen.history())["waiting"] is True
    assert await house.handle_all() == 1
    assert (await citizen.history())["waiting"] is False
    assert (await citizen.history())["messages"][0]["state"] == "done"
    await house.answer(conversation.id, "نص")
    assert (await citizen.history())["waiting"] is True
    await house.send_all()
    await house.set_mode(conversation.id, "human")
    history = await citizen.history()
    assert (history["waiting"], history["mode"]) == (False, "human")


async def test_delivered_marks_only_the_sessions_own(house: Any, arrive: Any) -> None:
    citizen, other = await arrive(), await arrive()
    await citizen.post()
    await other.post()
    mine, theirs = await rows(house, ConversationRow)
    (first,) = await house.say(mine.id, "لي")
    (second,) = await house.say(theirs.id, "لغيري")
    unsent = await house.answer(mine.id, "لاحقًا")
    answer = await citizen.client.post(
        "/chat/api/delivered", json={"ids": [first, second, unsent]}, headers=citizen.headers
    )
    assert answer.status_code == 204
    states = {row.id: row.state for row in await rows(house, OutboxRow)}
    assert states == {first: "delivered", second: "sent", unsent: "pending"}
    assert [m["text"] for m in (await citizen.history())["messages"]] == ["مرحبا", "لي"]


async def test_nobody_sees_another_session(house: Any, arrive: Any) -> None:
    citizen, stranger, nobody = await arrive(), await arrive(), await arrive()
    await citizen.post("سر")
    await stranger.post("كلامي")
    first, second = await rows(house, ConversationRow)
    await house.say(first.id, "جواب السر")
    await house.say(second.id, "جواب كلامي")
    texts = [m["text"] for m in (await stranger.history())["messages"]]
    assert texts == ["كلامي", "جواب كلامي"]
    assert (await nobody.history())["messages"] == []


async def test_a_staff_reply_never_carries_a_name(
    house: Any, arrive: Any, staff_name: str, client: httpx.AsyncClient
) -> None:
    citizen = await arrive()
    await citizen.post()
    (conversation,) = await rows(house, ConversationRow)
    await house.answer(conversation.id, "ردّ من موظف", kind="staff")
    await house.send_all()
    (stored,) = await rows(house, OutboxRow)
    assert stored.origin_ref == staff_name  # it is there, so it could have slipped out
    answer = await client.get("/chat/api/messages", headers=citizen.headers)
    assert answer.json()["messages"][1]["from"] == "staff"
    assert staff_name not in answer.text and "origin" not in answer.text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("أ\x00ب", "أب"),
        ("\u202eمقلوب\u202c", "\u202eمقلوب\u202c"),
        ("🙂", "🙂"),
        ("ا" * 20_000, "ا" * MAX_TEXT),
        ("\u200f", "\u200f"),
    ],
)
async def test_odd_texts_are_accepted(house: Any, arrive: Any, text: str, stored: str) -> None:
    citizen = await arrive()
    assert (await citizen.post(text)).status_code == 202
    assert [row.text for row in await rows(house, InboxRow)] == [stored]


async def test_lone_surrogates_are_left_out(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    body = json.dumps({"id": str(uuid.uuid4()), "text": "قبل\ud83dبعد"}).encode("ascii")
    headers = {**citizen.headers, "Content-Type": "application/json; charset=utf-8"}
    answer = await citizen.client.post("/chat/api/messages", content=body, headers=headers)
    assert answer.status_code == 202
    assert [row.text for row in await rows(house, InboxRow)] == ["قبلبعد"]


async def test_logs_carry_neither_token_nor_text(
    house: Any, arrive: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    setup_logging("debug", "json")
    with caplog.at_level(logging.DEBUG):
        citizen = await arrive()
        secret = "رقم هويتي 1234567890"
        await citizen.post(secret)
        await citizen.history()
        await citizen.post("   ")
        for _ in range(25):
            await citizen.post(secret)

        async def broken(*_: object) -> None:
            raise RuntimeError(f"parameters: {secret} {citizen.token}")

        monkeypatch.setattr(house.deps.inbox, "accept", broken)
        other = await arrive()
        answer = await other.post(secret)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    # The client of these tests logs its own requests; what matters is what the server writes.
    ours = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    logged = lines.getvalue() + "\n".join(record.getMessage() for record in ours)
    assert "message accepted" in logged and "chat request failed" in logged
    assert "flood slowed" in logged
    address = hashlib.sha256(citizen.token.encode()).hexdigest()
    for private in (citizen.token, other.token, address, secret, "1234567890"):
        assert private not in logged


async def test_the_inbox_counts_what_came(house: Any, arrive: Any) -> None:
    citizen = await arrive()
    for number in range(5):
        await citizen.post(f"رسالة {number}")
    async with house.deps.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(InboxRow)) == 5
    texts = [m["text"] for m in (await citizen.history())["messages"]]
    assert texts == [f"رسالة {number}" for number in range(5)]
