"""A Graph API server for tests: real HTTP, Meta's rules, Meta's errors, and faults on demand.

It runs on the loop of the test. Whatever our client did that Meta refuses is in `violations`, so
that a test can assert that there was nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.support.graph_rules import Wrong, check_message
from tests.support.http_server import HttpAnswer, HttpRequest, HttpServer, json_answer

PHONE_ID = "106540352242922"
BUSINESS_ID = "102290129340398"
TOKEN = "EAAtest-token-for-tests-and-nothing-but-tests-0123456789"
APP_SECRET = "app-secret-for-tests"
VERIFY_TOKEN = "verify-token-for-tests"
TEMPLATE = "natiq_reply_ready"

#: Messages a second of one number, and to one person: bursts of so many, one back each six seconds.
THROUGHPUT = 80
PAIR_BURST = 45
PAIR_SECONDS = 6.0
WINDOW = timedelta(hours=24)
MEDIA_SECONDS = 300.0

#: `429`, `500`, `503`: answered so, nothing done. `drop_before`, `hang_before`: no answer, nothing
#: done. `drop_after`, `hang_after`, `half`: done, but no answer or half of one.
Fault = Literal[
    "429", "500", "503", "drop_before", "drop_after", "half", "hang_before", "hang_after"
]


@dataclass
class Sent:
    """A message that was taken, `at` that tick."""

    id: str
    to: str
    kind: str
    payload: dict[str, Any]
    at: float = 0.0

    @property
    def text(self) -> str:
        """The words of a text or of the body of buttons and lists; a template's parameters."""
        content = self.payload[self.kind]
        if self.kind == "text":
            return str(content["body"])
        if self.kind == "interactive":
            return str(content["body"]["text"])
        bodies = [part for part in content.get("components", []) if part["type"] == "body"]
        return " ".join(str(p["text"]) for body in bodies for p in body["parameters"])

    @property
    def choices(self) -> list[str]:
        """The ids of its buttons or rows; a template's payloads."""
        content = self.payload[self.kind]
        if self.kind == "template":
            buttons = [part for part in content["components"] if part["type"] == "button"]
            return [str(button["parameters"][0]["payload"]) for button in buttons]
        if self.kind != "interactive":
            return []
        action = content["action"]
        if "buttons" in action:
            return [str(button["reply"]["id"]) for button in action["buttons"]]
        return [str(row["id"]) for section in action["sections"] for row in section["rows"]]


@dataclass
class File:
    """A file that a person sent."""

    content: bytes
    mime: str = "image/jpeg"
    asked: int = 0


