"""The loops: long polling, or keeping the webhook set.

In polling an update is committed before Telegram hears, by the offset of the next request, that
it may forget it. The offset is kept nowhere: after a start Telegram gives again what it was not
told to forget, and the inbox knows what it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.channels.telegram.identity import TELEGRAM, Me, NotStoredError
from bot.channels.telegram.receiver import Receiver
from core.errors import ChannelError
from core.logs import get_logger
from core.messages import Language
from core.retry import RetryPolicy

if TYPE_CHECKING:
    from bot.channels.telegram.client import BotClient

log = get_logger(__name__)

#: How long Telegram holds a request for which it has no update, in seconds.
LONG_POLL = 25

#: Pauses after failures; it is never given up.
RETRY = RetryPolicy(attempts=2**31, first=1.0, longest=30.0)

#: What the app shows when people type "/", by language and command; "ar" is the default.
Commands = Mapping[Language, Mapping[str, str]]


class _Loop:
    """Learns who the bot is, says which commands there are, and goes on after every failure."""

    def __init__(
        self, client: BotClient, me: Me, commands: Commands, retry: RetryPolicy = RETRY
    ) -> None:
        self._client = client
        self._me = me
        self._commands = commands
        self._retry = retry

    async def _introduce(self) -> None:
        self._me.username = await self._client.username()
        try:
            await self._client.set_commands(self._commands["ar"], None)
            for language, commands in self._commands.items():
                await self._client.set_commands(commands, language)
        except ChannelError as error:
            log.warning("commands not set", channel=TELEGRAM, reason=error.reason)

    async def _pause(self, failures: int, error: ChannelError | NotStoredError) -> None:
        asked = error.retry_after if isinstance(error, ChannelError) else None
        reason = error.reason if isinstance(error, ChannelError) else str(error)
        delay = self._retry.delay(failures, asked)
        assert delay is not None  # noqa: S101 - the policy never gives up
        seconds = delay.total_seconds()
        if reason == "conflict":
            log.error(
                "another process receives for this bot: let one alone poll with "
                "NATIQ_TELEGRAM_TOKEN, or set NATIQ_TELEGRAM_MODE=webhook in all",
                channel=TELEGRAM,
                delay=round(seconds, 1),
            )
        else:
            log.warning(
                "Telegram is tried again",
                channel=TELEGRAM,
                reason=reason,
                attempt=failures,
                delay=round(seconds, 1),
            )
        await asyncio.sleep(seconds)


class Poller(_Loop):
    """Receives by long polling until it is cancelled."""

    def __init__(
        self,
        client: BotClient,
        me: Me,
        commands: Commands,
        receiver: Receiver,
        retry: RetryPolicy = RETRY,
    ) -> None:
        super().__init__(client, me, commands, retry)
        self._receiver = receiver
        self._offset: int | None = None
        self._ready = False

    async def run(self) -> None:
        """Receive for ever."""
        failures = 0
        while True:
            try:
                if not self._ready:
                    await self.prepare()
                await self.step()
                failures = 0
            except (ChannelError, NotStoredError) as error:
                failures += 1
                await self._pause(failures, error)
            except Exception:
                log.exception("polling step failed", channel=TELEGRAM)
                failures += 1
                await self._pause(failures, NotStoredError("unforeseen"))

    async def prepare(self) -> None:
        """A webhook that is still set would keep updates from us."""
        await self._client.delete_webhook()
        await self._introduce()
        self._ready = True
        log.info("receiving by polling", channel=TELEGRAM)

    async def step(self, long_poll: int = LONG_POLL) -> int:
        """Wait at most `long_poll` seconds for updates and take them in, until the first failure;
        returns how many.

        Raises:
            ChannelError: Telegram did not answer as it should.
            NotStoredError: the database failed; what is not stored comes again.
        """
        updates = await self._client.updates(self._offset, long_poll)
        before = self._offset
        for update in updates:
            await self._receiver.take(update)
            number = _number(update)
            if number is not None:
                self._offset = number + 1  # after a quiet week ids may begin lower
        if updates and self._offset == before:
            raise ChannelError("bad_answer")  # it would give the same for ever
        return len(updates)


class WebhookKeeper(_Loop):
    """Sets the webhook, trying until Telegram has taken it."""

    def __init__(
        self,
        client: BotClient,
        me: Me,
        commands: Commands,
        url: str,
        secret: str,
        retry: RetryPolicy = RETRY,
    ) -> None:
        super().__init__(client, me, commands, retry)
        self._url = url
        self._secret = secret

    async def run(self) -> None:
        """Returns when it is set."""
        failures = 0
        while True:
            try:
                await self._client.set_webhook(self._url, self._secret)
                await self._introduce()
                log.info("receiving by webhook", channel=TELEGRAM)
                return
            except ChannelError as error:
                failures += 1
                await self._pause(failures, error)
            except Exception:
                log.exception("webhook not set", channel=TELEGRAM)
                failures += 1
                await self._pause(failures, ChannelError("unforeseen"))


def _number(update: Any) -> int | None:
    number = update.get("update_id") if isinstance(update, Mapping) else None
    return number if type(number) is int else None
