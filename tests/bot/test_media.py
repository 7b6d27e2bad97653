"""What is not text: into the open form, onto a ticket, or a word of what to do; never silence."""

from __future__ import annotations

import pytest

from bot.media import words_of
from core.conversations import BOT, HUMAN, load
from core.db.tables import TicketEventRow, TicketRow
from core.messages import MEDIA_KINDS, Media
from tests.support import files
from tests.support.minds import URGENT, action, answer, intake
from tests.support.talk import Talk, buttons, refs

COMPLAINT = "عندي شكوى عن تأخر معاملتي شهرين"
TABLE = {
    "سؤال أ": answer("faq-a"),
    "hello": action("greeting"),
    COMPLAINT: intake("complaint"),
    "خطر": URGENT,
}
PLACE = Media(
    "location",
    details={"latitude": 24.7136, "longitude": 46.6753, "name": "فرع الشمال", "address": ""},
)
PERSON = Media("contact", details={"name": "أبو سعد", "phones": ["+966 55 123 4567"]})
FILES = ("voice", "audio", "image", "video", "document", "sticker")


@pytest.fixture
async def talk(script) -> Talk:
    made = await script(TABLE)
    made.channel.files["file-1"] = files.JPEG
    return made


def file(kind: str = "image", ref: str = "file-1", **more: object) -> Media:
    return Media(kind, ref=ref, **more)  # type: ignore[arg-type]


async def open_ticket(talk: Talk, *, in_hand: bool = False) -> TicketRow:
    conversation_id = await talk.accept("سؤال أ")
    await talk.handle()
    async with talk.root.db.write() as session:
        row = await talk.root.tickets.open(
            session, await load(session, conversation_id), kind="complaint", statement="تأخرت"
        )
    if in_hand:
        await talk.root.tickets.reply(row.number, "نراجع طلبك الآن.", None)
    await talk.deliver()
    return row


async def state_of(talk: Talk, ticket: TicketRow) -> str:
    return (await talk.root.tickets.show(ticket.number)).ticket.state


# -- neither a form nor a ticket -----------------------------------------------------------------


@pytest.mark.parametrize("kind", MEDIA_KINDS)
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_every_kind_is_answered_by_what_to_do(talk: Talk, kind: str, language: str) -> None:
    if language == "en":
        await talk.say("hello")
    media = {"location": PLACE, "contact": PERSON, "other": Media("other")}.get(kind, file(kind))
    (said,) = await talk.send(media)
    assert (refs([said]), said.language) == ([f"media_{kind}"], language)
    assert {"menu", "human"} <= set(buttons(said)) and len(said.choices) <= 3
    # Nothing is fetched that nobody has asked for.
    assert await talk.attachments() == []
    assert await talk.fetch() == 0
    assert {row.state for row in await talk.inbox()} == {"done"}


async def test_a_file_is_no_failure_to_understand(talk: Talk) -> None:
    await talk.send(file())
    assert refs(await talk.say("كلام غير مفهوم")) == ["abstain"]
    assert talk.mind.understanding.seen == ["كلام غير مفهوم"]  # type: ignore[attr-defined]


async def test_the_caption_is_answered_and_the_file_not_passed_over(talk: Talk) -> None:
    answered, told = await talk.send(file(), "سؤال أ")
    assert (answered.origin.kind, refs([told])) == ("faq", ["media_not_read"])
    assert await talk.attachments() == []


async def test_a_caption_without_words_is_none(talk: Talk) -> None:
    assert refs(await talk.send(file(), "👍")) == ["media_image"]


# -- an open form --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_goes_into_the_open_form_and_with_it_to_staff(talk: Talk, kind: str) -> None:
    await talk.say(COMPLAINT)
    said = await talk.send(file(kind))
    assert said and refs(said)[0] == "intake_noted"
    (row,) = await talk.attachments()
    assert (row.state, row.ticket_id, row.kind) == ("wanted", None, kind)
    assert (await talk.conversation()).state["form"]["attachments"] == [row.id]
    await talk.fetch()
    for _ in range(6):
        if "yes" in [value.partition(":")[0] for value in buttons(said[-1])]:
            break
        said = await talk.say("تخطي")
    assert "ticket_opened_complaint" in refs(await talk.say("نعم"))
    (ticket,) = await talk.tickets()
    (row,) = await talk.attachments()
    assert (row.state, row.ticket_id) == ("kept", ticket.id)
    (seen,) = await talk.root.attachments.of_ticket(ticket.number)
    assert seen.bound