@dataclass
class GraphServer:
    """One WhatsApp number at Meta.

    `now` tells the time of the 24-hour window, `ticks` the seconds of the rates. `faults` are used
    up one for each message; `choose_fault`, when set, decides instead.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ticks: Callable[[], float] = time.monotonic
    enforce_window: bool = True
    enforce_rates: bool = True
    sent: list[Sent] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    last_inbound: dict[str, datetime] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    faults: deque[Fault | None] = field(default_factory=deque)
    choose_fault: Callable[[HttpRequest], Fault | None] | None = None
    templates: dict[tuple[str, str], int] = field(
        default_factory=lambda: {(TEMPLATE, "ar"): 1, (TEMPLATE, "en"): 1}
    )
    token: str = TOKEN

    def __post_init__(self) -> None:
        self._server = HttpServer(self._answer)
        self._ids = itertools.count(1)
        self._recent: deque[float] = deque()
        self._pairs: dict[str, tuple[float, float]] = {}
        self._links: dict[str, tuple[str, float]] = {}

    async def start(self) -> GraphServer:
        await self._server.start()
        return self

    async def stop(self) -> None:
        await self._server.stop()

    @property
    def origin(self) -> str:
        """What `NATIQ_WHATSAPP_API_URL` is set to."""
        return self._server.origin

    def wrote(self, who: str) -> None:
        """A person wrote: the window is open for 24 hours."""
        self.last_inbound[who] = self.now()

    def to(self, who: str) -> list[Sent]:
        """What was sent to a person, in order."""
        return [message for message in self.sent if message.to == who]

    async def _answer(self, request: HttpRequest) -> HttpAnswer | None:
        self.requests.append(request)
        if request.path.startswith("/download/"):
            return self._download(request)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            kind = "OAuthException"
            return _error(190, "Invalid OAuth access token.", 401, type=kind)
        version, _, rest = request.path.lstrip("/").partition("/")
        if not version.startswith("v") or not rest:
            return _error(2500, "Unknown path components", 400)
        if request.method == "POST" and rest == f"{PHONE_ID}/messages":
            return await self._message(request)
        if request.method != "GET":
            return _error(100, f"Unsupported {request.method} request", 400)
        if rest == PHONE_ID:
            about = {
                "id": PHONE_ID,
                "display_phone_number": "+966 50 000 0000",
                "verified_name": "Ministry of Public Services",
                "quality_rating": "GREEN",
            }
            return json_answer(about)
        if rest == f"{BUSINESS_ID}/message_templates":
            return self._templates()
        if rest in self.files:
            return self._media(rest)
        return _error(100, f"Unsupported get request. Object with ID '{rest}' does not exist", 400)

    # --- messages ---------------------------------------------------------------------------

    async def _message(self, request: HttpRequest) -> HttpAnswer | None:
        payload = _json(request)
        if isinstance(payload, dict) and payload.get("status") == "read":
            return json_answer({"success": True})
        fault = self._fault(request)
        if fault == "drop_before":
            return None
        if fault == "hang_before":
            await asyncio.Event().wait()
        if fault == "429":
            return _error(130429, "Rate limit hit", 429)
        if fault == "500":
            return _error(131000, "Something went wrong", 500)
        if fault == "503":
            return HttpAnswer(503, b"<html>upstream</html>", "text/html")
        try:
            answer = self._take(payload)
        except Wrong as wrong:
            self.violations.append(f"{wrong.code}: {wrong.details}")
            return _error(wrong.code, wrong.details, 400)
        if fault == "drop_after":
            return None
        if fault == "hang_after":
            await asyncio.Event().wait()
        return replace(answer, cut=len(answer.body) // 2) if fault == "half" else answer

    def _fault(self, request: HttpRequest) -> Fault | None:
        if self.choose_fault is not None:
            return self.choose_fault(request)
        return self.faults.popleft() if self.faults else None

    def _take(self, payload: Any) -> HttpAnswer:
        kind = check_message(payload)
        who = str(payload.get("to") or payload.get("recipient"))
        if who in self.refused:
            return _error(self.refused[who], "Message undeliverable", 400)
        if kind == "template":
            self._check_template(payload["template"])
        elif self.enforce_window and not self._window_is_open(who):
            raise Wrong(131047, "More than 24 hours have passed since the recipient last replied")
        if self.enforce_rates:
            self._count(who)
        message = Sent(self.new_id(), who, kind, payload, self.ticks())
        self.sent.append(message)
        contact = {"input": who, "wa_id" if payload.get("to") else "user_id": who}
        answer = {"messaging_product": "whatsapp", "contacts": [contact]}
        return json_answer({**answer, "messages": [{"id": message.id}]})

    def new_id(self) -> str:
        """An id as Meta makes them: base 64 with a phone number within."""
        raw = b"\x1d\x0b966500000001" + next(self._ids).to_bytes(8, "big")
        return "wamid." + base64.b64encode(raw).decode()

    def _window_is_open(self, who: str) -> bool:
        last = self.last_inbound.get(who)
        return last is not None and self.now() < last + WINDOW

    def _check_template(self, template: dict[str, Any]) -> None:
        known = self.templates.get((template["name"], template["language"]["code"]))
        if known is None:
            raise Wrong(132001, "template name does not exist in the translation")
        bodies = [part for part in template.get("components", []) if part["type"] == "body"]
        given = sum(len(body["parameters"]) for body in bodies)
        if given != known:
            raise Wrong(132000, f"body: number of params ({given}) does not match ({known})")

    def _count(self, who: str) -> None:
        now = self.ticks()
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= THROUGHPUT:
            raise Wrong(130429, "Cloud API message throughput has been reached")
        left, at = self._pairs.get(who, (float(PAIR_BURST), now))
        left = min(float(PAIR_BURST), left + (now - at) / PAIR_SECONDS)
        if left < 1:
            raise Wrong(131056, "too many messages sent to the same phone number")
        self._pairs[who] = (left - 1, now)
        self._recent.append(now)

    # --- what else there is -----------------------------------------------------------------

    def _templates(self) -> HttpAnswer:
        rows = [
            {"name": name, "language": language, "status": "APPROVED", "category": "UTILITY"}
            for name, language in self.templates
        ]
        return json_answer({"data": rows, "paging": {}})

    def _media(self, media_id: str) -> HttpAnswer:
        file = self.files[media_id]
        file.asked += 1
        link = f"{media_id}-{file.asked}"
        self._links[link] = (media_id, self.ticks() + MEDIA_SECONDS)
        about = {
            "messaging_product": "whatsapp",
            "id": media_id,
            "url": f"{self.origin}/download/{link}",
            "mime_type": file.mime,
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "file_size": len(file.content),
        }
        return json_answer(about)

    def _download(self, request: HttpRequest) -> HttpAnswer:
        media_id, until = self._links.get(request.path.removeprefix("/download/"), ("", 0.0))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return HttpAnswer(401)
        if media_id not in self.files or self.ticks() > until:
            return HttpAnswer(404)
        file = self.files[media_id]
        return HttpAnswer(200, file.content, file.mime)


def _json(request: HttpRequest) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def _error(code: int, details: str, status: int, **more: Any) -> HttpAnswer:
    error = {
        "message": f"(#{code}) {details}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
        **more,
    }
    return json_answer({"error": error}, status)
