"""Which files are wanted, where they belong, and who may open them."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest

from actions.attachments import (
    LEASE,
    MOST_IN_CONVERSATION,
    MOST_IN_FORM,
    MOST_ON_TICKET,
    Attachments,
    Wanted,
    shown_name,
)
from core.db.tables import AttachmentRow, InboxRow, TicketPlaceRow
from core.errors import NotFoundError
from core.messages import Media
from tests.support.talk import Talk

PHOTO = Media("image", ref="file-1", name="صورة.jpg", mime="image/jpeg", size=1000)


async def message(talk: Talk, media: Media | None = PHOTO, who: str = "citizen") -> InboxRow:
    """A stored message, as the worker sees it."""
    await talk.accept(who=who, media=media)
    return (await talk.inbox())[-1]


async def want(talk: Talk, row: InboxRow, ticket_id: int | None = None, form=()) -> Wanted:
    async with talk.root.db.write() as session:
        return await talk.root.attachments.want(session, row, ticket_id, form)


async def kept(talk: Talk, row: InboxRow, ticket_id: int | None = None) -> int:
    """An attachment whose file lies in the folder; returns its id."""
    attachments = talk.root.attachments
    wanted = await want(talk, row, ticket_id)
    claimed = await attachments.claim(["test"])
    assert claimed is not None and claimed.row.id == wanted.id
    (attachments.folder / f"stored-{wanted.id}").write_bytes(b"content")
    assert await attachments.keep(
        claimed, mime="image/jpeg", size=7, sha256="0" * 64, stored=f"stored-{wanted.id}"
    )
    assert wanted.id is not None
    return wanted.id


# -- wanting -----------------------------------------------------------------------------------


async def test_a_file_is_wanted_once(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    row = await message(talk)
    first = await want(talk, row, ticket.id)
    assert first.refusal is None
    assert await want(talk, row, ticket.id) == first
    (stored,) = await talk.attachments()
    assert (stored.state, stored.ticket_id, stored.ref) == ("wanted", ticket.id, "file-1")
    assert (stored.kind, stored.name, stored.channel) == ("image", "صورة.jpg", "test")


@pytest.mark.parametrize(
    ("media", "refusal"),
    [
        (Media("document", "f", mime="text/html"), "type"),
        (Media("document", "f", "cv.docx", "application/msword"), "type"),
        (Media("image", "f", mime="image/svg+xml"), "type"),
        (Media("video", "f", mime="video/mp4", size=20 * 1024 * 1024 + 1), "too_large"),
        (Media("image", "f", mime="image/jpeg", size=10 * 1024 * 1024 + 1), "too_large"),
        (Media("video", "f", mime="video/mp4", size=20 * 1024 * 1024), None),
        (Media("document", "f", mime="application/octet-stream", size=None), None),
        (Media("voice", "f", mime="audio/ogg; codecs=opus"), None),
    ],
)
async def test_what_is_plainly_not_taken_is_refused_at_once(
    talk: Talk, opened, media: Media, refusal: str | None
) -> None:
    ticket = await opened(talk)
    wanted = await want(talk, await message(talk, media), ticket.id)
    assert wanted.refusal == refusal
    (stored,) = await talk.attachments()
    assert (stored.state, stored.failure) == (
        ("wanted", None) if refusal is None else ("refused", refusal)
    )
    # Staff see that something came and why it is not there.
    (seen,) = await talk.root.attachments.of_ticket(ticket.number)
    assert (seen.state, seen.failure) == (stored.state, refusal)


async def test_what_has_no_file_is_not_wanted(talk: Talk) -> None:
    for media in (None, Media("location", details={"latitude": 24.7}), Media("other")):
        assert await want(talk, await message(talk, media)) == Wanted(None, "no_file")
    assert await talk.attachments() == []


async def test_one_form_takes_ten_files(talk: Talk) -> None:
    ids: list[int] = []
    for _ in range(MOST_IN_FORM):
        wanted = await want(talk, await message(talk), form=ids)
        assert wanted.refusal is None and wanted.id is not None
        ids.append(wanted.id)
    assert (await want(talk, await message(talk), form=ids)).refusal == "too_many"


async def test_one_ticket_takes_ten_files_a_day(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    for _ in range(MOST_ON_TICKET):
        assert (await want(talk, await message(talk), ticket.id)).refusal is None
    assert (await want(talk, await message(talk), ticket.id)).refusal == "too_many"
    talk.clock.advance(days=1, seconds=1)
    assert (await want(talk, await message(talk), ticket.id)).refusal is None


async def test_one_conversation_fills_no_disk_by_dropping_forms(talk: Talk) -> None:
    for _ in range(MOST_IN_CONVERSATION):
        wanted = await want(talk, await message(talk))
        async with talk.root.db.write() as session:
            await talk.root.attachments.discard(session, [wanted.id or 0])
    assert (await want(talk, await message(talk))).refusal == "too_many"
    # Others are not slowed by it.
    assert (await want(talk, await message(talk, who="another"))).refusal is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\scan.pdf", "scan.pdf"),
        ("a\x00b\n\u202egpj.exe\u2066", "abgpj.exe"),
        ("  صورة   الهوية .jpg ", "صورة الهوية .jpg"),
        ("x" * 300 + ".pdf", "x" * 195 + "….pdf"),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_name_is_only_to_be_shown(given: str, shown: str) -> None:
    assert shown_name(given) == shown


# -- forms ---------------------------------------------------------------------------------------


async def test_the_files_of_a_form_become_the_tickets(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    ids = [await kept(talk, await message(talk)) for _ in range(2)]
    other = await kept(talk, await message(talk))
    async with talk.root.db.write() as session:
        assert [a.id for a in await talk.root.attachments.of_form(session, ids)] == ids
        await talk.root.attachments.bind(session, ids, ticket.id)
    seen = await talk.root.attachments.of_ticket(ticket.number)
    assert [(a.id, a.bound) for a in seen] == [(ids[0], True), (ids[1], True), (other, False)]


async def test_the_files_of_a_dropped_form_are_gone(talk: Talk, opened) -> None:
    ticket = await opened(talk)
    attachments = talk.root.attachments
    dropped = await kept(talk, await message(talk))
    bound = await kept(talk, await message(talk), ticket.id)
    waiting = (await want(talk, await message(talk))).id
    async with talk.root.db.write() as session:
        # An id that belongs to a ticket already is not to be dropped by a form.
        await attachments.discard(session, [dropped, bound, waiting or 0])
    assert [a.id for a in await attachments.of_ticket(ticket.number)] == [bound]
    assert await attachments.claim(["test"]) is None
    with pytest.raises(NotFoundError):
        await attachments.open(ticket.number, dropped)
    await talk.fetch()
    assert [path.name for path in talk.stored()] == [f"stored-{bound}"]
    rows = {row.id: row for row in await talk.attachments()}
    assert (rows[dropped].ref, rows[dropped].name, rows[dropped].stored) == ("", "", None)


async def test_a_form_never_takes_a_tickets_file_away(talk: Talk, opened) -> None:
    first, second = await opened(talk), await opened(talk)
    held = await kept(talk, await message(talk), first.id)
    async with talk.root.db.write() as session:
        await talk.root.attachments.bind(session, [held], second.id)
    (row,) = await talk.attachments()
    assert row.ticket_id == first.id


# -- claiming --------------------------------------------------------------------------------------


async def test_one_file_is_fetched_by_one_process(talk: Talk) -> None:
    attachments = talk.root.attachments
    await want(talk, await message(talk))
    first = await attachments.claim(["test"])
    assert first is not None and first.attempt == 1
    assert await attachments.claim(["test"]) is None
    assert await attachments.claim(["telegram"]) is None
    talk.clock.advance(seconds=LEASE.total_seconds() + 1)
    second = await attachments.claim(["test"])
    assert second is not None and second.attempt == 2
    # The first one comes back late and changes nothing.
    values = {"mime": "image/png", "size": 1, "sha256": "1" * 64}
    assert not await attachments.keep(first, stored="late", **values)
    await attachments.postpone(first, timedelta(days=9), "late")
    assert await attachments.keep(second, stored="whole", **values)
    assert not await attachments.keep(second, stored="twice", **values)
    (row,) = await talk.attachments()
    assert (row.state, row.stored, row.failure) == ("kept", "whole", None)


async def test_a_postponed_file_waits(talk: Talk) -> None:
    attachments = talk.root.attachments
    await want(talk, await message(talk))
    claimed = await attachments.claim(["test"])
    assert claimed is not None
    await attachments.postpone(claimed, timedelta(seconds=5), "timeout")
    assert await attachments.claim(["test"]) is None
    talk.clock.advance(seconds=6)
    assert await attachments.claim(["test"]) is not None


# -- staff -----------------------------------------------------------------------------------------


async def test_staff_open_what_belongs_to_the_ticket(talk: Talk, opened) -> None:
    mine, foreign = await opened(talk), await opened(talk, who="another")
    attachments = talk.root.attachments
    held = await kept(talk, await message(talk), mine.id)
    theirs = await kept(talk, await message(talk, who="another"), foreign.id)
    found, path = await attachments.open(mine.number, held)
    assert path.read_bytes() == b"content"
    assert (found.mime, found.size, found.name) == ("image/jpeg", 7, "صورة.jpg")
    for number, attachment_id in (
        (mine.number, theirs),
        (foreign.number, held),
        (mine.number, 999),
        ("000-000", held),
    ):
        with pytest.raises(NotFoundError):
            await attachments.open(number, attachment_id)
    path.unlink()
    with pytest.raises(NotFoundError):
        await attachments.open(mine.number, held)
    with pytest.raises(NotFoundError):
        await attachments.of_ticket("000-000")


async def test_what_came_after_the_ticket_left_a_place_is_not_its_business(
    talk: Talk, opened
) -> None:
    ticket = await opened(talk)
    before = await kept(talk, await message(talk))
    talk.clock.advance(minutes=1)
    elsewhere = await talk.accept("سؤال", who="new phone")
    async with talk.root.db.write() as session:
        session.add(
            TicketPlaceRow(
                ticket_id=ticket.id,
                conversation_id=ticket.conversation_id,
                left_at=talk.clock(),
            )
        )
        moved = await session.merge(ticket)
        moved.conversation_id = elsewhere
    talk.clock.advance(minutes=1)
    await kept(talk, await message(talk))  # whoever holds the old phone now
    after = await kept(talk, await message(talk, who="new phone"))
    seen = [a.id for a in await talk.root.attachments.of_ticket(ticket.number)]
    assert seen == [before, after]


async def test_the_folder_is_for_this_system_alone(talk: Talk) -> None:
    folder = Attachments(talk.root.db, talk.settings.data_dir / "deep" / "files").folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_names_of_files_are_looked_up_in_any_number(talk: Talk) -> None:
    await kept(talk, await message(talk))
    (row,) = await talk.rows(AttachmentRow)
    names = [f"unknown-{number}" for number in range(1200)] + [row.stored]
    assert await talk.root.attachments.stored_among(names) == {row.stored}
    assert await talk.root.attachments.stored_among([]) == set()