async def test_a_caption_that_complains_takes_its_file_along(talk: Talk) -> None:
    said = await talk.send(file(), COMPLAINT)
    assert refs(said)[0] == "attached_to_form"
    (row,) = await talk.attachments()
    assert (await talk.conversation()).state["form"]["attachments"] == [row.id]


async def test_a_cancelled_form_takes_its_files_off_the_disk(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    await talk.send(file())
    await talk.fetch()
    assert len(talk.stored()) == 1
    assert refs(await talk.say("إلغاء")) == ["intake_cancelled"]
    await talk.fetch()
    assert talk.stored() == []


async def test_a_file_that_is_not_taken_leaves_the_form_as_it_is(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    before = (await talk.conversation()).state["form"]
    said = await talk.send(file("document", name="cv.docx", mime="application/msword"))
    assert refs(said)[0] == "attachment_refused" and len(said) == 2
    assert (await talk.conversation()).state["form"] == before
    said = await talk.send(Media("other"))
    assert refs(said)[0] == "media_other" and len(said) == 2


async def test_a_file_that_turns_out_wrong_is_no_longer_the_forms(talk: Talk) -> None:
    talk.channel.files["file-2"] = b"<html>"
    await talk.say(COMPLAINT)
    await talk.send(file())
    await talk.send(file(ref="file-2"))
    assert len((await talk.conversation()).state["form"]["attachments"]) == 2
    await talk.fetch()
    assert refs(await talk.deliver()) == ["attachment_refused"]
    await talk.say("تخطي")
    kept, refused = await talk.attachments()
    assert (kept.state, refused.state) == ("kept", "refused")
    assert (await talk.conversation()).state["form"]["attachments"] == [kept.id]


async def test_a_place_and_a_person_go_into_the_form_as_words(talk: Talk) -> None:
    await talk.say(COMPLAINT)
    await talk.send(PLACE)
    await talk.send(PERSON)
    answers = (await talk.conversation()).state["form"]["answers"]
    assert answers["where"] == [words_of(PLACE, "ar")]
    assert words_of(PERSON, "ar") in answers["what"]
    assert await talk.attachments() == []


async def test_danger_in_a_caption_takes_the_file_to_the_urgent_ticket(talk: Talk) -> None:
    said = await talk.send(file(), "خطر")
    assert refs(said) == ["emergency", "ticket_opened_urgent", "attached_too"]
    (ticket,), (row,) = await talk.tickets(), await talk.attachments()
    assert row.ticket_id == ticket.id


# -- a human has the conversation ----------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("caption", ["", "هذه الصورة"])
async def test_a_file_for_a_human_is_attached_without_a_word(
    talk: Talk, kind: str, caption: str
) -> None:
    ticket = await open_ticket(talk, in_hand=True)
    assert await talk.send(file(kind), caption) == []
    await talk.fetch()
    (row,) = await talk.attachments()
    assert (row.state, row.ticket_id) == ("kept", ticket.id)
    assert await state_of(talk, ticket) == "open"  # it waits for an answer again
    conversation = await talk.conversation()
    assert conversation.mode == HUMAN
    # Staff see in the transcript what was sent, and when.
    view = await talk.root.tickets.show(ticket.number)
    sent = [said.media for said in view.conversation if said.media is not None]
    assert [media["kind"] for media in sent] == [kind]


async def test_a_file_for_a_human_that_is_not_taken_is_said(talk: Talk) -> None:
    await open_ticket(talk, in_hand=True)
    assert refs(await talk.send(file("document", mime="text/html"))) == ["attachment_refused"]
    assert refs(await talk.send(file(size=99_000_000))) == ["attachment_too_large"]
    assert refs(await talk.send(file("sticker", mime="application/x-tgsticker"))) == [
        "media_sticker"
    ]
    assert refs(await talk.send(Media("other"))) == ["media_other"]
    assert (await talk.conversation()).mode == HUMAN


async def test_a_place_for_a_human_stands_in_the_conversation(talk: Talk) -> None:
    ticket = await open_ticket(talk, in_hand=True)
    assert await talk.send(PLACE) == []
    view = await talk.root.tickets.show(ticket.number)
    (media,) = [said.media for said in view.conversation if said.media is not None]
    assert media["details"]["latitude"] == 24.7136


# -- an open ticket, the bot speaking ------------------------------------------------------------


async def test_a_file_goes_to_the_newest_open_ticket_which_is_named(talk: Talk) -> None:
    older, newer = await open_ticket(talk), await open_ticket(talk)
    (said,) = await talk.send(file("voice"))
    assert refs([said]) == ["attached_to_ticket"] and newer.number in said.text
    (row,) = await talk.attachments()
    assert row.ticket_id == newer.id
    events = await talk.rows(TicketEventRow, TicketEventRow.ticket_id == newer.id)
    assert (events[-1].kind, events[-1].text) == ("told more", "رسالة صوتية")
    assert [a.bound for a in await talk.root.attachments.of_ticket(older.number)] == [False]
    assert (await talk.conversation()).mode == BOT


async def test_a_place_is_told_to_the_ticket(talk: Talk) -> None:
    ticket = await open_ticket(talk)
    assert refs(await talk.send(PLACE)) == ["attached_to_ticket"]
    events = await talk.rows(TicketEventRow, TicketEventRow.ticket_id == ticket.id)
    assert events[-1].text == "موقع: فرع الشمال، 24.713600 46.675300"


async def test_a_closed_ticket_takes_nothing(talk: Talk) -> None:
    ticket = await open_ticket(talk, in_hand=True)
    await talk.root.tickets.close(ticket.number, None)
    await talk.deliver()
    assert refs(await talk.send(file())) == ["media_image"]
    assert await talk.attachments() == []


async def test_a_refused_file_does_not_trouble_the_ticket(talk: Talk) -> None:
    ticket = await open_ticket(talk)
    assert refs(await talk.send(file(mime="image/svg+xml"))) == ["attachment_refused"]
    events = await talk.rows(TicketEventRow, TicketEventRow.ticket_id == ticket.id)
    assert [event.kind for event in events] == ["opened"]


async def test_words_with_a_file_beside_an_open_ticket(talk: Talk) -> None:
    ticket = await open_ticket(talk)
    answered, told = await talk.send(file(), "سؤال أ")
    assert (answered.origin.kind, refs([told])) == ("faq", ["attached_to_ticket"])
    assert ticket.number in told.text


async def test_too_many_files_are_said(talk: Talk) -> None:
    await open_ticket(talk, in_hand=True)
    for _ in range(10):
        assert await talk.send(file()) == []
    assert refs(await talk.send(file())) == ["attachment_too_many"]


# -- a message that nobody can handle ------------------------------------------------------------


async def test_a_poison_message_keeps_its_file(talk: Talk) -> None:
    def breaks(_text: str) -> None:
        raise RuntimeError("cannot be understood")

    talk.mind.understanding.before = breaks  # type: ignore[attr-defined]
    await talk.accept("سؤال أ", media=file())
    for _ in range(4):
        await talk.handle()
        talk.clock.advance(minutes=1)
    (ticket,), (row,) = await talk.tickets(), await talk.attachments()
    assert (ticket.kind, row.ticket_id, row.state) == ("unhandled", ticket.id, "wanted")


# -- for staff's eyes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "arabic", "english"),
    [
        (
            PLACE,
            "موقع: فرع الشمال، 24.713600 46.675300",
            "Location: فرع الشمال, 24.713600 46.675300",
        ),
        (Media("location"), "موقع", "Location"),
        (Media("location", details={"latitude": "x", "longitude": None}), "موقع", "Location"),
        (
            PERSON,
            "جهة اتصال: أبو سعد، +966 55 123 4567",
            "Contact: أبو سعد, +966 55 123 4567",
        ),
        (Media("contact", details={"name": None, "phones": None}), "جهة اتصال", "Contact"),
        (file("document", name="عقد.pdf"), "مستند: عقد.pdf", "Document: عقد.pdf"),
        (file("voice"), "رسالة صوتية", "Voice message"),
        (Media("other"), "محتوى من نوع آخر", "Something else"),
    ],
)
def test_what_was_sent_in_words(media: Media, arabic: str, english: str) -> None:
    assert (words_of(media, "ar"), words_of(media, "en")) == (arabic, english)
