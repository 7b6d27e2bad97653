"""The six promises, each over whole turns with the really built model and the sample ministry."""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.mind import Mind
from core import conversations
from core.catalogue import Catalogue
from core.logs import setup_logging
from tests.support.approved import Approved
from tests.support.long_talk import ABUSE, NONSENSE, RENEW_FEES, STAFF, Heard, hear
from tests.support.places import FAQ_DIR, REPLIES
from tests.support.talk import Talk, buttons, refs

TITLES = {"ar": "وزارة الخدمات العامة", "en": "Ministry of Public Services"}
ODD = (
    "",
    " ",
    "\u200b\u200f\u202e",
    "\x00\x01\x07\x1b[2J",
    "\u202eكم رسوم تجديد جواز السفر؟\u202c",
    "😀😀😀",
    "👨‍👩‍👧‍👦",
    "؟؟؟!!!",
    "我的护照在哪里？",
    "איפה הדרכון שלי?",
    "Где мой паспорт?",
    "٤٨٢٧٣١",
    "482-731",
    "0",
    "\ud800 نص \udfff",
    "\ufdfa" * 500,
    "a\u0301" * 3000,
    '{"text": "' + "x" * 50 + '", "choice": "yes"}',
    "'; DROP TABLE tickets; --",
    "<script>alert(1)</script>",
    "{number} {date} {title} {0} %s",
    "ه" * 100_000,
    "كلمة " * 20_000,
    "ا\u0651" * 50_000,
    "\n\n\n\t\r\n",
    "\ufffe\uffff\U0010ffff",
)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Heard:
    return asyncio.run(hear(tmp_path_factory.mktemp("long"), mind))


# -- 1: approved words only --------------------------------------------------------------------


def test_every_sentence_is_an_approved_one(heard: Heard) -> None:
    approved = Approved.read(FAQ_DIR, REPLIES, TITLES)
    approved.said = heard.said
    assert len(heard.rows) > 40
    assert sum(row.origin_ref == "intake_summary" for row in heard.rows) >= 2
    assert {row.origin_kind for row in heard.rows} == {"faq", "line", "staff"}
    wrong = {
        (row.id, row.origin_ref): reason
        for row in heard.rows
        if (reason := approved.why_not(row, heard.replies)) is not None
    }
    assert wrong == {}
    # What was sent is what was stored.
    assert heard.sent == [row.payload["text"] for row in heard.rows]


def test_buttons_are_approved_too(heard: Heard, mind: Mind) -> None:
    approved = Approved.read(FAQ_DIR, REPLIES, TITLES)
    fixed = set(approved.labels.values()) | set().union(*approved.topics.values())
    entries = mind.faq.knowledge.entries
    short = {text for e in entries if e.short for text in e.short.values()}
    questions = [question for e in entries for question in e.question.values()]
    labels = [choice["label"] for row in heard.rows for choice in row.payload["choices"]]
    assert len(labels) > 20
    for label in labels:
        begins = label.removesuffix("…")
        known = label in fixed or label in short or any(one.startswith(begins) for one in fixed)
        assert known or any(question.startswith(begins) for question in questions), label


def test_slots_take_no_free_text(catalogue: Catalogue) -> None:
    for bad in ("", "abc", "48 27", "482-731 اتصل على", "٤٨٢٧٣١", "-1", "4" * 30, "482\n731"):
        with pytest.raises(ValueError, match="number"):
            catalogue.line("urgent_noted", "ar", number=bad)
    for bad in ("", "two\nlines", "x" * 201, "\u202eevil", "tab\there"):
        with pytest.raises(ValueError, match="title"):
            catalogue.line("greeting", "ar", title=bad)
    for bad in ("نص", ["نص"], []):
        with pytest.raises(ValueError, match="own"):
            catalogue.line("intake_summary", "ar", own=bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes"):
        catalogue.line("thanks", "ar", title="more")
    with pytest.raises(ValueError, match="takes"):
        catalogue.line("greeting", "ar")
    with pytest.raises(ValueError, match="date"):
        catalogue.line("status_open", "ar", number="482-731", date="غدًا")  # type: ignore[arg-type]


async def test_a_citizens_own_words_come_back_in_a_summary_alone(talk: Talk) -> None:
    """Nowhere else, not even through a number's slot or a choice; there as a quotation, and to
    nobody but the one who wrote them."""
    mark = "زقزوق٧٧"
    for text in (f"عندي شكوى عن {mark} و{mark} في فرع {mark}", mark, f"يوم {mark}", mark, "تخطي"):
        await talk.say(text)
    for text in ("نعم", f"شكواي {mark}", mark, mark):
        await talk.say(text)
    await talk.say("عندي شكوى على تأخر معاملتي شهرين", who="somebody else")
    await talk.skip_to_summary(who="somebody else")
    summaries = []
    for row in await talk.outbox():
        if mark in json.dumps(row.payload, ensure_ascii=False):
            summaries.append(row)
    assert [row.origin_ref for row in summaries] == ["intake_summary"]
    (own,) = summaries
    assert own.conversation_id == (await talk.conversation()).id
    outside = re.sub("\u2068.*?\u2069", "", json.dumps(own.payload, ensure_ascii=False))
    assert mark not in outside


# -- 2: nobody is left without an answer -----------------------------------------------------------


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:12]))
async def test_odd_messages_are_answered_in_bounded_time(talk: Talk, text: str) -> None:
    async with asyncio.timeout(20):  # a net against hanging; a turn takes well under a second
        said = await talk.say(text)
    assert said, "neither an answer, nor a question back, nor a ticket"
    (row,) = await talk.inbox()
    assert row.state == "done"
    approved = Approved.read(FAQ_DIR, REPLIES, TITLES)
    assert [approved.why_not(r, set()) for r in await talk.outbox()] == [None] * len(said)


