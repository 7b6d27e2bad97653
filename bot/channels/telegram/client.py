"""The Bot API by python-telegram-bot; the one module that imports it.

Only the library's `Bot` is used. Its `Updater` queues updates in memory and its parser refuses a
batch for the sake of one update, so updates are asked for here and read in `updates.py`. Every
error becomes a `ChannelError` that carries a short word: the library's own texts may quote the
token.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from bot.channels.telegram.buttons import Button
from bot.channels.telegram.identity import ChatMovedError
from core.errors import ChannelError
from core.logs import get_logger

log = get_logger(__name__)

# The library's own way to choose the coming type of lengths of time; without it every 429 warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")

ORIGIN = "https://api.telegram.org"

#: The kinds of updates that we ask for; Telegram keeps the others to itself.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")

#: Seconds for connecting, and for an answer. Together they stay below the sender's own limit.
_CONNECT = 5.0
_ANSWER = 12.0

#: How long a file may take to come, in seconds.
_DOWNLOAD = 120.0

#: Telegram gives a bot no file larger than 20 MB (https://core.telegram.org/bots/api#getfile).
_TOO_BIG = "file is too big"

#: What Telegram says of a message that it refuses, and our word for it.
_REFUSALS = (
    ("chat not found", "chat_not_found"),
    ("message is too long", "text_too_long"),
    ("message text is empty", "text_empty"),
    ("button_data_invalid", "button_data"),
    ("button_url_invalid", "button_url"),
    ("wrong http url", "button_url"),
    ("reply markup is too long", "too_many_buttons"),
    ("not enough rights", "no_rights"),
    ("have no rights", "no_rights"),
)


class _Bot(Bot):
    """The library's bot, which can also give updates as they came."""

    __slots__ = ()

    async def raw_updates(self, offset: int | None, seconds: int) -> Any:
        data: dict[str, Any] = {"timeout": seconds, "allowed_updates": list(ALLOWED_UPDATES)}
        if offset is not None:
            data["offset"] = offset
        return await self._post("getUpdates", data, read_timeout=seconds + _ANSWER)


