"""Files on their way from a platform into the folder: whole or not at all, and never in silence."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Awaitable, Callable

import pytest

from actions.filetypes import MOST, MOST_IMAGE
from bot import fetcher as fetching
from bot.fetcher import Fetcher
from core.conversations import load
from core.db.tables import AttachmentRow, TicketRow
from core.errors import ChannelError
from core.messages import Media
from core.retry import FETCHING
from tests.support import files
from tests.support.minds import action
from tests.support.talk import Talk, refs

Send = Callable[..., Awaitable[AttachmentRow]]


@pytest.fixture
async def talk(script) -> Talk:
    return await script({"hello": action("greeting")})


@pytest.fixture
async def ticket(talk: Talk) -> TicketRow:
    conversation_id = await talk.accept("سلام")
    await talk.handle()
    await talk.deliver()
    async with talk.root.db.write() as session:
        conversation = await load(session, conversation_id)
        return await talk.root.tickets.open(
            session, conversation, kind="complaint", statement="تأخرت معاملتي"
        )


@pytest.fixture
def send(talk: Talk, ticket: TicketRow) -> Send:
    """Has a file wanted for the ticket; it is not fetched yet."""

    async def sent(content: object, media: Media | None = None) -> AttachmentRow:
        ref = f"file-{len(talk.channel.files)}"
        talk.channel.files[ref] = content  # type: ignore[assignment]
        told = media or Media("document")
        await talk.accept(media=Media(told.kind, ref, told.name, told.mime, told.size))
        row = (await talk.inbox())[-1]
        async with talk.root.db.write() as session:
            await talk.root.attachments.want(session, row, ticket.id)
        return (await talk.attachments())[-1]

    return sent


async def only(talk: Talk) -> AttachmentRow:
    (row,) = await talk.attachments()
    return row


# -- what is kept ------------------------------------------------------------------------------


async def test_a_file_is_kept_whole_under_a_name_of_ours(
    talk: Talk, ticket: TicketRow, send: Send
) -> None:
    await send(files.JPEG, Media("image", name="../../صورة الهوية.jpg", mime="image/png"))
    assert await talk.fetch() == 1
    row = await only(talk)
    # Type and size are the content's, not what was said of it.
    assert (row.state, row.mime, row.size) == ("kept", "image/jpeg", len(files.JPEG))
    assert row.sha256 == hashlib.sha256(files.JPEG).hexdigest()
    (path,) = talk.stored()
    assert path.name == row.stored and path.read_bytes() == files.JPEG
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "jpg" not in path.name and "صورة" not in path.name
    found, where = await talk.root.attachments.open(ticket.number, row.id)
    assert (found.name, where) == ("صورة الهوية.jpg", path)
    assert await talk.deliver() == []  # what was to be said was said when it came


@pytest.mark.parametrize(("content", "sound", "mime"), [f[1:] for f in files.TAKEN])
async def test_every_kind_that_is_taken(
    talk: Talk, send: Send, content: bytes, sound: bool, mime: str
) -> None:
    await send(content, Media("voice" if sound else "document"))
    await talk.fetch()
    assert ((await only(talk)).state, (await only(talk)).mime) == ("kept", mime)


async def test_a_wake_up_starts_the_fetching(talk: Talk, send: Send) -> None:
    await send(files.PNG)
    running = asyncio.create_task(talk.root.fetcher.run())
    try:
        async with asyncio.timeout(20):  # a net; it takes milliseconds
            while (await only(talk)).state != "kept":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [f[1] for f in files.REFUSED], ids=[f[0] for f in files.REFUSED]
)
async def test_what_only_claims_to_be_a_picture_is_refused_and_said(
    talk: Talk, ticket: TicketRow, send: Send, content: bytes
) -> None:
    await send(content, Media("document", name="photo.jpg", mime="image/jpeg"))
    await talk.fetch()
    row = await only(talk)
    assert (row.state, row.failure, row.stored) == ("refused", "type", None)
    assert talk.stored() == []
    (said,) = await talk.deliver()
    assert (refs([said]), said.language) == (["attachment_refused"], "ar")
    (told,) = [out for out in await talk.outbox() if out.origin_ref == "attachment_refused"]
    assert (told.ticket_id, told.inbox_id) == (ticket.id, row.inbox_id)


async def test_a_sticker_of_another_kind_is_not_called_a_wrong_file(talk: Talk, send: Send) -> None:
    await send(b"\x1f\x8b" + b"\0" * 60, Media("sticker"))
    await talk.fetch()
    assert refs(await talk.deliver()) == ["media_sticker"]


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (files.PDF.ljust(MOST, b" "), "kept"),
        (files.PDF.ljust(MOST + 1, b" "), "refused"),
        (files.JPEG.ljust(MOST_IMAGE, b"\0"), "kept"),
        (files.JPEG.ljust(MOST_IMAGE + 1, b"\0"), "refused"),
    ],
    ids=["20 MB", "more", "picture of 10 MB", "picture of more"],
)
async def test_the_real_size_counts(talk: Talk, send: Send, content: bytes, state: str) -> None:
    await send(content, Media("document", size=10))
    await talk.fetch()
    row = await only(talk)
    assert row.state == state
    assert len(talk.stored()) == (state == "kept")
    said = refs(await talk.deliver())
    assert said == ([] if state == "kept" else ["attachment_too_large"])
    assert row.failure == (None if state == "kept" else "too_large")


# -- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        ChannelError("timeout", uncertain=True),
        ChannelError("429", retry_after=40),
        ConnectionResetError("cut off"),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__ + str(error),
)
async def test_what_may_pass_is_tried_again(talk: Talk, send: Send, trouble: Exception) -> None:
    await send([trouble, files.PNG])
    assert await talk.fetch() == 1
    assert ((await only(talk)).state, talk.stored()) == ("wanted", [])
    asked = trouble.retry_after if isinstance(trouble, ChannelError) else None
    talk.clock.advance(seconds=(asked or FETCHING.first) * 0.9)
    assert await talk.fetch() == 0  # not yet
    talk.clock.advance(seconds=60)
    assert await talk.fetch() == 1
    assert (await only(talk)).state == "kept"
    assert await talk.deliver() == []


async def test_a_file_that_never_comes_is_given_up_and_said(talk: Talk, send: Send) -> None:
    await send([ChannelError("timeout")] * FETCHING.attempts)
    for _ in range(FETCHING.attempts):
        assert (await only(talk)).state == "wanted"
        assert await talk.fetch() == 1
        talk.clock.advance(hours=1)
    assert await talk.fetch() == 0
    row = await only(talk)
    assert (row.state, row.failure, row.attempts) == ("lost", "timeout", FETCHING.attempts)
    assert refs(await talk.deliver()) == ["attachment_lost"]


async def test_a_file_that_is_gone_is_not_asked_for_twice(talk: Talk, send: Send) -> None:
    await send(ChannelError("not_found", permanent=True))
    assert await talk.fetch() == 1
    assert ((await only(talk)).state, (await only(talk)).failure) == ("lost", "not_found")
    assert refs(await talk.deliver()) == ["attachment_lost"]


async def test_a_hanging_platform_is_left(talk: Talk, send: Send) -> None:
    await send(files.PNG)
    never = asyncio.Event()

    class Hanging:
        async def fetch(self, ref: str, path: object, most: int) -> None:
            await never.wait()

    root = talk.root
    hurried = Fetcher(
        root.db,
        root.attachments,
        root.outbox,
        root.catalogue,
        {"test": Hanging()},
        root.wakeup,
        timeout=0.01,
    )
    assert await hurried.step()
    row = await only(talk)
    assert (row.state, row.failure, talk.stored()) == ("wanted", "timeout", [])


async def test_a_full_disk_is_waited_out(
    talk: Talk, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(files.PNG)
    monkeypatch.setattr(fetching, "LEAST_FREE", 2**62)
    await talk.fetch()
    assert ((await only(talk)).state, (await only(talk)).failure) == ("wanted", "disk_full")
    assert talk.channel.fetched == []
    monkeypatch.setattr(fetching, "LEAST_FREE", 0)
    talk.clock.advance(minutes=1)
    await talk.fetch()
    assert (await only(talk)).state == "kept"


async def test_the_word_goes_where_the_ticket_is_now(
    talk: Talk, ticket: TicketRow, send: Send
) -> None:
    """Whoever resumed the request on another phone is told there, and nobody at the place left."""
    await send(b"not a picture")
    elsewhere = await talk.accept("hello", who="new phone")
    await talk.handle()
    await talk.deliver()
    async with talk.root.db.write() as session:
        moved = await session.get(TicketRow, ticket.id)
        assert moved is not None
        moved.conversation_id = elsewhere
    await talk.fetch()
    (said,) = await talk.deliver()
    assert (talk.channel.sent[-1].conversation_id, said.language) == (elsewhere, "en")
    assert refs([said]) == ["attachment_refused"]


# -- kills ---------------------------------------------------------------------------------------


async def test_a_fetcher_that_died_is_followed_by_another(talk: Talk, send: Send) -> None:
    await send(files.PNG)
    dead = await talk.root.attachments.claim(["test"])  # and nothing more
    assert dead is not None
    assert await talk.fetch() == 0
    talk.clock.advance(minutes=3)
    assert await talk.fetch() == 1
    assert (await only(talk)).state == "kept"


async def test_a_file_that_kills_whoever_fetches_it_is_given_up(talk: Talk, send: Send) -> None:
    await send(files.PNG)
    for _ in range(FETCHING.attempts):
        assert await talk.root.attachments.claim(["test"]) is not None
        talk.clock.advance(minutes=3)
    await talk.fetch()
    assert ((await only(talk)).state, talk.channel.fetched) == ("lost", [])


async def test_dying_between_the_file_and_its_row_leaves_no_half_file(
    talk: Talk, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name was given, the row was not written: the next one fetches anew, and what lies there
    without an attachment is cleared away, but not while it could still be another's."""
    await send([files.PNG, files.JPEG])
    attachments = talk.root.attachments

    async def dies(*_args: object, **_more: object) -> bool:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(attachments, "keep", dies)
        with pytest.raises(asyncio.CancelledError):
            await talk.fetch()
    (orphan,) = talk.stored()
    half = attachments.folder / "0123.part"
    half.write_bytes(b"half")
    talk.clock.advance(minutes=3)
    await talk.fetch()
    row = await only(talk)
    assert (row.state, row.mime) == ("kept", "image/jpeg")
    await talk.root.fetcher.clear()
    assert len(talk.stored()) == 3  # all of them are new
    old = time.time() - fetching.LEFT_OVER - 1
    for path in talk.stored():
        os.utime(path, (old, old))
    await talk.root.fetcher.clear()
    assert [path.name for path in talk.stored()] == [row.stored]
    assert orphan.name != row.stored
    assert (attachments.folder / (row.stored or "")).read_bytes() == files.JPEG


async def test_a_file_that_was_dropped_meanwhile_does_not_stay(talk: Talk, send: Send) -> None:
    await send(files.PNG)
    fetch = talk.channel.fetch
    attachments = talk.root.attachments

    async def slow(ref: str, path, most: int) -> None:
        await fetch(ref, path, most)
        async with talk.root.db.write() as session:
            row = await session.get(AttachmentRow, 1)
            assert row is not None
            row.ticket_id = None
            await session.flush()
            await attachments.discard(session, [1])

    talk.channel.fetch = slow  # type: ignore[method-assign]
    await talk.fetch()
    assert ((await only(talk)).state, talk.stored()) == ("discarded", [])
    assert await talk.deliver() == []