async def test_what_is_hidden_by_format_characters_is_understood(talk: Talk) -> None:
    hidden = "\u202e\u200f" + "\u200b".join(RENEW_FEES) + "\u202c"
    assert refs(await talk.say(hidden)) == refs(await talk.say(RENEW_FEES))


async def test_a_question_at_the_head_of_100_000_characters_is_still_read(talk: Talk) -> None:
    (said,) = await talk.say(RENEW_FEES + " " * 100_000)
    assert refs([said]) == ["passport-renew-fees"]


_ANYTHING = st.text(alphabet=st.characters(), max_size=60)
_PIECES = st.lists(
    st.one_of(
        _ANYTHING,
        st.sampled_from(ODD[:-6] + NONSENSE + (RENEW_FEES, "شكوى", "نعم", "لا", "تخطي", "إلغاء")),
    ),
    min_size=1,
    max_size=3,
).map(" ".join)
_TAPS = st.sampled_from(
    "yes no cancel skip none human complaint faq:x ? menu menu:x:9 start status privacy language"
    " language:en group change:0:where".split()
)


# Without shrinking: each example is a whole conversation.
@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(turns=st.lists(st.one_of(_PIECES, _TAPS.map(lambda tap: ("tap", tap))), max_size=6))
def test_any_conversation_is_answered_at_every_turn(
    tmp_path_factory: pytest.TempPathFactory, mind: Mind, turns: list[str | tuple[str, str]]
) -> None:
    async def run() -> None:
        talk = await Talk(tmp_path_factory.mktemp("any"), mind).start()
        try:
            for turn in turns:
                said = await (talk.say(turn) if isinstance(turn, str) else talk.tap(turn[1]))
                assert said, turn
            assert {row.state for row in await talk.inbox()} <= {"done"}
            approved = Approved.read(FAQ_DIR, REPLIES, TITLES)
            approved.said = {row.text for row in await talk.inbox()}
            assert {approved.why_not(row, set()) for row in await talk.outbox()} <= {None}
        finally:
            await talk.stop()

    asyncio.run(run())


# -- 3: when unsure, it says so ----------------------------------------------------------------


async def test_below_the_threshold_nothing_is_answered(mind: Mind) -> None:
    calibration = mind.faq.index.calibration
    source = random.Random(7)
    letters = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
    texts = [
        " ".join("".join(source.choices(letters, k=source.randint(3, 8))) for _ in range(4))
        for _ in range(30)
    ]
    texts += [e.question["ar"] for e in mind.faq.knowledge.entries[:30]]
    for decision in mind.understanding.decide_many(texts):
        if decision.outcome == "answer":
            assert decision.search.right >= calibration.answer_at
        if decision.outcome == "clarify":
            assert decision.search.among >= calibration.ask_at
    babble = mind.understanding.decide_many(texts[:30])
    assert [d.outcome for d in babble if d.outcome == "answer"] == []


