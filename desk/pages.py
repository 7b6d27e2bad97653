"""Rendering: one Jinja environment, and how times and numbers are written on a page.

Everything that is put into a template is escaped. Times are shown in the ministry's zone; numbers
and times are isolated from the direction of the words around them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from core.catalogue import say_date
from core.messages import Language
from desk.auth import Visitor
from desk.deps import BASE, DeskDeps
from desk.guard import LANGUAGE_COOKIE, TICKET_ROLES
from desk.words import LANGUAGES, Words, load_words

_TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Makes HTML."""

    def __init__(self, deps: DeskDeps) -> None:
        self._deps = deps
        self._words = load_words()
        self._jinja = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals.update(
            base=BASE,
            number=ticket_number,
            moment=self.moment,
            department=self.department,
            size=size,
        )

    def language(self, request: Request) -> Language:
        """The language the visitor chose; Arabic unless they did."""
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        return next((language for language in LANGUAGES if language == chosen), "ar")

    def words(self, request: Request) -> Words:
        """The words of the visitor's language."""
        return self._words[self.language(request)]

    def moment(self, at: datetime, *, day: bool = True) -> Markup:
        """A time as digits in the ministry's zone, with or without its day."""
        local = at.astimezone(self._deps.zone)
        shown = local.strftime("%Y-%m-%d %H:%M" if day else "%H:%M")
        return Markup('<bdi dir="ltr"><time datetime="{}">{}</time></bdi>').format(
            local.isoformat(timespec="seconds"), shown
        )

    def department(self, owner: str, language: Language) -> str:
        """A department's title; its owner id where no topic says one."""
        return self._deps.departments().get(owner, {}).get(language) or owner

    def date_in_words(self, at: datetime, language: Language) -> str:
        """A time as a person would say it, in the ministry's zone."""
        return say_date(at, language, self._deps.zone)

    def since(self, at: datetime) -> timedelta:
        """How long ago this was; negative when it is to come."""
        return self._deps.clock() - at

    def fragment(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """Part of a page, for the script to put in place."""
        return HTMLResponse(self._render(request, template, None, values))

    def page(
        self,
        request: Request,
        template: str,
        visitor: Visitor | None = None,
        *,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """A whole page; `visitor` appears in its header."""
        return HTMLResponse(self._render(request, template, visitor, values), status_code=status)

    def message(
        self,
        request: Request,
        status: int,
        key: str,
        visitor: Visitor | None = None,
        **values: object,
    ) -> HTMLResponse:
        """A page that says what is wrong and what to do: the words `<key>_title` and
        `<key>_text`, the second with its slots filled by `values`."""
        words = self.words(request)
        return self.page(
            request,
            "message.html",
            visitor,
            status=status,
            title=words[f"{key}_title"],
            text=words.say(f"{key}_text", **values),
        )

    def _render(
        self, request: Request, template: str, visitor: Visitor | None, values: dict[str, Any]
    ) -> str:
        words = self.words(request)
        other = next(language for language in LANGUAGES if language != words.language)
        here = BASE + "/" + request.url.path.removeprefix(BASE).lstrip("/")
        if request.method == "GET" and request.url.query:
            here = f"{here}?{request.url.query}"
        return self._jinja.get_template(template).render(
            t=words,
            member=visitor.member if visitor else None,
            csrf=visitor.csrf if visitor else "",
            works_tickets=visitor is not None
            and visitor.member.role in TICKET_ROLES
            and not visitor.member.must_change,
            ministry=self._deps.ministry.get(words.language, ""),
            sample=self._deps.sample,
            other=other,
            other_name=self._words[other]["language_name"],
            here=quote(here, safe="/"),
            **values,
        )


def size(of: int, words: Words) -> str:
    """A file's size in bytes, as people read it."""
    if of < 1_000_000:
        return words.say("size_kb", n=max(1, round(of / 1_000)))
    return words.say("size_mb", n=f"{of / 1_000_000:.1f}")


def ticket_number(text: str) -> Markup:
    """A ticket's number, kept from being turned around among Arabic words."""
    return Markup('<bdi dir="ltr" class="number">{}</bdi>').format(text)
