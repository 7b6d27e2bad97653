"""The fetcher: gets the files that citizens sent from their platforms, at once, and looks at them.

A file is written beside its place under a name of ours, looked at, synced to the disk and only then
given its final name; the database says "kept" last. So a killed process leaves either nothing or
something that no attachment names, which is cleared away later. Errors that may pass are tried
again; what is refused or cannot be had is said to the citizen, and seen by staff.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from actions.attachments import Attachments, Claimed, Refusal
from actions.filetypes import HEAD, MOST, most_of, type_of
from bot.media import refusal_line
from core import conversations, metrics
from core.catalogue import Catalogue
from core.db.engine import Database
from core.db.tables import AttachmentRow, InboxRow, TicketRow
from core.errors import ChannelError
from core.logs import bind_correlation, get_logger
from core.messages import Language, MediaSource
from core.queues.outbox import Outbox
from core.retry import FETCHING
from core.wakeup import ATTACHMENTS, DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

#: How often to look for work that no wake-up announced, in seconds.
POLL = 2.0

#: Longest wait for one file, in seconds; shorter than `actions.attachments.LEASE`.
FETCH_TIMEOUT = 90.0

#: How often, in seconds, what belongs to no attachment is cleared away, and how old it must be:
#: older than any fetching that may still be going on.
CLEAR_EVERY = 6 * 3600.0
LEFT_OVER = 3600.0

#: Bytes that must stay free on the disk, for the database lives there too.
LEAST_FREE = 500 * 1024 * 1024

_UNFINISHED = ".part"

Ending = Literal["refused", "lost"]


@dataclass(frozen=True, slots=True)
class _Found:
    """A whole file in its place."""

    mime: str
    size: int
    sha256: str
    stored: str


class Fetcher:
    """Fetches until it is cancelled. `sources` are the channels whose people send files."""

    def __init__(
        self,
        db: Database,
        attachments: Attachments,
        outbox: Outbox,
        catalogue: Catalogue,
        sources: Mapping[str, MediaSource],
        wakeup: Wakeup,
        *,
        timeout: float = FETCH_TIMEOUT,
    ) -> None:
        self._db = db
        self._attachments = attachments
        self._outbox = outbox
        self._catalogue = catalogue
        self.sources = sources
        self._wakeup = wakeup
        self._timeout = timeout

    async def run(self) -> None:
        """Fetch for ever; errors of the database and the disk are waited out."""
        cleared: float | None = None
        while True:
            try:
                if cleared is None or time.monotonic() - cleared > CLEAR_EVERY:
                    await self.clear()
                    cleared = time.monotonic()
                worked = await self.step()
                await self.remove_discarded()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("fetcher step failed")
                await asyncio.sleep(POLL)
                continue
            if not worked:
                await self._wakeup.wait(ATTACHMENTS, POLL)

    async def step(self) -> bool:
        """Fetch one file; False when none is due."""
        claimed = await self._attachments.claim(tuple(self.sources))
        if claimed is None:
            return False
        async with self._db.read() as session:
            inbound = await session.get(InboxRow, claimed.row.inbox_id)
        correlation = inbound.correlation if inbound is not None else "-"
        with bind_correlation(correlation, attachment=claimed.row.id):
            if claimed.attempt > FETCHING.attempts:
                # It killed whoever fetched it before that could be counted as failed.
                await self._end(claimed, "lost", "attempts", "attachment_lost", correlation)
            else:
                await self._fetch(claimed, correlation)
        for topic in (OUTBOX, DESK, conversation_topic(claimed.row.conversation_id)):
            await self._wakeup.wake(topic)
        return True

    async def remove_discarded(self) -> None:
        """Take files off the disk whose form was dropped."""
        for attachment_id, name in await self._attachments.discarded():
            (self._attachments.folder / name).unlink(missing_ok=True)
            await self._attachments.removed(attachment_id)

    async def clear(self) -> None:
        """Take away what a killed process left: files of the folder that no attachment names."""
        old = await asyncio.to_thread(_older_than, self._attachments.folder, LEFT_OVER)
        stored = await self._attachments.stored_among([path.name for path in old])
        left = [path for path in old if path.name not in stored]
        for path in left:
            path.unlink(missing_ok=True)
        if left:
            log.info("left-over files removed", count=len(left))

    async def _fetch(self, claimed: Claimed, correlation: str) -> None:
        path = self._attachments.folder / f"{secrets.token_hex(16)}{_UNFINISHED}"
        try:
            found = await self._get(claimed, path)
        except ChannelError as error:
            await self._failed(claimed, error, correlation)
            return
        finally:
            path.unlink(missing_ok=True)
        if not isinstance(found, _Found):
            line = refusal_line(claimed.row.kind, found)
            await self._end(claimed, "refused", found, line, correlation)
            return
        kept = await self._attachments.keep(
            claimed, mime=found.mime, size=found.size, sha256=found.sha256, stored=found.stored
        )
        if kept:
            log.info("file kept", kind=claimed.row.kind, size=found.size)
        else:
            (self._attachments.folder / found.stored).unlink(missing_ok=True)
            log.info("file no longer wanted")

    async def _get(self, claimed: Claimed, path: Path) -> _Found | Refusal:
        """The file in its place, or why it is refused.

        Raises:
            ChannelError: it could not be had (now).
        """
        row = claimed.row
        try:
            if shutil.disk_usage(path.parent).free < LEAST_FREE:
                raise ChannelError("disk_full")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            async with asyncio.timeout(self._timeout):
                await self.sources[row.channel].fetch(row.ref, path, MOST)
            sound = row.kind in ("voice", "audio")
            return await asyncio.to_thread(_look_and_place, path, sound)
        except TimeoutError:
            raise ChannelError("timeout") from None
        except OSError as error:
            raise ChannelError(type(error).__name__) from error
        except ChannelError as error:
            if error.reason == "too_large":
                return "too_large"
            raise
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("channel broke")
            raise ChannelError(type(error).__name__) from error

    async def _failed(self, claimed: Claimed, error: ChannelError, correlation: str) -> None:
        delay = None if error.permanent else FETCHING.delay(claimed.attempt, error.retry_after)
        if delay is None:
            await self._end(claimed, "lost", error.reason, "attachment_lost", correlation)
            return
        await self._attachments.postpone(claimed, delay, error.reason)
        metrics.ATTACHMENTS.labels("tried again").inc()
        log.warning(
            "file will be tried again",
            reason=error.reason,
            attempt=claimed.attempt,
            delay=round(delay.total_seconds(), 1),
        )

    async def _end(
        self, claimed: Claimed, state: Ending, reason: str, line: str, correlation: str
    ) -> None:
        """The file will not be had: staff see it, and whoever sent it is told, where the ticket is
        now."""
        row = claimed.row
        async with self._db.write() as session:
            if not await self._attachments.end(session, claimed, state, reason[:100]):
                return
            bound = await session.get(AttachmentRow, row.id, populate_existing=True)
            ticket_id = bound.ticket_id if bound is not None else None
            ticket = await session.get(TicketRow, ticket_id) if ticket_id is not None else None
            place = ticket.conversation_id if ticket is not None else row.conversation_id
            conversation = await conversations.load(session, place)
            language: Language = "en" if conversation.language == "en" else "ar"
            await self._outbox.put(
                session,
                place,
                self._catalogue.line(line, language),
                correlation=correlation,
                inbox_id=row.inbox_id if place == row.conversation_id else None,
                ticket_id=ticket_id,
            )
        await self._wakeup.wake(conversation_topic(place))
        log.warning("file not kept", outcome=state, reason=reason[:100], attempt=claimed.attempt)


def _look_and_place(path: Path, sound: bool) -> _Found | Refusal:
    """What the fetched file is; one of ours gets its final name, whole and synced."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        head = file.read(HEAD)
        mime = type_of(head, sound=sound)
        if mime is None:
            return "type"
        if size > most_of(mime):
            return "too_large"
        digest.update(head)
        while block := file.read(1 << 20):
            digest.update(block)
        os.fsync(file.fileno())
    path.chmod(0o600)
    place = path.with_name(secrets.token_hex(16))
    path.rename(place)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return _Found(mime, size, digest.hexdigest(), place.name)


def _older_than(folder: Path, seconds: float) -> list[Path]:
    limit = time.time() - seconds
    return [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < limit]
