"""Serving what citizens sent to staff, so that nothing in it can do harm.

The type is the one that the content showed when it was fetched, and only if it is on our own list;
the browser is told to believe it and to run nothing. Pictures, sound and film are shown in place;
everything else is saved to the disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from starlette.responses import FileResponse, Response

from actions.attachments import Attachment
from actions.filetypes import AUDIO, IMAGES, TAKEN, VIDEO

Shown = Literal["image", "audio", "video", "download"]

#: Sound that browsers do not play; it is offered for saving.
_UNPLAYED = frozenset({"audio/amr", "audio/amr-wb", "audio/3gpp", "video/3gpp"})

_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/amr-wb": ".awb",
    "audio/3gpp": ".3gp",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
}


def shown_as(mime: str | None) -> Shown:
    """How a page shows a file of this type."""
    if mime in IMAGES:
        return "image"
    if mime in _UNPLAYED:
        return "download"
    if mime in AUDIO:
        return "audio"
    return "video" if mime in VIDEO else "download"


def serve(number: str, attachment: Attachment, path: Path) -> Response:
    """The file as an answer; ranges are served, so that sound and film can be wound.

    It is saved under a name of ours: what the citizen called it may mislead.
    """
    mime = attachment.mime if attachment.mime in TAKEN else "application/octet-stream"
    inline = shown_as(attachment.mime) != "download"
    return FileResponse(
        path,
        headers=_HEADERS,
        media_type=mime,
        filename=f"{number}-{attachment.id}{_ENDINGS.get(mime, '.bin')}",
        content_disposition_type="inline" if inline else "attachment",
    )
