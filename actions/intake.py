"""The intake: a short form that ends in a ticket, for a complaint, a suggestion, a request for a
person or a rumour to be checked.

One short question at a time; each may be passed over, put right afterwards, or cancelled. Nothing
is sent to staff before the citizen says yes to the summary; whatever else is written meanwhile is
added. What the form remembers stands in `actions.form`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from actions import form as forms
from actions.base import ActionResult, Turn
from actions.deadlines import WorkingHours
from actions.form import Form
from actions.tickets import Tickets
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.messages import Choice, Language, OutboundMessage
from core.own_words import OwnPart, own_words

#: Characters that a summary shows of each part: together with labels and buttons they fit into
#: 1,024 characters, the longest text that WhatsApp takes with buttons.
_SHOWN = {"what": 480, "where": 100, "when": 100, "reference": 60}

#: Parts that a form of this kind is nothing without.
_NEEDED = {"complaint": ("what",), "suggestion": ("what",), "rumour": ("what",)}


class Files(Protocol):
    """What becomes of the files of a form (`actions.attachments.Attachments`)."""

    async def bind(self, session: AsyncSession, ids: Sequence[int], ticket_id: int) -> None:
        """The form became this ticket."""
        ...

    async def discard(self, session: AsyncSession, ids: Sequence[int]) -> None:
        """Nobody wants them any more."""
        ...


class Intake:
    """Begins and continues the form. Every result holds the form as it is afterwards."""

    def __init__(
        self,
        catalogue: Catalogue,
        tickets: Tickets,
        hours: WorkingHours,
        files: Files | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._catalogue = catalogue
        self._tickets = tickets
        self._hours = hours
        self._files = files
        self._clock = clock

    # -- beginning -----------------------------------------------------------------------------

    def begin(
        self,
        turn: Turn,
        kind: str,
        *,
        line: str | None = None,
        earlier: str = "",
        remedy: str | None = None,
    ) -> ActionResult:
        """Open the form with what the message told, and the message `earlier` before it. `line`
        is said instead of the usual question (after a failure to understand, say). `remedy` is
        the FAQ entry that the caller answers with beforehand: it is asked whether that solves the
        matter."""
        form = forms.new(kind, str(turn.inbox_id), turn.department)
        said = line or opening_line(kind, turn.text)
        if said == f"{kind}_details":
            return self.ask(turn, form)
        form = forms.tell(forms.tell(form, "what", earlier), "what", turn.text)
        form = forms.onward(form)
        return self._say(turn, said, form) if remedy is None else self._offer(turn, form, remedy)

    def _offer(self, turn: Turn, form: Form, remedy: str) -> ActionResult:
        """Ask whether the approved answer that goes before solves the matter."""
        return self.ask(turn, forms.at({**form, "remedy": remedy}, "remedy"))

    # -- answers to what was asked -----------------------------------------------------------------

    async def answer(
        self,
        turn: Turn,
        form: Form,
        *,
        text: str | None = None,
        part: str | None = None,
        remedy: str | None = None,
    ) -> ActionResult:
        """The citizen told more: it answers the open question, or is added to what happened.
        `text` is what staff read where that is not the message itself (a place on a map); `part`
        is where it belongs whatever is being asked; `remedy` is as for `begin`."""
        words = turn.text if text is None else text
        step = form["step"]
        if not form.get("department"):
            form = {**form, "department": turn.department}
        if step in forms.TEXT_PARTS and part in (None, step):
            if form["correcting"]:
                form = forms.clear(form, step)
            form = forms.tell(form, step, words)
            if remedy is not None and step == "what" and not form["correcting"]:
                return self._offer(turn, forms.onward(form), remedy)
            return await self._forward(turn, form)
        told = forms.tell(form, part or "what", words)
        if step in ("remedy", "attachments") and part is None:
            return await self._forward(turn, told)
        if step in ("confirm", "correct"):
            return self._say(turn, "details_added", forms.at(told, "confirm"))
        noted = self._catalogue.line("intake_noted", turn.language)
        return ActionResult((noted, self._question(told, turn.language)), told)

    def attached(self, turn: Turn, form: Form, attachment_id: int) -> ActionResult:
        """The citizen sent a file."""
        form = forms.attach(form, attachment_id)
        if form["step"] == "attachments":
            return self._say(turn, "intake_attached", form)
        noted = self._catalogue.line("intake_noted", turn.language)
        return ActionResult((noted, self._question(form, turn.language)), form)

    async def skip(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen would not answer this question."""
        step = form["step"]
        if step in _NEEDED.get(form["kind"], ()) and not form["correcting"]:
            return self.ask(turn, form)
        if step == "confirm":
            # "Skip" is not a yes (a button tapped twice, say): nothing goes to staff without one.
            return self.ask(turn, form)
        if step == "correct":
            return await self.summary(turn, forms.at(form, "confirm"))
        return await self._forward(turn, form)

    async def remove(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen would rather not have told the part that is being put right."""
        step = form["step"]
        if not form["correcting"] or step in _NEEDED.get(form["kind"], ()):
            return self.ask(turn, form)
        return await self._forward(turn, forms.clear(form, step))

    async def correct(self, turn: Turn, form: Form, part: str | None = None) -> ActionResult:
        """The citizen wants to put something right; which `part`, where that is known."""
        parts = forms.PARTS[form["kind"]]
        if part is None and len(parts) == 1:
            part = parts[0]
        if part not in parts:
            return self.ask(turn, forms.at(form, "correct"))
        if part == "attachments":
            await self._discard(turn, form)
            form = forms.clear(form, part)
        return self.ask(turn, forms.at(form, part, correcting=True))

    async def change(self, turn: Turn, form: Form, kind: str) -> ActionResult:
        """The citizen wants another kind of matter; what was told already stays."""
        form = forms.at({**form, "kind": kind}, "what")
        if not forms.pieces(form, "what") and (kind in _NEEDED or forms.is_empty(form)):
            return self.ask(turn, form)
        form = forms.onward(form)
        return self._say(turn, _after_what(kind), form)

    # -- endings ---------------------------------------------------------------------------------

    async def cancel(self, turn: Turn, form: Form, line: str = "intake_cancelled") -> ActionResult:
        """The citizen wants it dropped, or (`intake_solved`) needs it no more."""
        await self._discard(turn, form)
        return ActionResult((self._catalogue.line(line, turn.language),))

    async def submit(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen said yes: open the ticket."""
        row = await self._tickets.open(
            turn.session,
            turn.conversation,
            kind=form["kind"],
            statement=forms.statement(form),
            department=form["department"],
            details=forms.details(form),
        )
        await self.bind(turn, form, row.id)
        told = self._catalogue.line(
            f"ticket_opened_{form['kind']}",
            turn.language,
            number=row.number,
            code=await self._tickets.issue_code(turn.session, row),
            date=row.due_at,
        )
        return ActionResult((told, *self._closed_now(turn.language)), ticket_id=row.id)

    async def bind(self, turn: Turn, form: Form, ticket_id: int) -> None:
        """The files of the form belong to the ticket."""
        if self._files is not None and form["attachments"]:
            await self._files.bind(turn.session, form["attachments"], ticket_id)

    async def _discard(self, turn: Turn, form: Form) -> None:
        if self._files is not None and form["attachments"]:
            await self._files.discard(turn.session, form["attachments"])

    def _closed_now(self, language: Language) -> tuple[OutboundMessage, ...]:
        """Out of hours: when staff are back."""
        now: datetime = self._clock()
        if self._hours.is_open(now):
            return ()
        back = self._hours.next_opening(now)
        return (self._catalogue.line("closed_now", language, date=back),)

    # -- questions -------------------------------------------------------------------------------

    def ask(self, turn: Turn, form: Form) -> ActionResult:
        """Ask the open question (once more); the form stays as it is."""
        return ActionResult((self._question(form, turn.language),), form)

    def remind(self, form: Form, language: Language) -> OutboundMessage:
        """The open question once more, after something else was answered."""
        return self._question(form, language)

    async def _forward(self, turn: Turn, form: Form) -> ActionResult:
        """To the next question, or the summary."""
        corrected, only_what = form["correcting"], form["step"] == "what"
        form = forms.at(form, "confirm") if corrected else forms.onward(form)
        if form["step"] != "confirm":
            return self.ask(turn, form)
        if only_what and not corrected:
            # It was written a moment ago: there is no need to read it again.
            return self._say(turn, f"{form['kind']}_confirm", form)
        return await self.summary(turn, form)

    async def summary(self, turn: Turn, form: Form) -> ActionResult:
        """What will go to staff, in the citizen's own words, and whether it may."""
        if forms.is_empty(form):
            return self.ask(turn, form)
        parts = []
        for part in forms.TEXT_PARTS:
            told = forms.pieces(form, part)
            if told:
                words = await own_words(turn.session, turn.conversation.id, told, most=_SHOWN[part])
                parts.append(OwnPart(f"part_{part}", words))
        if form["attachments"]:
            parts.append(OwnPart("part_attachments", count=len(form["attachments"])))
        message = self._catalogue.line(
            "intake_summary", turn.language, own=parts, choices=self._choices(form, turn.language)
        )
        return ActionResult((message,), form)

    def _say(self, turn: Turn, line: str, form: Form) -> ActionResult:
        message = self._catalogue.line(
            line, turn.language, choices=self._choices(form, turn.language)
        )
        return ActionResult((message,), form)

    def _question(self, form: Form, language: Language) -> OutboundMessage:
        step, kind = form["step"], form["kind"]
        line = {
            "what": f"{kind}_details",
            "remedy": "intake_remedy",
            "confirm": "confirm_again",
            "correct": "intake_correct",
        }.get(step, f"ask_{step}")
        return self._catalogue.line(line, language, choices=self._choices(form, language))

    def _choices(self, form: Form, language: Language) -> tuple[Choice, ...]:
        """The buttons of the open question; each carries the form's id."""
        step, needed = form["step"], _NEEDED.get(form["kind"], ())
        if step == "confirm":
            named = [("yes", "yes"), ("change", "change"), ("cancel", "cancel")]
        elif step == "remedy":
            named = [("yes", "solved"), ("no", "unsolved"), ("cancel", "cancel")]
        elif step == "correct":
            named = [(f"change:{part}", f"part_{part}") for part in forms.PARTS[form["kind"]]]
            named.append(("skip", "keep"))
        elif step == "attachments":
            named = [("skip", "done" if form["attachments"] else "skip"), ("cancel", "cancel")]
        elif form["correcting"]:
            named = [("skip", "keep"), ("cancel", "cancel")]
            if step not in needed and forms.pieces(form, step):
                named.insert(0, ("remove", "remove"))
        else:
            named = [("skip", "skip")] if step not in needed else []
            named.append(("cancel", "cancel"))
        return tuple(
            Choice(_with_id(value, form["id"]), self._catalogue.label(label, language))
            for value, label in named
        )


def opening_line(kind: str, text: str) -> str:
    """The line with which a form of this kind begins, after this message."""
    if kind != "rumour" and not forms.tells_enough(text):
        return f"{kind}_details"
    return _after_what(kind)


def _after_what(kind: str) -> str:
    return "complaint_begun" if kind == "complaint" else f"{kind}_confirm"


def _with_id(value: str, form_id: str) -> str:
    """`yes` -> `yes:17`; `change:where` -> `change:17:where`."""
    kind, _, part = value.partition(":")
    return ":".join(piece for piece in (kind, form_id, part) if piece)
