"""The webhook from outside: the handshake, the signature, sizes, shapes, repetition."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from tests.support.graph_server import APP_SECRET, VERIFY_TOKEN
from tests.support.graph_webhooks import PATH, document, post, sign, spell, status, text


def asked(**changes: str | None) -> dict[str, str]:
    query: dict[str, str | None] = {
        "hub.mode": "subscribe",
        "hub.verify_token": VERIFY_TOKEN,
        "hub.challenge": "1158201444",
        **{f"hub.{name}": value for name, value in changes.items()},
    }
    return {name: value for name, value in query.items() if value is not None}


async def get(origin: str, query: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"{origin}{PATH}", params=query)


async def test_the_handshake_returns_the_challenge_as_plain_text(ministry) -> None:
    answer = await get(ministry.origin, asked())
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "changes",
    [
        {"verify_token": "wrong"},
        {"verify_token": ""},
        {"verify_token": None},
        {"verify_token": VERIFY_TOKEN + "x"},
        {"verify_token": "رمز"},
        {"mode": "unsubscribe"},
        {"mode": None},
        {"challenge": None},
    ],
)
async def test_a_wrong_handshake_is_refused(ministry, changes: dict[str, Any]) -> None:
    answer = await get(ministry.origin, asked(**changes))
    assert answer.status_code == 403
    assert "1158201444" not in answer.text


async def test_a_rightly_signed_message_is_stored_before_it_is_acknowledged(ministry) -> None:
    answer = await ministry.hear(text("كيف أجدد جوازي؟"))
    assert answer.status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["كيف أجدد جوازي؟"]


def _bad_signatures() -> dict[str, str]:
    body = spell(document(messages=[text("سلام", id="wamid.signed")]))
    right = sign(body)
    readable = json.dumps(json.loads(body), ensure_ascii=False).encode()
    return {
        "missing": "",
        "empty": "sha256=",
        "no prefix": right.removeprefix("sha256="),
        "sha1": right.replace("sha256=", "sha1="),
        "short": right[:-1],
        "long": right + "0",
        "not hexadecimal": "sha256=" + "z" * 64,
        "zeros": "sha256=" + "0" * 64,
        "another secret": sign(body, "another"),
        "no secret": sign(body, ""),
        "the same document spelled otherwise": sign(readable),
        "two": f"{right}, {right}",
    }


@pytest.mark.parametrize("name", _bad_signatures())
async def test_without_the_right_signature_nothing_is_stored(ministry, name: str) -> None:
    body = spell(document(messages=[text("سلام", id="wamid.signed")]))
    answer = await post(ministry.origin, body, signature=_bad_signatures()[name])
    assert answer.status_code in (401, 403)
    assert await ministry.inbox() == []


async def test_the_signature_is_over_the_bytes_not_over_their_meaning(ministry) -> None:
    escaped = spell(document(messages=[text("سؤال/جواب")]))
    assert b"\\u0633" in escaped and b"\\/" in escaped
    assert (await post(ministry.origin, escaped)).status_code == 200
    plain = json.dumps(document(messages=[text("سؤال")]), ensure_ascii=False).encode()
    assert (await post(ministry.origin, plain, signature=sign(escaped))).status_code == 403
    assert (await post(ministry.origin, plain)).status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["سؤال/جواب", "سؤال"]


async def test_a_signature_in_capitals_is_as_good(ministry) -> None:
    body = spell(document(messages=[text("سلام")]))
    loud = "sha256=" + sign(body).removeprefix("sha256=").upper()
    assert (await post(ministry.origin, body, signature=loud)).status_code == 200


async def test_three_megabytes_are_read_and_more_are_refused(ministry, counted) -> None:
    whole = document(messages=[text("كبير")])
    whole["padding"] = ""
    whole["padding"] = "x" * (3 * 1024 * 1024 - len(spell(whole)))
    body = spell(whole)
    assert len(body) == 3 * 1024 * 1024
    assert (await post(ministry.origin, body)).status_code == 200
    longer = body.replace(b'"x', b'"xx', 1)
    assert len(longer) == len(body) + 1
    assert (await post(ministry.origin, longer)).status_code == 413
    assert (await post(ministry.origin, b"x" * (5 * 1024 * 1024))).status_code == 413
    assert counted("too_large") == 2
    assert len(await ministry.inbox()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe\xfd",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
async def test_signed_nonsense_is_refused_and_counted(ministry, counted, body: bytes) -> None:
    assert (await post(ministry.origin, body)).status_code == 400
    assert counted("malformed") == 1


SHAPES: list[Any] = [
    None,
    1,
    "x",
    [],
    {},
    {"entry": None},
    {"entry": {}},
    {"entry": [None]},
    {"entry": [{"changes": "x"}]},
    {"entry": [{"changes": [[]]}]},
    {"entry": [{"changes": [{"field": "messages"}]}]},
    {"entry": [{"changes": [{"field": ["messages"], "value": {}}]}]},
    {"entry": [{"changes": [{"field": "messages", "value": {"metadata": []}}]}]},
]


@pytest.mark.parametrize("shape", SHAPES, ids=json.dumps)
async def test_any_other_document_is_acknowledged_and_counted(ministry, counted, shape) -> None:
    assert (await post(ministry.origin, shape)).status_code == 200
    words = ("unreadable", "other_field", "other_number", "empty")
    assert sum(counted(word) for word in words) == 1
    assert await ministry.inbox() == []


async def test_what_is_for_another_number_is_left_alone(ministry, counted) -> None:
    for_another = document(messages=[text("سلام")], phone_id="999")
    assert (await post(ministry.origin, for_another)).status_code == 200
    assert await ministry.inbox() == []
    assert counted("other_number") == 1


async def test_one_unreadable_message_does_not_lose_the_others(ministry, counted) -> None:
    bad: list[Any] = [
        None,
        7,
        {"type": "text", "text": {"body": "بلا رقم"}},
        {"id": 5, "type": "text"},
        {"id": "wamid.x", "from": "", "type": "text"},
    ]
    batch = document(messages=[text("أول"), *bad, text("ثان")])
    batch["entry"][0]["changes"][0]["value"]["contacts"] = []
    assert (await post(ministry.origin, batch)).status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["أول", "ثان"]
    assert counted("unreadable") == len(bad)


async def test_several_entries_and_changes_are_all_taken(ministry) -> None:
    first, second = document(messages=[text("أول")]), document(messages=[text("ثان")])
    first["entry"] += second["entry"]
    third = document(messages=[text("ثالث")])
    first["entry"][0]["changes"] += third["entry"][0]["changes"]
    assert (await post(ministry.origin, first)).status_code == 200
    assert sorted(row.text for row in await ministry.inbox()) == sorted(["أول", "ثان", "ثالث"])


async def test_when_it_cannot_be_stored_meta_is_asked_to_repeat(
    ministry, counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = document(messages=[text("مهم")])
    right = ministry.root.inbox.accept

    async def broken(_message: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(ministry.root.inbox, "accept", broken)
    assert (await post(ministry.origin, sent)).status_code == 503
    assert await ministry.inbox() == []
    assert counted("not_stored") == 1
    monkeypatch.setattr(ministry.root.inbox, "accept", right)
    assert (await post(ministry.origin, sent)).status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["مهم"]


async def test_what_was_stored_before_the_trouble_is_not_stored_again(
    ministry, counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = document(messages=[text("أول"), text("ثان")])
    right = ministry.root.inbox.accept

    async def breaks_at_the_second(message: Any) -> Any:
        if message.text == "ثان":
            raise OperationalError("INSERT", {}, Exception("disk full"))
        return await right(message)

    monkeypatch.setattr(ministry.root.inbox, "accept", breaks_at_the_second)
    assert (await post(ministry.origin, batch)).status_code == 503
    monkeypatch.setattr(ministry.root.inbox, "accept", right)
    assert (await post(ministry.origin, batch)).status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["أول", "ثان"]
    assert (counted("message"), counted("duplicate")) == (2, 1)


async def test_three_times_the_same_document_is_one_message(ministry, counted) -> None:
    sent = document(messages=[text("مرة واحدة")])
    answers = await asyncio.gather(*(post(ministry.origin, sent) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len(await ministry.inbox()) == 1
    assert (counted("message"), counted("duplicate")) == (1, 2)


async def test_two_processes_that_get_the_same_answer_once(open_ministry, graph) -> None:
    one, other = await open_ministry(), await open_ministry()
    graph.wrote("966500000001")
    sent = document(messages=[text("سؤال")])
    answers = await asyncio.gather(
        *(post(house.origin, sent) for house in (one, other, one, other))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    await asyncio.gather(one.work(), other.work())
    assert len(graph.sent) == 1
    assert len(await one.inbox()) == 1


async def test_days_late_and_out_of_order_is_answered_once_each(ministry, clock, graph) -> None:
    said_at = clock()
    clock.advance(days=6)
    graph.wrote("966500000001")
    late = [document(messages=[text(f"سؤال {n}", at=said_at)]) for n in range(3)]
    for sent in (late[2], late[0], late[1], late[0], late[2]):
        assert (await post(ministry.origin, sent)).status_code == 200
    assert [row.text for row in await ministry.inbox()] == ["سؤال 2", "سؤال 0", "سؤال 1"]


async def test_statuses_and_messages_of_one_document_are_all_taken(ministry, counted) -> None:
    both = document(messages=[text("سلام")], statuses=[status("wamid.unknown", "read")])
    assert (await post(ministry.origin, both)).status_code == 200
    assert (counted("message"), counted("status_read")) == (1, 1)


async def test_without_its_settings_the_webhook_is_not_there(open_ministry, tmp_path) -> None:
    from bot.root import build_app
    from bot.web.app import create_web
    from core.settings import Settings
    from tests.support.minds import scripted_mind

    settings = Settings(_env_file=None, data_dir=tmp_path / "off", secret_key="k" * 40)
    root = build_app(settings, mind=scripted_mind([], {}))
    transport = httpx.ASGITransport(app=create_web(root))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        body = spell(document(messages=[text("سلام")]))
        headers = {"X-Hub-Signature-256": sign(body, APP_SECRET)}
        assert (await client.post(PATH, content=body, headers=headers)).status_code == 404
        assert (await client.get(PATH, params=asked())).status_code == 404
    await root.stop()
