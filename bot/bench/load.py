"""Open-loop load: signed webhooks, as Meta posts them, at times that are fixed beforehand.

Nobody waits for an answer before the next message is due, and every latency counts from the time at
which the message was due, so a server that stalls is charged for all who would have written
meanwhile. Times are those of `time.monotonic`, which all processes of one machine share.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.bench.texts import Texts

PATH = "/webhooks/whatsapp"

#: Longest wait for the answer to a webhook, in seconds.
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """The WhatsApp number of the load, and the secrets shared with it. All are made up."""

    phone_id: str
    token: str
    app_secret: str
    verify_token: str


@dataclass(slots=True)
class Message:
    """One message. `at` is due so many seconds after the start; the other times are absolute.
    `status` is the webhook's, 0 where there was no answer."""

    person: str
    body: bytes
    signature: str
    at: float
    due: float = 0.0
    posted: float = 0.0
    accepted: float | None = None
    status: int | None = None
    answered: float | None = None


def arrivals(rate: float, seconds: float, even: bool, seed: int) -> list[float]:
    """When messages are due, in seconds from the start: at even distances, or by chance (Poisson),
    as independent people write. `rate` is in messages a second."""
    if even:
        return [number / rate for number in range(max(1, int(rate * seconds)))]
    draw = random.Random(seed)
    times: list[float] = []
    at = draw.expovariate(rate)
    while at < seconds or not times:
        times.append(at)
        at += draw.expovariate(rate)
    return times


def messages_at(
    times: Sequence[float], texts: Texts, account: Account, first: int, people: int
) -> list[Message]:
    """A message for each time, from `people` people in turn, the first being number `first`; signed
    beforehand, so that signing costs nothing during the load."""
    now = time.time()
    found = []
    for number, at in enumerate(times):
        person = f"9665{first + number % people:08d}"
        body = document(account, person, texts.draw(), int(now + at))
        found.append(Message(person, body, sign(body, account.app_secret), at))
    return found


_ids = itertools.count(1)


def document(account: Account, person: str, text: str, timestamp: int) -> bytes:
    """A webhook's document with one text, spelt as Meta spells it: every letter that is not ASCII
    escaped, and slashes too."""
    raw = person.encode() + next(_ids).to_bytes(8, "big") + timestamp.to_bytes(5, "big")
    message = {
        "from": person,
        "id": "wamid." + base64.b64encode(raw).decode(),
        "timestamp": str(timestamp),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "966500000000", "phone_number_id": account.phone_id},
        "contacts": [{"profile": {"name": "A citizen"}, "wa_id": person}],
        "messages": [message],
    }
    entry = {"id": "1", "changes": [{"value": value, "field": "messages"}]}
    whole = {"object": "whatsapp_business_account", "entry": [entry]}
    return json.dumps(whole, ensure_ascii=True).replace("/", "\\/").encode("ascii")


def sign(body: bytes, secret: str) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def post_all(origin: str, messages: Sequence[Message]) -> float:
    """Post each message when it is due, whatever became of those before; returns the start. When
    this returns, every webhook is answered or given up."""
    poster = Poster(origin)
    start = time.monotonic() + 0.1
    for message in messages:
        message.due = start + message.at
    tasks = []
    try:
        for message in messages:
            wait = message.due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(_post(poster, message)))
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        poster.close()
    return start


async def _post(poster: Poster, message: Message) -> None:
    message.posted = time.monotonic()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": message.signature}
    try:
        async with asyncio.timeout(TIMEOUT):
            message.status, _ = await poster.ask("POST", PATH, message.body, headers)
    except (OSError, ValueError, EOFError, TimeoutError):
        message.status = 0
    if message.status == 200:
        message.accepted = time.monotonic()


class Poster:
    """HTTP/1.1 over kept connections, as many as are in use at once. Cheap, so that the load takes
    little of the machine; knows no more than our own servers need."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            OSError, EOFError, ValueError: no answer, half of one, or one that is no HTTP.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        request = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        while self._idle:  # one that the server closed meanwhile is passed over
            reader, writer = self._idle.pop()
            if reader.at_eof() or writer.is_closing():
                writer.close()
                continue
            try:
                return await self._exchange(reader, writer, request)
            except (ConnectionError, EOFError):
                continue
        reader, writer = await asyncio.open_connection(self._host, self._port)
        return await self._exchange(reader, writer, request)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> tuple[int, bytes]:
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:])
            }
            body = await reader.readexactly(int(fields["content-length"]))
            status = int(head[0].split(" ")[1])
        except KeyError:
            writer.close()
            raise ValueError("an answer without a length") from None
        except BaseException:
            writer.close()
            raise
        if fields.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status, body

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            with contextlib.suppress(RuntimeError):
                self._idle.pop()[1].close()
