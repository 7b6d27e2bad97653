"""The Graph API through pywa: the one module that imports it.

`Graph` calls, `Reader` parses one message of a webhook. pywa's own server is not used: it checks
signatures only when told a secret, and remembers duplicates in memory. Nothing here starts a
server or a thread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pywa_async.client import WhatsApp
from pywa_async.errors import WhatsAppError
from pywa_async.types.base_update import RawUpdate
from pywa_async.types.callback import CallbackButton, CallbackSelection
from pywa_async.types.message import Message

from bot.channels.whatsapp.errors import channel_error, is_of_the_account
from core.errors import ChannelError
from core.logs import get_logger
from core.messages import Media, MediaKind

log = get_logger(__name__)

#: Version of the Graph API that pywa 4.5 speaks.
VERSION = "26.0"

ORIGIN = "https://graph.facebook.com"

#: Seconds for a connection, and for an answer; together shorter than the sender's own patience.
TIMEOUT = httpx.Timeout(12.0, connect=5.0)

_CHUNK = 64 * 1024
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_GONE = (100, 131052)


class Graph:
    """Calls of the Graph API for one number. Every method raises `ChannelError`."""

    def __init__(
        self,
        phone_id: str,
        token: str,
        origin: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._phone_id = phone_id
        self._origin = origin or ORIGIN
        self._session = httpx.AsyncClient(timeout=timeout)
        client = WhatsApp(
            phone_id=phone_id, token=token, session=self._session, api_version=VERSION
        )
        self._api = client.api
        self._session.base_url = httpx.URL(f"{self._origin}/v{VERSION}")

    async def close(self) -> None:
        """Close the connections."""
        await self._session.aclose()

    async def send(self, address: str, kind: str, content: Mapping[str, Any]) -> str:
        """Send a message of a kind (`text`, `interactive`, `template`); returns its id at Meta,
        which holds the phone number.

        A phone number is given as `to`, a business-scoped user id as `recipient`.
        """
        phone = address if address.isdigit() else None
        answer = await self._ask(
            self._api.send_message(
                sender=self._phone_id,
                to=phone,
                recipient=None if phone else address,
                recipient_type="individual",
                typ=kind,
                msg=dict(content),
            )
        )
        try:
            return str(answer["messages"][0]["id"])
        except (KeyError, IndexError, TypeError):
            # It was taken, so sending it again could only double it; it stays without an id.
            log.warning("the platform gave no id for a message that it took")
            return ""

    async def phone(self) -> dict[str, Any]:
        """What Meta says of our number: `display_phone_number`, `verified_name`, ..."""
        fields = "id,display_phone_number,verified_name,quality_rating"
        return await self.get(f"/{self._phone_id}", fields=fields)

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Any object of the Graph API, such as `/{business id}/message_templates`."""
        answer = await self._ask(self._api.send_raw_request("GET", path, params=parameters))
        return answer if isinstance(answer, dict) else {}

    async def download(self, media_id: str, path: Path, most: int) -> None:
        """Write a file that a person sent to `path`, at most `most` bytes.

        Its address is asked for anew each time, because it is good for five minutes only.
        """
        try:
            about = await self._ask(self._api.get_media_url(media_id))
        except ChannelError as error:
            if error.reason in {f"meta_{code}" for code in (*_GONE, 404)}:
                raise ChannelError("gone", permanent=True) from None
            raise
        url, size = about.get("url"), about.get("file_size")
        if str(size).isdigit() and int(str(size)) > most:  # a number, or digits in a string
            raise ChannelError("too_large", permanent=True)
        if not isinstance(url, str) or not self._may_be_asked(url):
            raise ChannelError("media_address", permanent=True)
        handle = await asyncio.to_thread(path.open, "wb")
        try:
            async with self._api.stream_media_bytes(url) as answer:
                if answer.status_code in (404, 410):
                    raise ChannelError("gone", permanent=True)
                if answer.status_code != 200:
                    raise channel_error(answer.status_code, answer.status_code)
                written = 0
                async for chunk in answer.aiter_bytes(_CHUNK):
                    written += len(chunk)
                    if written > most:
                        raise ChannelError("too_large", permanent=True)
                    await asyncio.to_thread(handle.write, chunk)
        except httpx.HTTPError as error:
            raise ChannelError(_word(error)) from None
        finally:
            await asyncio.to_thread(handle.close)

    def _may_be_asked(self, url: str) -> bool:
        """The token goes with the request, so never over an open line (but to a test server)."""
        wanted = "https" if self._origin.startswith("https:") else "http"
        return urlsplit(url).scheme in ("https", wanted)

    async def _ask(self, request: Any) -> Any:
        try:
            return await request
        except WhatsAppError as error:
            # Meta's own errors are JSON. Any other answer is a gateway's, behind which the request
            # may have been carried out.
            if (
                not error.raw.get("type")
                and not error.fbtrace_id
                and (error.status_code or 0) >= 500
            ):
                raise ChannelError(f"http_{error.status_code}", uncertain=True) from None
            if is_of_the_account(error.code, error.status_code):
                log.error(
                    "WhatsApp refuses our token, number or account: mend it at Meta; "
                    "messages are kept and tried again",
                    reason=f"meta_{error.code}",
                )
            raise channel_error(error.code, error.status_code, _retry_after(error)) from None
        except _NOT_SENT as error:
            raise ChannelError(_word(error)) from None
        except httpx.HTTPError as error:
            raise ChannelError(_word(error), uncertain=True) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # Half an answer, or one that is no JSON.
            raise ChannelError("unreadable_answer", uncertain=True) from None


