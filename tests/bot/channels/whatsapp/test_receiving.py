"""What people send, and what of it becomes a message of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.db.tables import Contact
from tests.support.graph_webhooks import (
    PERSON,
    USER_ID,
    contact,
    document,
    file,
    message,
    pick,
    post,
    spell,
    tap,
    template_tap,
    text,
)

PLACE = {"latitude": 24.7136, "longitude": 46.6753, "name": "الفرع", "address": "شارع العليا"}
CARD = [
    {
        "name": {"formatted_name": "سالم العمري", "first_name": "سالم"},
        "phones": [{"phone": "+966 50 000 0009", "type": "MOBILE"}],
    }
]


async def test_a_text_with_its_time_and_without_any_name_of_meta(ministry) -> None:
    at = datetime(2026, 11, 22, 6, 29, 58, tzinfo=UTC)
    await ministry.hear(text("أين أقرب فرع؟", at=at, id="wamid.SECRET-966500000001"))
    [row] = await ministry.inbox()
    assert (row.channel, row.text, row.choice, row.media) == (
        "whatsapp",
        "أين أقرب فرع؟",
        None,
        None,
    )
    assert row.sent_at == at
    assert len(row.external_id) == 32 and "SECRET" not in row.external_id


@pytest.mark.parametrize("made", [tap, pick, template_tap])
async def test_a_tap_is_a_choice_with_the_words_of_its_button(ministry, made: Any) -> None:
    await ministry.hear(made("faq:passport-renew", "تجديد الجواز"))
    [row] = await ministry.inbox()
    assert (row.choice, row.text, row.media) == ("faq:passport-renew", "تجديد الجواز", None)


FILES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        file("image", "111", "image/jpeg", caption="صورة الحفرة"),
        {"kind": "image", "ref": "111", "mime": "image/jpeg", "name": ""},
        "صورة الحفرة",
    ),
    (
        file("audio", "112", "audio/ogg; codecs=opus", voice=True),
        {"kind": "voice", "ref": "112", "mime": "audio/ogg; codecs=opus"},
        "",
    ),
    (file("audio", "113", "audio/mpeg", voice=False), {"kind": "audio", "ref": "113"}, ""),
    (file("audio", "114", "audio/mpeg"), {"kind": "audio", "ref": "114"}, ""),
    (
        file("video", "115", "video/mp4", caption="مقطع"),
        {"kind": "video", "ref": "115", "mime": "video/mp4"},
        "مقطع",
    ),
    (
        file("document", "116", "application/pdf", filename="عقد.pdf", caption="العقد"),
        {"kind": "document", "ref": "116", "name": "عقد.pdf", "mime": "application/pdf"},
        "العقد",
    ),
    (file("sticker", "117", "image/webp"), {"kind": "sticker", "ref": "117"}, ""),
    (message("location", PLACE), {"kind": "location", "ref": None, "details": PLACE}, ""),
    (
        message("contacts", CARD),
        {
            "kind": "contact",
            "ref": None,
            "details": {"name": "سالم العمري", "phones": ["+966 50 000 0009"]},
        },
        "",
    ),
    (message("unsupported", {"type": "poll"}), {"kind": "other", "ref": None}, ""),
    (message("order", {"catalog_id": "1", "product_items": []}), {"kind": "other"}, ""),
    (message("something_new", {"a": 1}), {"kind": "other"}, ""),
    (message("interactive", {"type": "nfm_reply", "nfm_reply": {}}), {"kind": "other"}, ""),
    (message("interactive", {"type": "button_reply"}), {"kind": "other"}, ""),
    (message("image", {"mime_type": "image/jpeg"}), {"kind": "other"}, ""),
    (message("image", None), {"kind": "other"}, ""),
    (message("text", {"body": 5}), {"kind": "other"}, ""),
    (message("text", {"body": None}), {"kind": "other"}, ""),
    (message("location", {**PLACE, "latitude": 91}), {"kind": "other"}, ""),
    (message("location", {**PLACE, "longitude": 181}), {"kind": "other"}, ""),
    (file("image", "../../v1/me", "image/jpeg"), {"kind": "other"}, ""),
]


@pytest.mark.parametrize(
    ("sent", "media", "words"), FILES, ids=[f"{n}-{s[0]['type']}" for n, s in enumerate(FILES)]
)
async def test_what_is_not_text_is_never_ignored(
    ministry, sent: dict[str, Any], media: dict[str, Any], words: str
) -> None:
    assert (await ministry.hear(dict(sent))).status_code == 200
    [row] = await ministry.inbox()
    assert {name: row.media[name] for name in media} == media
    assert (row.text, row.choice) == (words, None)


async def test_a_place_at_no_place_is_not_believed(ministry) -> None:
    body = spell(document(messages=[message("location", {**PLACE, "latitude": 7})]))
    assert (await post(ministry.origin, body.replace(b": 7,", b": 1e999,"))).status_code == 200
    [row] = await ministry.inbox()
    assert row.media["kind"] == "other"


async def test_every_kind_gets_an_answer(ministry) -> None:
    for number, (sent, _, _) in enumerate(FILES):
        who = f"9665{number:08d}"
        answers = await ministry.turn(
            {**sent, "id": f"wamid.each-{number}", "from": who}, contacts=[contact(who)], who=who
        )
        assert answers and all(answer.to == who for answer in answers), sent["type"]
    assert ministry.graph.violations == []


async def test_who_opens_the_chat_is_greeted(ministry) -> None:
    await ministry.hear(message("request_welcome", None))
    [row] = await ministry.inbox()
    assert (row.choice, row.media) == ("start", None)


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        (message("reaction", {"message_id": "wamid.x", "emoji": "👍"}), "reaction"),
        (text("في مجموعة", group_id="Y2FwaV9ncm91cDox"), "group"),
        (message("revoke", {"original_message_id": "wamid.x"}), "deleted"),
        (message("system", {"type": "customer_identity_changed", "body": "x"}), "system"),
        (message("system", {"type": "user_changed_number", "body": "x"}), "system"),
    ],
)
async def test_what_asks_for_no_answer_is_counted(
    ministry, counted, sent: dict[str, Any], word: str
) -> None:
    assert (await ministry.hear(sent)).status_code == 200
    assert await ministry.inbox() == []
    assert counted(word) == 1


async def test_an_edit_replaces_what_waits_and_runs_once(ministry) -> None:
    await ministry.hear(text("كيف اجدد", id="wamid.first"))
    edited = {"original_message_id": "wamid.first", "message": text("كيف أجدد جوازي؟")}
    await ministry.hear(message("edit", edited))
    assert [row.text for row in await ministry.inbox()] == ["كيف أجدد جوازي؟"]
    assert len(await ministry.work()) == 1
    await ministry.hear(message("edit", edited))
    assert await ministry.work() == [], "no word is new"


async def test_a_sender_without_a_number_is_answered_by_the_user_id(ministry, graph) -> None:
    graph.wrote(USER_ID)
    hidden = text("سلام", who=None, user_id=USER_ID)
    answers = await ministry.turn(hidden, contacts=[contact(None, USER_ID)], who=USER_ID)
    assert [answer.to for answer in answers] == [USER_ID]
    assert answers[0].payload["recipient"] == USER_ID and "to" not in answers[0].payload


@pytest.mark.parametrize(
    ("sender", "people"),
    [
        ({"who": None}, [contact(None, USER_ID)]),
        ({"who": ""}, [contact(None, USER_ID)]),
        ({"who": "", "user_id": USER_ID}, []),
        ({"who": None, "user_id": USER_ID}, [contact("", USER_ID)]),
    ],
)
async def test_the_user_id_is_found_wherever_meta_puts_it(
    ministry, graph, sender: dict[str, Any], people: list[dict[str, Any]]
) -> None:
    graph.wrote(USER_ID)
    answers = await ministry.turn(text("سلام", **sender), contacts=people, who=USER_ID)
    assert [answer.to for answer in answers] == [USER_ID]


async def test_number_and_user_id_are_one_person(ministry, graph) -> None:
    await ministry.hear(text("بالرقم"), contacts=[contact(PERSON)])
    await ministry.hear(text("بكليهما"), contacts=[contact(PERSON, USER_ID)])
    await ministry.hear(text("بالمعرف", who=None), contacts=[contact(None, USER_ID)])
    rows = await ministry.inbox()
    assert len(rows) == 3 and len({row.conversation_id for row in rows}) == 1
    assert {answer.to for answer in await ministry.work()} == {PERSON}


async def test_who_is_met_without_a_number_first_stays_one_person(ministry, graph) -> None:
    graph.wrote(USER_ID)
    await ministry.hear(text("بالمعرف", who=None), contacts=[contact(None, USER_ID)])
    await ministry.hear(text("بكليهما"), contacts=[contact(PERSON, USER_ID)])
    await ministry.hear(text("بالرقم"), contacts=[contact(PERSON)])
    assert len({row.conversation_id for row in await ministry.inbox()}) == 1


async def test_in_a_batch_each_message_has_its_own_sender(ministry) -> None:
    other = "966500000002"
    batch = document(
        messages=[text("من الأول"), text("من الثاني", who=other)],
        contacts=[contact(other, "SA.2"), contact(PERSON, "SA.1")],
    )
    assert (await post(ministry.origin, batch)).status_code == 200
    first, second = await ministry.inbox()
    async with ministry.root.db.read() as session:
        for row, names in ((first, (PERSON, "SA.1")), (second, (other, "SA.2"))):
            for name in names:
                found = await ministry.root.contacts.find(session, "whatsapp", name)
                assert found == row.conversation_id


async def test_a_changed_number_keeps_its_conversation(ministry, graph, counted) -> None:
    new = "966500000099"
    await ministry.turn(text("سلام"))
    change = {"type": "user_changed_number", "wa_id": new, "body": "changed"}
    await ministry.hear(message("system", change))
    assert counted("moved") == 1
    answers = await ministry.turn(
        text("أنا هنا", who=new), contacts=[contact(new, "SA.9")], who=new
    )
    assert [answer.to for answer in answers] == [new]
    assert len({row.conversation_id for row in await ministry.inbox()}) == 1
    stranger = await ministry.turn(text("رقم مستعمل من قبل"))
    assert len({row.conversation_id for row in await ministry.inbox()}) == 2, "another person"
    assert [answer.to for answer in stranger] == [PERSON]


async def test_a_changed_user_id_keeps_its_conversation(ministry, graph, counted) -> None:
    graph.wrote(USER_ID)
    hidden = {"who": None, "user_id": USER_ID}
    await ministry.turn(text("سلام", **hidden), contacts=[contact(None, USER_ID)], who=USER_ID)
    change = {"type": "user_changed_user_id", "user_id": "SA.2", "body": "changed"}
    await ministry.hear(message("system", change, **hidden), who=USER_ID)
    assert counted("moved") == 1
    await ministry.hear(text("أنا", who=None), contacts=[contact(None, "SA.2")], who="SA.2")
    assert [sent.to for sent in await ministry.work()] == ["SA.2"]
    assert len({row.conversation_id for row in await ministry.inbox()}) == 1


async def test_no_address_is_on_disk_in_plain_words(ministry, tmp_path) -> None:
    await ministry.turn(
        text("سلام", id=f"wamid.{PERSON}"), contacts=[contact(PERSON, "SA.SECRETUSER")]
    )
    [kept] = await ministry.rows(Contact)
    assert PERSON.encode() not in kept.sealed_address
    for path in tmp_path.glob("natiq.db*"):
        data = path.read_bytes()
        assert PERSON.encode() not in data and b"SECRETUSER" not in data, path.name
