"""The sender: takes outbox rows, in each conversation's order, to their channels.

At least once: a request that got no answer may have been carried out, so its repetition is marked
`maybe_doubled` and counted. Errors that another attempt cannot mend become dead letters, which the
desk shows to whoever wrote the reply.

It keeps to the platforms' rules: their pace, over all and to one person, and WhatsApp's window of
24 hours, outside of which a message is held and a notice sent in its stead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from math import ceil

from bot.stepping import take_steps
from core import metrics
from core.clock import Clock, utc_now
from core.errors import ChannelError, StaleLeaseError
from core.logs import bind_correlation, get_logger
from core.messages import Channel, Delivery, Language, OutboundMessage
from core.queues.outbox import Claimed, Outbox
from core.rates import LocalRateLimits, RateLimits
from core.retry import SENDING
from core.wakeup import DESK, OUTBOX, Wakeup, conversation_topic

log = get_logger(__name__)

#: How often to look for work that no wake-up announced, in seconds.
POLL = 1.0

#: Longest wait for a channel, in seconds; shorter than the lease on the conversation.
SEND_TIMEOUT = 20.0

#: How long what is on its way may still take when the sender is told to stop, in seconds.
FINISH = 5.0

#: Sent in the stead of a message that the window does not let through.
Notice = Callable[[Language], OutboundMessage]


class Sender:
    """Sends messages until it is cancelled."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        wakeup: Wakeup,
        *,
        rates: RateLimits | None = None,
        notice: Notice | None = None,
        clock: Clock = utc_now,
        timeout: float | None = None,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._wakeup = wakeup
        self._rates = rates or LocalRateLimits()
        self._notice = notice
        self._clock = clock
        self._timeout = timeout
        self._taking = asyncio.Lock()

    async def run(self) -> None:
        """Send for ever; errors of the database are waited out. When cancelled it first lets what
        is on its way arrive, for a moment, so that an orderly stop doubles nothing."""
        await take_steps(self.step, self._rest, name="sender", pause=POLL, finish=FINISH)

    async def step(self) -> bool:
        """Send one message; False when none is due (on a channel whose pace allows one)."""
        # One at a time, so that nobody takes the turn that another was told of; sending itself
        # goes on beside it.
        async with self._taking:
            claimed = await self._outbox.claim(await self._ready())
            if claimed is None:
                return False
            envelope = claimed.envelope
            with bind_correlation(envelope.correlation_id, outbox=envelope.outbox_id):
                closed = self._window_is_closed(claimed)
                if not closed and await self._must_wait(claimed):
                    return True
        with bind_correlation(envelope.correlation_id, outbox=envelope.outbox_id):
            try:
                if closed:
                    await self._hold(claimed, "window")
                elif claimed.attempt > SENDING.attempts:  # each one ended with its sender's death
                    await self._give_up(claimed, ChannelError("sender_died"))
                else:
                    await self._send(claimed)
            except StaleLeaseError:
                log.warning("send lease was taken over", attempt=claimed.attempt)
        await self._wakeup.wake(conversation_topic(envelope.conversation_id))
        return True

    async def _rest(self) -> None:
        await self._wakeup.wait(OUTBOX, await self._pause())

    async def _ready(self) -> list[str]:
        """The channels that take one more message now."""
        ready = []
        for name, channel in self._channels.items():
            pace = channel.pace()
            if pace is None or await self._rates.wait_for(pace) == 0:
                ready.append(name)
        return ready

    async def _pause(self) -> float:
        """Seconds until something may become due that nobody announces, at most `POLL`."""
        pauses = [POLL]
        ready = []
        for name, channel in self._channels.items():
            pace = channel.pace()
            wait = 0.0 if pace is None else await self._rates.wait_for(pace)
            if wait > 0:
                pauses.append(wait)
            else:
                ready.append(name)
        due = await self._outbox.next_due(ready)
        if due is not None:
            pauses.append((due - self._clock()).total_seconds())
        return max(min(pauses), 0.01)

    async def _must_wait(self, claimed: Claimed) -> bool:
        """Whether the platform's pace puts the message off; if not, it is counted."""
        channel = self._channels[claimed.channel]
        overall = channel.pace()
        wait = await self._rates.reserve(
            [*channel.paces(claimed.envelope), *([overall] if overall else [])]
        )
        if wait == 0:
            return False
        if overall is not None and await self._rates.wait_for(overall) > 0:
            wait = 0.0  # it keeps its place: the next turn on this channel is for the oldest
        try:
            await self._outbox.defer(claimed, timedelta(milliseconds=ceil(wait * 1000)))
        except StaleLeaseError:
            log.warning("send lease was taken over", attempt=claimed.attempt)
        return True

    def _window_is_closed(self, claimed: Claimed) -> bool:
        window = self._channels[claimed.channel].reply_window
        if window is None or claimed.envelope.message.template is not None:
            return False
        start = claimed.window_start
        return start is None or self._clock() >= start + window

    async def _hold(self, claimed: Claimed, reason: str) -> None:
        message = claimed.envelope.message
        notice = None if self._notice is None else self._notice(message.language)
        await self._outbox.hold(claimed, notice, reason)
        for topic in (OUTBOX, DESK):
            await self._wakeup.wake(topic)
        metrics.SENDS.labels(claimed.channel, "held").inc()
        log.info("message held until the person writes", reason=reason)

    async def _send(self, claimed: Claimed) -> None:
        envelope = claimed.envelope
        channel = self._channels[claimed.channel]
        if claimed.attempt == 1:
            metrics.STAGES.labels("outbox_wait").observe(claimed.waited)
        try:
            with metrics.STAGES.labels("send").time():
                async with asyncio.timeout(self._timeout or SEND_TIMEOUT):
                    delivery: Delivery = await channel.send(envelope)
        except TimeoutError:
            await self._failed(claimed, ChannelError("timeout", uncertain=True))
        except ChannelError as error:
            if error.window_closed and envelope.message.template is None:
                await self._hold(claimed, error.reason)
            else:
                await self._failed(claimed, error)
        except Exception as error:
            log.exception("channel broke")
            await self._failed(claimed, ChannelError(type(error).__name__, uncertain=True))
        else:
            with metrics.STAGES.labels("settle").time():
                state = await self._outbox.sent(claimed, delivery.external_id)
            if state in ("failed", "pending"):  # the platform said so before we came to it
                for topic in (OUTBOX, DESK):
                    await self._wakeup.wake(topic)
            metrics.SENDS.labels(claimed.channel, "sent").inc()
            log.info("message sent", channel=channel.name, attempt=claimed.attempt)

    async def _failed(self, claimed: Claimed, error: ChannelError) -> None:
        delay = None if error.permanent else SENDING.delay(claimed.attempt, error.retry_after)
        if delay is None:
            await self._give_up(claimed, error)
            return
        await self._outbox.postpone(claimed, delay, error.reason, uncertain=error.uncertain)
        metrics.SENDS.labels(claimed.channel, "tried again").inc()
        log.warning(
            "message will be tried again",
            reason=error.reason,
            attempt=claimed.attempt,
            delay=round(delay / timedelta(seconds=1), 1),
        )

    async def _give_up(self, claimed: Claimed, error: ChannelError) -> None:
        await self._outbox.give_up(claimed, error.reason, uncertain=error.uncertain)
        await self._wakeup.wake(DESK)
        metrics.SENDS.labels(claimed.channel, "given up").inc()
        log.error("message given up", reason=error.reason, attempts=claimed.attempt)
