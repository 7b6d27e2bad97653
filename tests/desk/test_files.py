"""What citizens send: seen by staff alone, and harmless whatever is in it."""

from __future__ import annotations

import html
from typing import Any

import pytest
from sqlalchemy import select

from core.db.tables import AttachmentRow, InboxRow, TicketRow
from core.messages import InboundMessage, Media

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
PAGE = b"<script>alert(1)</script>"


class Post:
    """Puts files on tickets, as the fetcher leaves them."""

    def __init__(self, house: Any, folder: Any) -> None:
        self.house = house
        self.folder = folder

    async def __call__(
        self,
        number: str,
        mime: str | None = "image/png",
        data: bytes = PNG,
        *,
        state: str = "kept",
        failure: str | None = None,
        media: Media | None = None,
        text: str = "",
    ) -> int:
        """A citizen sends a file for a ticket; returns the attachment's id."""
        media = media or Media("image", "ref", "receipt.png")
        message = InboundMessage("web", f"f{next(self.house.ids)}", "citizen-1", text, media=media)
        conversation_id = (await self.house.inbox.accept(message)).conversation_id
        async with self.house.db.write() as session:
            inbox_id = await session.scalar(
                select(InboxRow.id)
                .where(InboxRow.conversation_id == conversation_id)
                .order_by(InboxRow.id.desc())
                .limit(1)
            )
            ticket_id = await session.scalar(select(TicketRow.id).where(TicketRow.number == number))
            row = AttachmentRow(
                inbox_id=inbox_id,
                conversation_id=conversation_id,
                ticket_id=ticket_id,
                channel="web",
                kind=media.kind,
                ref="ref",
                name=media.name,
                state=state,
                mime=mime,
                size=len(data),
                stored=f"file-{inbox_id}" if state == "kept" else None,
                failure=failure,
                not_before=self.house.clock(),
                created_at=self.house.clock(),
            )
            session.add(row)
            await session.flush()
            made: int = row.id
        if state == "kept":
            self.folder.mkdir(exist_ok=True)
            (self.folder / f"file-{inbox_id}").write_bytes(data)
        return made


@pytest.fixture
def post(house: Any, tmp_path: Any) -> Post:
    return Post(house, tmp_path / "attachments")


async def test_a_picture_is_shown_in_its_place_and_served_without_powers(
    house: Any, at_desk: Any, post: Post
) -> None:
    number = await house.ticket()
    attachment = await post(number)
    address = f"/tickets/{number}/attachments/{attachment}"
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert f'<img src="/desk{address}"' in page
    answer = await at_desk.get(address)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "private, no-store"
    disposition = answer.headers["content-disposition"]
    assert disposition == f'inline; filename="{number}-{attachment}.png"'


