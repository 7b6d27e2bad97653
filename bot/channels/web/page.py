"""Serves the page, its static files and the script for embedding, with strict headers.

Files are read once, at the start. No script or style stands inside the page, so the content
security policy allows neither; the page is filled with its words here, for both languages at
once, and its scripts switch between them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from bot.channels.web.strings import STATIC, all_strings
from core.errors import ConfigError
from core.messages import Language

TEMPLATES = Path(__file__).parent / "templates"

#: Longest message that the page lets a person write, in characters. The API takes longer ones.
PAGE_MAX_TEXT = 4_000

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for again each time, answered with 304 while nothing changed.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    kind: str
    etag: str


class PageFiles:
    """The handlers that serve files."""

    def __init__(self, frame_ancestors: str, sample: bool, names: Mapping[Language, str]) -> None:
        self._csp = content_security_policy(frame_ancestors)
        self._sample = sample
        self._names = dict(names)
        self._static = {
            path.name: _file(path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(STATIC.iterdir())
            if path.suffix in _TYPES and path.name != "embed.js"
        }
        labels = json.dumps(all_strings()["embed"])  # ASCII, so it is safe inside a script
        script = (STATIC / "embed.js").read_text(encoding="utf-8")
        self._embed = _file(script.replace("__LABELS__", labels).encode(), _TYPES[".js"])
        templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self._page = templates.get_template("page.html")

    async def page(self, request: Request) -> Response:
        """The chat page. `?embed=1` fills a frame; `?language=` chooses ar or en."""
        asked = request.query_params.get("language")
        language: Language = "en" if asked == "en" else "ar"
        words = all_strings()["page"]
        config = {
            "names": self._names,
            "maxText": PAGE_MAX_TEXT,
            "embedded": request.query_params.get("embed") == "1",
            "strings": words,
        }
        html = self._page.render(
            language=language,
            direction="ltr" if language == "en" else "rtl",
            t={key: texts[language] for key, texts in words.items()},
            both=words,
            name=self._names[language],
            sample=self._sample,
            embedded=config["embedded"],
            max_text=PAGE_MAX_TEXT,
            config=json.dumps(config, ensure_ascii=False),
        )
        return Response(
            html,
            media_type="text/html",
            headers={
                **_COMMON,
                "Content-Security-Policy": self._csp,
                "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            },
        )

    async def static(self, request: Request) -> Response:
        """One of the page's files, by its name alone."""
        file = self._static.get(request.path_params["name"])
        return Response(status_code=404) if file is None else _serve(file, request)

    async def embed(self, request: Request) -> Response:
        """The script that another site includes to offer the chat."""
        answer = _serve(self._embed, request)
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer


def content_security_policy(frame_ancestors: str) -> str:
    """The page's policy: everything from its own origin, framed by `frame_ancestors` alone.

    Raises:
        ConfigError: a character that would end the directive or the header.
    """
    ancestors = " ".join(frame_ancestors.split()) or "'self'"
    if not ancestors.isascii() or not ancestors.isprintable() or set(ancestors) & set(";,"):
        raise ConfigError(
            "NATIQ_FRAME_ANCESTORS must be sources separated by blanks, "
            "such as: https://www.ministry.example https://*.ministry.example"
        )
    own = ("script-src", "style-src", "img-src", "connect-src")
    return "; ".join(
        [
            "default-src 'none'",
            *(f"{directive} 'self'" for directive in own),
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
        ]
    )


def _file(body: bytes, kind: str) -> _File:
    return _File(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _serve(file: _File, request: Request) -> Response:
    headers = {**_COMMON, "ETag": file.etag}
    known = request.headers.get("if-none-match", "")
    if file.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
