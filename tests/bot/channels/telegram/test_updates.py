"""What an update says: a pure function, tried on every kind of message."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram.content import SERVICE
from bot.channels.telegram.identity import Me, UnreadableError
from bot.channels.telegram.updates import Reading, read_update
from core.messages import InboundMessage, Media
from tests.support.telegram_spec import spec_or_skip

ME = Me(700, "natiq_test_bot")
PERSON = {"id": 5, "is_bot": False, "first_name": "Citizen", "language_code": "ar"}
PRIVATE = {"id": 5, "type": "private", "first_name": "Citizen"}
GROUP = {"id": -1005, "type": "supergroup", "title": "Group"}
FILE = {"file_id": "f1", "file_unique_id": "u1", "file_size": 9}


def message(chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    return {
        "update_id": 1,
        "message": {"message_id": 3, "date": 1_780_000_000, "chat": chat, "from": PERSON, **fields},
    }


def read(update: Any, me: Me = ME) -> Reading:
    return read_update(update, me, lambda text: f"<{text}>")


def said(**fields: Any) -> InboundMessage:
    reading = read(message(**fields))
    assert reading.result == "message" and reading.message is not None
    return reading.message


def test_a_text_and_all_that_belongs_to_it() -> None:
    assert said(text="سلام") == InboundMessage(
        channel="telegram",
        external_id="<5:3>",
        address="5",
        text="سلام",
        language="ar",
        sent_at=datetime.fromtimestamp(1_780_000_000, UTC),
    )


@pytest.mark.parametrize(
    "text, choice",
    [
        ("/start", "start"),
        ("/start resume", "resume"),
        ("/start some-campaign", "start"),
        ("/START@Natiq_Test_Bot", "start"),
        ("/menu", "menu"),
        ("/status 123-456", "status"),
        ("/human\nأريد موظفًا", "human"),
        ("/privacy@natiq_test_bot", "privacy"),
        ("  /language ", "language"),
        ("/start@other_bot", None),
        ("/unknown", None),
        ("/starting", None),
        ("/", None),
        ("//menu", None),
        ("قال /menu", None),
    ],
)
def test_commands(text: str, choice: str | None) -> None:
    made = said(text=text)
    assert (made.choice, made.text) == (choice, text)


def test_while_the_bots_name_is_unknown_any_name_is_taken_for_it() -> None:
    reading = read(message(text="/menu@whoever_bot"), Me(700))
    assert reading.message is not None and reading.message.choice == "menu"


@pytest.mark.parametrize(
    "code, language",
    [("ar", "ar"), ("ar-SA", "ar"), ("en", "en"), ("en-US", "en"), ("fr", None), ("", None)],
)
def test_the_apps_language_is_a_hint(code: str, language: str | None) -> None:
    sender = {**PERSON, "language_code": code}
    reading = read(message(**{"from": sender}, text="x"))
    assert reading.message is not None and reading.message.language == language


@pytest.mark.parametrize(
    "fields, media",
    [
        ({"voice": {**FILE, "mime_type": "audio/ogg"}}, Media("voice", "f1", "", "audio/ogg", 9)),
        ({"audio": {**FILE, "file_name": "a.mp3"}}, Media("audio", "f1", "a.mp3", "", 9)),
        (
            {"photo": [{**FILE, "width": 90}, {**FILE, "file_id": "big", "width": 1280}]},
            Media("image", "big", "", "", 9),
        ),
        ({"video": FILE}, Media("video", "f1", "", "", 9)),
        ({"video_note": FILE}, Media("video", "f1", "", "", 9)),
        ({"animation": FILE, "document": {**FILE, "file_id": "f2"}}, Media("video", "f1", size=9)),
        (
            {"document": {**FILE, "file_name": "ورقة.pdf", "mime_type": "application/pdf"}},
            Media("document", "f1", "ورقة.pdf", "application/pdf", 9),
        ),
        ({"sticker": FILE}, Media("sticker", "f1", size=9)),
        (
            {"location": {"latitude": 24.7, "longitude": 46}},
            Media("location", details={"latitude": 24.7, "longitude": 46.0}),
        ),
        (
            {
                "venue": {
                    "location": {"latitude": 1.5, "longitude": 2.5},
                    "title": "الفرع",
                    "address": "شارع ١",
                },
                "location": {"latitude": 1.5, "longitude": 2.5},
            },
            Media(
                "location",
                details={
                    "latitude": 1.5,
                    "longitude": 2.5,
                    "name": "الفرع",
                    "address": "شارع ١",
                },
            ),
        ),
        (
            {"contact": {"phone_number": "+9665", "first_name": "A", "last_name": "B"}},
            Media("contact", details={"name": "A B", "phones": ["+9665"]}),
        ),
        ({"poll": {"id": "1"}}, Media("other")),
        ({"dice": {"emoji": "🎲", "value": 3}}, Media("other")),
        ({"story": {"id": 1}}, Media("other")),
        ({"what_comes_next_year": {}}, Media("other")),
        ({"photo": []}, Media("other")),
    ],
)
def test_what_is_not_text(fields: dict[str, Any], media: Media) -> None:
    made = said(**fields, caption="/menu انظروا")
    assert (made.media, made.text, made.choice) == (media, "/menu انظروا", None)
    assert said(**fields).text == ""


def test_an_edit_names_what_it_is_the_new_wording_of() -> None:
    update = message(text="ب", edit_date=1_780_000_060)
    update["edited_message"] = update.pop("message")
    made = read(update).message
    assert made is not None
    assert (made.edit_of, made.text) == ("<5:3>", "ب")
    assert made.sent_at == datetime.fromtimestamp(1_780_000_060, UTC)
    update["edited_message"]["edit_date"] += 5
    again = read(update).message
    assert again is not None and again.external_id == made.external_id, "the same words"
    update["edited_message"]["text"] = "ج"
    other = read(update).message
    assert other is not None and other.external_id != made.external_id


@pytest.mark.parametrize(
    "fields, addressed",
    [
        ({"text": "سلام"}, False),
        ({"text": "/start"}, True),
        ({"text": "/start@natiq_test_bot"}, True),
        ({"text": "/start@other_bot"}, False),
        ({"text": "/unknown"}, False),
        (
            {
                "text": "😀 @Natiq_Test_Bot كيف؟",
                "entities": [{"type": "mention", "offset": 3, "length": 15}],
            },
            True,
        ),
        (
            {
                "text": "/unknown@natiq_test_bot",
                "entities": [{"type": "bot_command", "offset": 0, "length": 23}],
            },
            True,
        ),
        (
            {"text": "@other_bot", "entities": [{"type": "mention", "offset": 0, "length": 10}]},
            False,
        ),
        (
            {"text": "@somebody", "entities": [{"type": "mention", "offset": 0, "length": 9}]},
            False,
        ),
        (
            {
                "caption": "@natiq_test_bot",
                "photo": [],
                "caption_entities": [{"type": "mention", "offset": 0, "length": 15}],
            },
            True,
        ),
        (
            {
                "text": "ناطق",
                "entities": [
                    {"type": "text_mention", "offset": 0, "length": 4, "user": {"id": 700}}
                ],
            },
            True,
        ),
        ({"text": "نعم", "reply_to_message": {"from": {"id": 700, "is_bot": True}}}, True),
        ({"text": "نعم", "reply_to_message": {"from": {"id": 6}}}, False),
        ({"text": "نعم", "reply_to_message": {"sender_chat": {}}}, False),
    ],
)
def test_in_a_group_only_what_is_said_to_the_bot(fields: dict[str, Any], addressed: bool) -> None:
    reading = read(message(GROUP, **fields))
    if not addressed:
        assert reading == Reading("group, not addressed")
        return
    assert reading.result == "group" and reading.message is not None
    made = reading.message
    assert (made.choice, made.address) == ("group", "-1005")
    assert (made.text, made.media) == ("", None), "what was said there is left there"


@pytest.mark.parametrize(
    "update, result",
    [
        (message(text="x", **{"from": {**PERSON, "is_bot": True}}), "from a bot"),
        (message({"id": -7, "type": "channel"}, text="x"), "channel post"),
        ({"update_id": 1, "channel_post": {}}, "channel post"),
        ({"update_id": 1, "edited_channel_post": 7}, "channel post"),
        ({"update_id": 1, "inline_query": {}}, "other kind"),
        ({"update_id": 1}, "other kind"),
        (message(GROUP, migrate_to_chat_id=-1009), "group moved"),
        (message(GROUP, migrate_from_chat_id=-9), "group moved"),
        ({"update_id": 1, "callback_query": {"id": "9", "data": "x"}}, "tap elsewhere"),
        (
            {
                "update_id": 1,
                "callback_query": {"id": "9", "data": "x", "message": {"chat": GROUP}},
            },
            "tap elsewhere",
        ),
    ],
)
def test_what_is_only_counted(update: dict[str, Any], result: str) -> None:
    reading = read(update)
    assert (reading.result, reading.message) == (result, None)


@pytest.mark.parametrize("name", sorted(SERVICE))
def test_service_messages_are_only_counted(name: str) -> None:
    for chat in (PRIVATE, GROUP):
        assert read(message(chat, **{name: {"x": 1}})) == Reading("service message")


@pytest.mark.parametrize(
    "chat, before, now, result",
    [
        (PRIVATE, "member", "kicked", "blocked by the person"),
        (PRIVATE, "kicked", "member", "unblocked"),
        (GROUP, "left", "member", "group"),
        (GROUP, "kicked", "administrator", "group"),
        (GROUP, "left", "restricted", "group"),
        (GROUP, "member", "administrator", "membership"),
        (GROUP, "member", "kicked", "membership"),
        ({"id": -7, "type": "channel"}, "left", "administrator", "membership"),
    ],
)
def test_the_bots_membership(chat: dict[str, Any], before: str, now: str, result: str) -> None:
    change = {
        "chat": chat,
        "from": PERSON,
        "date": 1_780_000_000,
        "old_chat_member": {"status": before},
        "new_chat_member": {"status": now},
    }
    assert read({"update_id": 1, "my_chat_member": change}).result == result


def test_the_specifications_service_messages_are_all_known() -> None:
    """A new kind of service message must not be answered as if a person had sent something."""
    described = {
        field["name"]
        for field in spec_or_skip().fields("Message")
        if "service message" in field["description"].lower()
    }
    known = {"migrate_to_chat_id", "migrate_from_chat_id"}
    assert described - SERVICE - known == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    "message_id date chat from text voice photo venue entities contact reply_to_message caption "
    "edit_date migrate_to_chat_id location".split()
)


@given(
    st.sampled_from(["message", "edited_message"]), st.sampled_from([PRIVATE, GROUP]), NAMES, JSON
)
def test_rubbish_anywhere_is_unreadable_and_nothing_worse(kind, chat, name, value) -> None:
    update = message(chat, text="سلام")
    body = update.pop("message")
    if name in ("voice", "photo", "venue", "contact", "location", "caption"):
        del body["text"]
    with contextlib.suppress(UnreadableError):
        read({**update, kind: {**body, name: value}})