class BotClient:
    """The methods of the Bot API that we use. All raise `ChannelError`."""

    def __init__(self, token: str, origin: str | None = None) -> None:
        base = origin or ORIGIN
        self._files = f"{base}/file/bot{token}/"
        self._requests = (_request(8), _request(1))
        self._bot = _Bot(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=self._requests[0],
            get_updates_request=self._requests[1],
        )
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(_ANSWER, connect=_CONNECT))

    async def close(self) -> None:
        """Close the connections."""
        for request in self._requests:
            await request.shutdown()
        await self._http.aclose()

    async def about(self) -> dict[str, Any]:
        """The bot itself: `username`, `can_read_all_group_messages`, ..."""
        with _our_errors():
            return (await self._bot.get_me()).to_dict()

    async def username(self) -> str:
        """The bot's name, without the @."""
        return str((await self.about()).get("username") or "")

    async def updates(self, offset: int | None, seconds: int) -> list[Any]:
        """The updates from `offset` on, waiting at most `seconds` for one. Telegram forgets those
        before `offset`."""
        with _our_errors():
            updates = await self._bot.raw_updates(offset, seconds)
        if not isinstance(updates, list):
            raise ChannelError("bad_answer")
        return updates

    async def send(self, chat_id: int, text: str, buttons: Sequence[Button]) -> int:
        """Send a text as it stands, one button in a row; returns the message's id in its chat."""
        rows = [
            [InlineKeyboardButton(button.label, url=button.url, callback_data=button.data)]
            for button in buttons
        ]
        with _our_errors():
            message = await self._bot.send_message(
                chat_id,
                text,
                reply_markup=InlineKeyboardMarkup(rows) if rows else None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
            return message.message_id

    async def answer_tap(self, query_id: str) -> None:
        """Let the tapped button stop waiting."""
        with _our_errors():
            await self._bot.answer_callback_query(query_id)

    async def set_commands(self, commands: Mapping[str, str], language: str | None) -> None:
        """What the app shows when people type "/", by command; `language` None is for everybody
        whose app speaks none of the languages set."""
        made = [BotCommand(command, words) for command, words in commands.items()]
        with _our_errors():
            await self._bot.set_my_commands(made, language_code=language)

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have updates delivered to `url`."""
        with _our_errors():
            await self._bot.set_webhook(
                url, secret_token=secret, allowed_updates=list(ALLOWED_UPDATES)
            )

    async def delete_webhook(self) -> None:
        """Have updates wait for `updates`; those that wait stay."""
        with _our_errors():
            await self._bot.delete_webhook(drop_pending_updates=False)

    async def webhook_info(self) -> dict[str, Any]:
        """What Telegram knows of the webhook: `url`, `pending_update_count`, errors."""
        with _our_errors():
            return (await self._bot.get_webhook_info()).to_dict()

    async def download(self, file_id: str, path: Path, most: int) -> None:
        """Write a file to `path`.

        Raises:
            ChannelError: permanent `too_large` above `most` bytes (or Telegram's own limit).
        """
        with _our_errors():
            file = await self._bot.get_file(file_id)
        if file.file_size is not None and file.file_size > most:
            raise ChannelError("too_large", permanent=True)
        # The library makes a whole address of the path; we want the path alone.
        place = (file.file_path or "").removeprefix(self._files)
        if not place:
            raise ChannelError("no_file")
        try:
            async with asyncio.timeout(_DOWNLOAD):
                await self._stream(self._files + quote(place, safe="/"), path, most)
        except TimeoutError:
            raise ChannelError("timeout") from None
        except httpx.HTTPError as error:
            raise ChannelError(_word(error)) from None

    async def _stream(self, url: str, path: Path, most: int) -> None:
        size = 0
        async with self._http.stream("GET", url) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise ChannelError("gone", permanent=True)
            if answer.status_code != httpx.codes.OK:
                raise ChannelError(f"http_{answer.status_code}")
            file = await asyncio.to_thread(path.open, "wb")
            try:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > most:
                        raise ChannelError("too_large", permanent=True)
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await asyncio.to_thread(file.close)


def _request(connections: int) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        read_timeout=_ANSWER,
        write_timeout=_CONNECT,
        connect_timeout=_CONNECT,
        pool_timeout=_CONNECT,
    )


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except TelegramError as error:
        raise _channel_error(error) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        # An answer of success whose body is not what it should be.
        raise ChannelError("bad_answer", uncertain=True) from None


def _channel_error(error: TelegramError) -> ChannelError:
    if isinstance(error.__cause__, TelegramError):
        # A body that is not the Bot API's: whatever its status, it is not Telegram that speaks.
        return ChannelError("server", uncertain=True)
    said = error.message.lower()
    if isinstance(error, RetryAfter):
        return ChannelError("too_many", retry_after=_seconds(error))
    if isinstance(error, ChatMigrated):
        return ChatMovedError(str(error.new_chat_id))
    if isinstance(error, InvalidToken):
        log.error("Telegram refuses the bot's token: set NATIQ_TELEGRAM_TOKEN to one that is valid")
        return ChannelError("token_refused")
    if isinstance(error, Forbidden):
        return ChannelError("blocked", permanent=True)
    if isinstance(error, Conflict):
        return ChannelError("conflict")
    if isinstance(error, BadRequest):
        return _refusal(said)
    if isinstance(error, NetworkError):
        cause = error.__cause__
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return ChannelError("not_reached")
        if "too many requests" in said:
            return ChannelError("too_many")
        return ChannelError(_word(cause) if cause is not None else "server", uncertain=True)
    return ChannelError("bad_answer", uncertain=True)


def _refusal(said: str) -> ChannelError:
    if _TOO_BIG in said:
        return ChannelError("too_large", permanent=True)
    if "temporarily unavailable" in said:
        return ChannelError("file_unavailable")
    word = next((word for part, word in _REFUSALS if part in said), "refused")
    return ChannelError(word, permanent=True)


def _word(error: BaseException) -> str:
    return "timeout" if isinstance(error, httpx.TimeoutException) else type(error).__name__


def _seconds(error: RetryAfter) -> float:
    value: Any = error.retry_after
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
