"""Files that citizens send: which are wanted, what became of each, and where they lie.

A file is wanted when it belongs to an open form or to a ticket. It is fetched at once by
`bot.fetcher`, looked at, and kept under a random name of ours in a folder that nobody but this
system reads; it is never opened, run or served as anything but the type that its content shows.

Bounds: ten files in one form, ten a day on one ticket, twenty a day from one conversation, so that
nobody fills the disk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions import numbers
from actions.filetypes import may_be_taken, most_of
from core import metrics
from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import AttachmentRow, InboxRow, TicketPlaceRow, TicketRow
from core.errors import NotFoundError
from core.logs import get_logger
from core.messages import Media

log = get_logger(__name__)

#: How long one fetching may take before another process tries; longer than the fetcher waits.
LEASE = timedelta(minutes=2)

MOST_IN_FORM = 10
MOST_ON_TICKET = 10
MOST_IN_CONVERSATION = 20
_DAY = timedelta(days=1)
_MAX_NAME = 200
#: Names in one query; databases bound the number of parameters.
_AT_ONCE = 500

#: Why a file is not taken: not one of our types; too large; too many of them; there is none.
Refusal = Literal["type", "too_large", "too_many", "no_file"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as staff see it. `state`: wanted (being fetched), kept, refused, lost. `mime` and
    `size` (bytes) are of the kept file; `name` is the citizen's and only to be shown. `bound`:
    it was sent for this very ticket; else it stands in the same conversation."""

    id: int
    inbox_id: int
    kind: str
    name: str
    state: str
    mime: str | None
    size: int | None
    failure: str | None
    created_at: datetime
    bound: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What became of the wish: the attachment's id, and why it is refused, if it is."""

    id: int | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file to fetch; `attempt` is counted from 1 and fences off a fetcher that comes late."""

    row: AttachmentRow
    attempt: int


class Attachments:
    """The one way to attachments. `folder` is where the files lie."""

    def __init__(self, db: Database, folder: Path, clock: Clock = utc_now) -> None:
        self._db = db
        self._folder = folder
        self._clock = clock

    @property
    def folder(self) -> Path:
        """The folder of the files, made (mode 0700) when it is not there."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)  # whatever the umask
        return self._folder

    # -- from a citizen's turn: in the caller's transaction ------------------------------------

    async def want(
        self,
        session: AsyncSession,
        row: InboxRow,
        ticket_id: int | None = None,
        form: Sequence[int] = (),
    ) -> Wanted:
        """Have the message's file fetched, for a ticket or for the open form that has the files
        `form` already. What is plainly not to be taken is refused at once, and noted for staff.
        The caller wakes `ATTACHMENTS` after the commit."""
        if row.media is None or not row.media.get("ref"):
            return Wanted(None, "no_file")
        known = await session.scalar(select(AttachmentRow).where(AttachmentRow.inbox_id == row.id))
        if known is not None:
            return Wanted(known.id)
        media = Media.from_payload(row.media)
        refusal = await self._refusal(session, row, media, ticket_id, form)
        now = self._clock()
        made = AttachmentRow(
            inbox_id=row.id,
            conversation_id=row.conversation_id,
            ticket_id=ticket_id,
            channel=row.channel,
            kind=media.kind,
            ref=media.ref,
            name=shown_name(media.name),
            state="wanted" if refusal is None else "refused",
            failure=refusal,
            not_before=now,
            created_at=now,
            done_at=None if refusal is None else now,
        )
        session.add(made)
        await session.flush()
        metrics.ATTACHMENTS.labels("wanted" if refusal is None else "refused").inc()
        log.info("file wanted", attachment=made.id, kind=media.kind, reason=refusal or "none")
        return Wanted(made.id, refusal)

    async def _refusal(
        self,
        session: AsyncSession,
        row: InboxRow,
        media: Media,
        ticket_id: int | None,
        form: Sequence[int],
    ) -> Refusal | None:
        if not may_be_taken(media.mime):
            return "type"
        if media.size is not None and media.size > most_of(media.mime):
            return "too_large"
        if len(form) >= MOST_IN_FORM:
            return "too_many"
        today = AttachmentRow.created_at > self._clock() - _DAY
        here = AttachmentRow.conversation_id == row.conversation_id
        if await self._count(session, here, today) >= MOST_IN_CONVERSATION:
            return "too_many"
        there = AttachmentRow.ticket_id == ticket_id
        if ticket_id is not None and await self._count(session, there, today) >= MOST_ON_TICKET:
            return "too_many"
        return None

    async def _count(self, session: AsyncSession, *where: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(AttachmentRow)
        found = await session.scalar(query.where(AttachmentRow.state != "refused", *where))
        return found or 0

    async def of_form(self, session: AsyncSession, ids: Sequence[int]) -> list[Attachment]:
        """Those of the form's files that are kept or still being fetched."""
        rows = await session.scalars(
            select(AttachmentRow)
            .where(AttachmentRow.id.in_(ids), AttachmentRow.state.in_(("wanted", "kept")))
            .order_by(AttachmentRow.id)
        )
        return [_view(row, bound=True) for row in rows]

    async def bind(self, session: AsyncSession, ids: Sequence[int], ticket_id: int) -> None:
        """The form became a ticket: its files are the ticket's."""
        await session.execute(
            update(AttachmentRow)
            .where(
                AttachmentRow.id.in_(ids),
                AttachmentRow.ticket_id.is_(None),
                AttachmentRow.state != "discarded",
            )
            .values(ticket_id=ticket_id)
        )

    async def discard(self, session: AsyncSession, ids: Sequence[int]) -> None:
        """The form was dropped: nobody is to see its files any more. The fetcher removes them
        from the disk; the caller wakes `ATTACHMENTS` after the commit."""
        done = await session.execute(
            update(AttachmentRow)
            .where(
                AttachmentRow.id.in_(ids),
                AttachmentRow.ticket_id.is_(None),
                AttachmentRow.state.in_(("wanted", "kept")),
            )
            .values(state="discarded", ref="", name="", done_at=self._clock())
            .returning(AttachmentRow.id)
        )
        metrics.ATTACHMENTS.labels("discarded").inc(len(done.all()))

    # -- for the fetcher -----------------------------------------------------------------------

    async def claim(self, channels: Sequence[str]) -> Claimed | None:
        """The file (on one of the channels) that has waited longest, for this process alone until
        `LEASE` is over; None when none is due. The attempt is counted before the work."""
        now = self._clock()
        due = [
            AttachmentRow.state == "wanted",
            AttachmentRow.not_before <= now,
            or_(AttachmentRow.claim_until.is_(None), AttachmentRow.claim_until <= now),
        ]
        async with self._db.read() as session:
            query = select(AttachmentRow.id).where(*due, AttachmentRow.channel.in_(channels))
            found = await session.scalars(
                query.order_by(AttachmentRow.not_before, AttachmentRow.id).limit(8)
            )
        for attachment_id in found.all():
            async with self._db.write() as session:
                row = await session.scalar(
                    update(AttachmentRow)
                    .where(AttachmentRow.id == attachment_id, *due)
                    .values(claim_until=now + LEASE, attempts=AttachmentRow.attempts + 1)
                    .returning(AttachmentRow)
                )
                if row is not None:
                    return Claimed(row, row.attempts)
        return None

    async def keep(
        self, claimed: Claimed, *, mime: str, size: int, sha256: str, stored: str
    ) -> bool:
        """The file lies whole in the folder under the name `stored`. False: it is no longer
        wanted, or another fetcher was first; the file is the caller's to remove."""
        values = {"mime": mime, "size": size, "sha256": sha256, "stored": stored}
        async with self._db.write() as session:
            return await self.end(session, claimed, "kept", None, **values)

    async def end(
        self,
        session: AsyncSession,
        claimed: Claimed,
        state: Literal["kept", "refused", "lost"],
        failure: str | None,
        **values: Any,
    ) -> bool:
        """The file's last state, in the caller's transaction; False when somebody else ended it
        or the claim was taken over."""
        changed = await session.scalar(
            update(AttachmentRow)
            .where(*_under(claimed))
            .values(state=state, failure=failure, done_at=self._clock(), **values)
            .returning(AttachmentRow.id)
        )
        if changed is None:
            return False
        metrics.ATTACHMENTS.labels(state).inc()
        return True

    async def postpone(self, claimed: Claimed, delay: timedelta, reason: str) -> None:
        """Try again later."""
        async with self._db.write() as session:
            await session.execute(
                update(AttachmentRow)
                .where(*_under(claimed))
                .values(not_before=self._clock() + delay, claim_until=None, failure=reason[:100])
            )

    async def discarded(self) -> list[tuple[int, str]]:
        """Id and file name of what was discarded and still lies on the disk."""
        async with self._db.read() as session:
            rows = await session.execute(
                select(AttachmentRow.id, AttachmentRow.stored).where(
                    AttachmentRow.state == "discarded", AttachmentRow.stored.is_not(None)
                )
            )
            return [(row[0], row[1] or "") for row in rows]

    async def removed(self, attachment_id: int) -> None:
        """The discarded file is no longer on the disk."""
        async with self._db.write() as session:
            await session.execute(
                update(AttachmentRow)
                .where(AttachmentRow.id == attachment_id, AttachmentRow.state == "discarded")
                .values(stored=None, mime=None, size=None, sha256=None)
            )

    async def stored_among(self, names: Sequence[str]) -> set[str]:
        """Those of the file names that belong to an attachment."""
        found: set[str] = set()
        async with self._db.read() as session:
            for start in range(0, len(names), _AT_ONCE):
                some = AttachmentRow.stored.in_(names[start : start + _AT_ONCE])
                found.update(await session.scalars(select(AttachmentRow.stored).where(some)))
        return found

    # -- for staff -----------------------------------------------------------------------------

    async def of_ticket(self, number: str) -> list[Attachment]:
        """The ticket's files and those of its conversation (which staff read beside it), in the
        order of their coming, refused and lost ones as well.

        Raises:
            NotFoundError: there is no such ticket.
        """
        async with self._db.read() as session:
            ticket = await self._ticket(session, number)
            rows = await session.scalars(
                select(AttachmentRow)
                .where(_of(ticket), AttachmentRow.state != "discarded")
                .order_by(AttachmentRow.id)
            )
            return [_view(row, bound=row.ticket_id == ticket.id) for row in rows]

    async def open(self, number: str, attachment_id: int) -> tuple[Attachment, Path]:
        """A kept file of the ticket or of its conversation, and where it lies.

        Raises:
            NotFoundError: no such ticket, no such file there, or it is not kept.
        """
        async with self._db.read() as session:
            ticket = await self._ticket(session, number)
            row = await session.scalar(
                select(AttachmentRow).where(
                    AttachmentRow.id == attachment_id, _of(ticket), AttachmentRow.state == "kept"
                )
            )
            if row is None or row.stored is None:
                raise NotFoundError(f"ticket {ticket.number} has no file {attachment_id}")
            path = self._folder / row.stored
            if not path.is_file():
                raise NotFoundError(f"the file {attachment_id} is not on the disk")
            return _view(row, bound=row.ticket_id == ticket.id), path

    async def _ticket(self, session: AsyncSession, number: str) -> TicketRow:
        row = await session.scalar(
            select(TicketRow).where(TicketRow.number == numbers.normalise(number))
        )
        if row is None:
            raise NotFoundError(f"There is no ticket {number[:20]}.")
        return row


def shown_name(name: str) -> str:
    """A citizen's file name as it may be shown: one line without path, control or direction
    characters. It never names a file of ours."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if c == " " or unicodedata.category(c)[0] not in "CZ")
    kept = " ".join(kept.split())
    if len(kept) > _MAX_NAME:
        stem, dot, ending = kept.rpartition(".")
        ending = dot + ending if dot and len(ending) <= 8 else ""
        kept = (stem if ending else kept)[: _MAX_NAME - len(ending) - 1] + "…" + ending
    return kept


def _under(claimed: Claimed) -> list[ColumnElement[bool]]:
    return [
        AttachmentRow.id == claimed.row.id,
        AttachmentRow.state == "wanted",
        AttachmentRow.attempts == claimed.attempt,
    ]


def _of(ticket: TicketRow) -> ColumnElement[bool]:
    """Sent for the ticket, or in a conversation that it is or was in."""
    earlier = exists().where(
        TicketPlaceRow.ticket_id == ticket.id,
        TicketPlaceRow.conversation_id == AttachmentRow.conversation_id,
        TicketPlaceRow.left_at >= AttachmentRow.created_at,
    )
    return or_(
        AttachmentRow.ticket_id == ticket.id,
        AttachmentRow.conversation_id == ticket.conversation_id,
        earlier,
    )


def _view(row: AttachmentRow, *, bound: bool) -> Attachment:
    return Attachment(
        id=row.id,
        inbox_id=row.inbox_id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        mime=row.mime,
        size=row.size,
        failure=row.failure,
        created_at=row.created_at,
        bound=bound,
    )
