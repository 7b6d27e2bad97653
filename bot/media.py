"""A message that holds something besides words: where its file belongs, and what is said to it.

A file goes with the open form; else to the ticket that a human has in hand; else to the writer's
newest open ticket, which is said with its number; else it is not taken, and the writer is told
what to do instead. A location or a contact has no file: its words go the same ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions.attachments import Attachments, Refusal
from actions.base import ActionResult, Turn
from actions.tickets import CLOSED, Tickets
from core.catalogue import Catalogue
from core.db.tables import InboxRow, TicketRow
from core.messages import Choice, Language, Media, MediaKind, OutboundMessage

#: What has a file.
FILES: frozenset[MediaKind] = frozenset({"voice", "audio", "image", "video", "document", "sticker"})
#: What has words in its stead.
WORDED: frozenset[MediaKind] = frozenset({"location", "contact"})

_REFUSALS: dict[Refusal, str] = {
    "type": "attachment_refused",
    "too_large": "attachment_too_large",
    "too_many": "attachment_too_many",
    "no_file": "media_other",
}

#: For staff's eyes, in the language of the conversation.
_NAMES: dict[MediaKind, dict[Language, str]] = {
    "voice": {"ar": "رسالة صوتية", "en": "Voice message"},
    "audio": {"ar": "ملف صوتي", "en": "Audio file"},
    "image": {"ar": "صورة", "en": "Picture"},
    "video": {"ar": "مقطع فيديو", "en": "Video"},
    "document": {"ar": "مستند", "en": "Document"},
    "sticker": {"ar": "ملصق", "en": "Sticker"},
    "location": {"ar": "موقع", "en": "Location"},
    "contact": {"ar": "جهة اتصال", "en": "Contact"},
    "other": {"ar": "محتوى من نوع آخر", "en": "Something else"},
}


def media_of(row: InboxRow) -> Media | None:
    """What the message holds besides words."""
    return None if row.media is None else Media.from_payload(row.media)


def words_of(media: Media, language: Language) -> str:
    """What was sent, in words for staff: the kind, and what the platform told of it. Of a location
    its name, address and coordinates (degrees, latitude first); of a contact name and numbers."""
    details = media.details
    told: list[str] = []
    if media.kind == "location":
        told = [_text(details.get("name")), _text(details.get("address")), _degrees(details)]
    elif media.kind == "contact":
        phones = details.get("phones")
        phones = phones if isinstance(phones, list | tuple) else [phones]
        told = [_text(details.get("name")), *map(_text, phones)]
    else:
        told = [_text(media.name)]
    comma = "، " if language == "ar" else ", "
    said = comma.join(part for part in told if part)
    name = _NAMES[media.kind][language]
    return f"{name}: {said}" if said else name


def refusal_line(kind: str, refusal: Refusal) -> str:
    """The catalogue's line for a file that is not taken."""
    return "media_sticker" if kind == "sticker" else _REFUSALS[refusal]


class MediaHandler:
    """Puts files where they belong."""

    def __init__(self, catalogue: Catalogue, attachments: Attachments, tickets: Tickets) -> None:
        self._catalogue = catalogue
        self._attachments = attachments
        self._tickets = tickets

    async def to_ticket(
        self, turn: Turn, row: InboxRow, media: Media, ticket_id: int
    ) -> OutboundMessage | None:
        """Attach the file to a ticket; what to say when it is not taken."""
        if media.kind in WORDED:
            return None
        wanted = await self._attachments.want(turn.session, row, ticket_id=ticket_id)
        return self._refused(media, wanted.refusal, turn.language)

    async def to_form(
        self, turn: Turn, row: InboxRow, media: Media, form: Mapping[str, Any]
    ) -> tuple[int | None, OutboundMessage | None]:
        """Attach the file to the open form: its id, and what to say when it is not taken."""
        wanted = await self._attachments.want(turn.session, row, form=form.get("attachments") or ())
        told = self._refused(media, wanted.refusal, turn.language)
        return (wanted.id if told is None else None), told

    async def taken(self, turn: Turn, form: Mapping[str, Any]) -> list[int]:
        """The form's files, without those that turned out not to be taken or to be had."""
        found = await self._attachments.of_form(turn.session, form.get("attachments") or ())
        return [attachment.id for attachment in found]

    async def alone(self, turn: Turn, row: InboxRow, media: Media) -> ActionResult:
        """No form is open and no human has the conversation: to the newest open ticket, or a word
        about what to do."""
        ticket = await self._open_ticket(turn)
        if ticket is None or media.kind == "other":
            return ActionResult((self._what_to_do(media, turn.language),))
        refused = await self.to_ticket(turn, row, media, ticket.id)
        if refused is not None:
            return ActionResult((refused,))
        await self._tickets.add_statement(turn.session, ticket, words_of(media, turn.language))
        line = self._catalogue.line("attached_to_ticket", turn.language, number=ticket.number)
        return ActionResult((line,), ticket_id=ticket.id)

    async def beside_words(
        self, turn: Turn, row: InboxRow, media: Media, ticket_id: int | None
    ) -> OutboundMessage:
        """The words were answered: what is said of the file that came with them. `ticket_id` is a
        ticket that the words went to."""
        if ticket_id is not None:
            refused = await self.to_ticket(turn, row, media, ticket_id)
            return refused or self._catalogue.line("attached_too", turn.language)
        if media.kind != "other" and await self._open_ticket(turn) is not None:
            return (await self.alone(turn, row, media)).messages[0]
        return self._catalogue.line("media_not_read", turn.language)

    async def _open_ticket(self, turn: Turn) -> TicketRow | None:
        rows = await self._tickets.of_conversation(turn.session, turn.conversation.id)
        return next((row for row in rows if row.state != CLOSED), None)

    def _what_to_do(self, media: Media, language: Language) -> OutboundMessage:
        offers = ["menu", "human"]
        if media.kind in ("image", "video", "document", "location"):
            offers.insert(0, "complaint")
        choices = tuple(Choice(key, self._catalogue.label(key, language)) for key in offers)
        return self._catalogue.line(f"media_{media.kind}", language, choices=choices)

    def _refused(
        self, media: Media, refusal: Refusal | None, language: Language
    ) -> OutboundMessage | None:
        if refusal is None:
            return None
        return self._catalogue.line(refusal_line(media.kind, refusal), language)


def _text(value: object) -> str:
    return " ".join(str(value).split())[:200] if isinstance(value, str | int) else ""


def _degrees(details: Mapping[str, Any]) -> str:
    latitude, longitude = details.get("latitude"), details.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return ""
    return f"{latitude:.6f} {longitude:.6f}"