@pytest.mark.parametrize(
    ("mime", "shown", "disposition"),
    [
        ("audio/ogg", "<audio controls", "inline"),
        ("video/mp4", "<video controls", "inline"),
        ("application/pdf", " download>", "attachment"),
        ("audio/amr", " download>", "attachment"),
    ],
)
async def test_each_kind_has_its_way(
    house: Any, at_desk: Any, post: Post, mime: str, shown: str, disposition: str
) -> None:
    number = await house.ticket()
    attachment = await post(number, mime, b"abc")
    assert shown in (await at_desk.get(f"/tickets/{number}")).text
    answer = await at_desk.get(f"/tickets/{number}/attachments/{attachment}")
    assert answer.headers["content-type"] == mime
    assert answer.headers["content-disposition"].startswith(f"{disposition}; ")


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/javascript", None])
async def test_a_type_that_is_not_ours_is_nothing_but_bytes(
    house: Any, at_desk: Any, post: Post, mime: str | None
) -> None:
    number = await house.ticket()
    attachment = await post(number, mime, PAGE)
    answer = await at_desk.get(f"/tickets/{number}/attachments/{attachment}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert 'src="/desk/tickets' not in (await at_desk.get(f"/tickets/{number}")).text


async def test_sound_can_be_wound(house: Any, at_desk: Any, post: Post) -> None:
    number = await house.ticket()
    attachment = await post(number, "audio/ogg", bytes(range(200)))
    address = f"/desk/tickets/{number}/attachments/{attachment}"
    part = await at_desk.http.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert part.headers["content-security-policy"] == "sandbox; default-src 'none'"
    beyond = await at_desk.http.get(address, headers={"range": "bytes=500-"})
    assert beyond.status_code == 416


async def test_only_staff_of_tickets_get_it_and_only_by_its_own_ticket(
    house: Any, at_desk: Any, post: Post
) -> None:
    number = await house.ticket()
    attachment = await post(number)
    other = await house.ticket("أخرى", address="citizen-2")
    address = f"/tickets/{number}/attachments/{attachment}"
    assert (await house.browser().get(address)).status_code == 303
    await house.staff.add("Editor", "editor", "correct horse battery")
    editor = house.browser("198.51.100.9")
    await editor.login("Editor")
    assert (await editor.get(address)).status_code == 403
    for wrong in (
        f"/tickets/{other}/attachments/{attachment}",
        f"/tickets/{number}/attachments/{attachment + 1}",
        f"/tickets/{number}/attachments/{2**63}",
        f"/tickets/{number}/attachments/..%2f..%2fnatiq.db",
        f"/tickets/{number}/attachments/abc",
    ):
        answer = await at_desk.get(wrong)
        assert answer.status_code == 404, wrong
        assert PNG not in answer.content


async def test_what_was_not_taken_is_said(house: Any, at_desk: Any, post: Post) -> None:
    number = await house.ticket()
    refused = Media("document", "ref", "run.exe")
    await post(number, None, state="refused", failure="type", media=refused)
    await post(number, None, state="refused", failure="too_large")
    await post(number, None, state="lost", failure="gone")
    await post(number, None, state="wanted")
    page = (await at_desk.get(f"/tickets/{number}")).text
    for words in ("run.exe", "نوعه غير مقبول", "حجمه أكبر", "تعذّر جلب الملف", "يجري جلب الملف"):
        assert words in page
    assert "/attachments/" not in page


async def test_a_name_is_only_shown_and_never_markup(house: Any, at_desk: Any, post: Post) -> None:
    number = await house.ticket()
    evil = '"><img src=x onerror=alert(1)>.pdf'
    attachment = await post(number, "application/pdf", media=Media("document", "ref", evil))
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "<img src=x" not in page and html.escape(evil) in page.replace("&#34;", "&quot;")
    answer = await at_desk.get(f"/tickets/{number}/attachments/{attachment}")
    assert "onerror" not in answer.headers["content-disposition"]


async def test_places_and_contacts_are_shown_in_words(house: Any, at_desk: Any) -> None:
    number = await house.ticket()
    place = Media("location", details={"latitude": 24.71, "longitude": 46.67, "name": "فرع الشمال"})
    card = Media("contact", details={"name": "أبو سعد", "phones": ["+966500000001"]})
    for index, media in enumerate((place, card)):
        message = InboundMessage("web", f"p{index}", "citizen-1", "", media=media)
        await house.inbox.accept(message)
    page = (await at_desk.get(f"/tickets/{number}")).text
    for words in ("فرع الشمال", "24.71", "46.67", "أبو سعد", "+966500000001"):
        assert words in page


async def test_the_intakes_answers_stand_beside_the_conversation(house: Any, at_desk: Any) -> None:
    told = {"what": "تأخر <b>شهرين</b>", "where": "فرع الشمال", "when": "", "reference": "PA-42"}
    number = await house.ticket(details=told)
    page = (await at_desk.get(f"/tickets/{number}")).text
    assert "<dt>ماذا حدث</dt>" in page and "تأخر &lt;b&gt;شهرين&lt;/b&gt;" in page
    assert "<dt>رقم المعاملة</dt>" in page and "PA-42" in page
    assert "<dt>متى</dt>" not in page