@dataclass(frozen=True, slots=True)
class Content:
    """What a message holds: words (of a tapped button, its label), a button's value, and what is
    not words."""

    text: str = ""
    choice: str | None = None
    media: Media | None = None


class Reader:
    """Reads the content of one message, by pywa's parser."""

    def __init__(self, phone_id: str) -> None:
        self._client = WhatsApp(phone_id=phone_id)

    def read(self, update: Mapping[str, Any]) -> Content:
        """`update` is a webhook's document with one message, of a type that pywa knows.

        Raises:
            Exception: of any kind, when the message is not as pywa expects it.
        """
        raw = RawUpdate(json.dumps(update).encode(), hmac_header=None, update_hash="")
        message = raw.value["messages"][0]
        if message["type"] == "button" or (
            message["type"] == "interactive" and message["interactive"]["type"] == "button_reply"
        ):
            tapped = CallbackButton.from_update(self._client, raw)
            return Content(tapped.title, tapped.data)
        if message["type"] == "interactive":
            picked = CallbackSelection.from_update(self._client, raw)
            return Content(picked.title, picked.data)
        read = Message.from_update(self._client, raw)
        if message["type"] == "text":
            return Content(message["text"]["body"])
        return Content(read.caption or "", media=_media_of(read))


def _media_of(read: Message) -> Media:
    if read.media is not None:
        kinds: dict[str, MediaKind] = {
            "image": "image",
            "video": "video",
            "document": "document",
            "sticker": "sticker",
            "audio": "voice" if read.voice is not None else "audio",
        }
        file = read.media
        return Media(kinds[read.type.value], file.id, file.filename or "", file.mime_type)
    if read.location is not None:
        place = read.location
        details: dict[str, Any] = {
            "latitude": float(place.latitude),
            "longitude": float(place.longitude),
            "name": place.name or "",
            "address": place.address or "",
        }
        return Media("location", details=details)
    if read.contacts is not None:
        names = [person.name.formatted_name for person in read.contacts if person.name is not None]
        phones = [phone.phone for person in read.contacts for phone in person.phones if phone.phone]
        return Media("contact", details={"name": ", ".join(names), "phones": phones})
    return Media("other")


def _retry_after(error: WhatsAppError) -> float | None:
    given = (
        error.raw_response.headers.get("Retry-After") if error.raw_response is not None else None
    )
    try:
        return min(max(float(given), 0.0), 3600.0) if given is not None else None
    except ValueError:
        return None


def _word(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    """`ReadTimeout` becomes `read_timeout`: a fixed word, without address or text."""
    name = type(error).__name__
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