async def test_nonsense_twice_then_yes_is_a_ticket(talk: Talk) -> None:
    (first,) = await talk.say(NONSENSE[0])
    assert (refs([first]), buttons(first)) == (["abstain"], ["human", "menu"])
    assert refs(await talk.say(NONSENSE[2])) == ["abstain_again"]
    (told,) = await talk.say("نعم")
    assert refs([told]) == ["ticket_opened_human"]
    (ticket,) = await talk.tickets()
    assert ticket.number in told.text


# -- 4: nobody is silenced ---------------------------------------------------------------------


async def test_criticism_is_served_like_praise(talk: Talk) -> None:
    polite = await talk.say(RENEW_FEES, who="polite")
    angry = await talk.say(ABUSE, who="angry")
    assert [m.text for m in angry] == [m.text for m in polite]


async def test_no_number_of_messages_ends_the_service(talk: Talk) -> None:
    """However often and however angrily somebody writes, the next question gets its answer."""
    for _ in range(8):
        assert await talk.say("وزارة زبالة وموظفوها حرامية")
        assert await talk.say("لا")
        await talk.say(NONSENSE[0])
    await talk.tap("cancel")
    assert refs(await talk.say(RENEW_FEES)) == ["passport-renew-fees"]
    assert {row.state for row in await talk.inbox()} == {"done"}


# -- 5: urgency and age alone ------------------------------------------------------------------


async def test_the_queue_knows_urgency_and_age_alone(talk: Talk) -> None:
    """Kinds, departments, languages, channels and persons are dealt out at random."""
    source = random.Random(5)
    tickets = talk.root.tickets
    expected = []
    for number in range(24):
        talk.clock.advance(seconds=source.randint(1, 90))
        await talk.accept("س", who=f"citizen {number}", language=source.choice(["ar", "en"]))
        conversation = await talk.conversation(f"citizen {number}")
        urgent = source.random() < 0.3
        async with talk.root.db.write() as session:
            row = await tickets.open(
                session,
                await conversations.load(session, conversation.id),
                kind=source.choice(["complaint", "human", "suggestion", "rumour"]),
                statement="نص",
                urgent=urgent,
                department=source.choice([None, "press-office", "passports-directorate"]),
            )
            expected.append((not urgent, row.opened_at, row.id, row.number))
    assert [t.number for t in await tickets.list()] == [item[3] for item in sorted(expected)]
    for state in ("open", "answered"):
        part = await tickets.list(state=state)
        order = [t.number for t in part]
        assert order == [item[3] for item in sorted(expected) if item[3] in set(order)]


# -- 6: the institution speaks -----------------------------------------------------------------


def test_no_staff_name_reaches_a_citizen(heard: Heard) -> None:
    assert sum(row.origin_kind == "staff" for row in heard.rows) >= 3
    for row in heard.rows:
        whole = json.dumps(row.payload, ensure_ascii=False) + row.origin_ref
        assert not any(part in whole for part in STAFF.split()), row.id


# -- logs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "console"])
async def test_logs_hold_no_text_address_or_token(
    tmp_path: Path, mind: Mind, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    setup_logging("debug", form)  # type: ignore[arg-type]
    address = "+966551234567"
    secret = "s3cret-" * 8
    talk = await Talk(tmp_path, mind, secret_key=secret).start()
    try:
        said = []
        for text in (RENEW_FEES, "عندي شكوى على موظف المركز رفض أوراقي", "نعم", *NONSENSE, ABUSE):
            said += await talk.say(text, who=address, external_id=f"wamid.{address}.{len(said)}")
        # Errors too: in handling, in sending, in the database.
        talk.channel.troubles.append(ValueError(f"cannot send to {address}: {RENEW_FEES}"))
        await talk.say(RENEW_FEES, who=address)
        broken = talk.worker._dispatcher._answers  # type: ignore[attr-defined]
        talk.worker._dispatcher._answers = None  # type: ignore[attr-defined]
        await talk.say(RENEW_FEES, who="another " + address)
        talk.worker._dispatcher._answers = broken  # type: ignore[attr-defined]
    finally:
        await talk.stop()
        structlog.reset_defaults()  # the captured stream is closed when this test ends
    caught = capsys.readouterr()
    logged = caught.err
    assert "message handled" in logged and "message sent" in logged
    assert "could not be handled" in logged and "channel broke" in logged
    texts = {RENEW_FEES, ABUSE, *NONSENSE} | {message.text for message in said}
    words = {word for text in texts for word in text.split() if len(word) > 3}
    found = sorted(w for w in words if not w.isascii() and w in logged)
    assert found == []
    for leaked in (address, address[4:], secret, "wamid", "k" * 40):
        assert leaked not in logged
    assert caught.out == ""
