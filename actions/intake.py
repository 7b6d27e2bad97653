"""The intake: a short form that ends in a ticket, for a complaint, a suggestion, a request for a
person or a rumour to be checked.

Steps: `details` (asked only when nothing was told yet) and `confirm`. Nothing is sent to staff
before the citizen says yes; whatever else is written meanwhile is added to the statement.
"""

from __future__ import annotations

from typing import Any

from actions.base import ActionResult, Turn
from actions.tickets import Tickets
from core.catalogue import Catalogue
from core.messages import Choice, Language, OutboundMessage
from core.text.clean import fold

KINDS = ("complaint", "suggestion", "human", "rumour")

#: A message with fewer words says only that there is a matter, not what it is.
_FEWEST_WORDS = 5

#: Characters of one statement; what is beyond stands in the conversation.
_MAX_STATEMENT = 12_000

#: What the form is when it is stored in the conversation's state.
Form = dict[str, Any]


class Intake:
    """Begins and continues the form."""

    def __init__(self, catalogue: Catalogue, tickets: Tickets) -> None:
        self._catalogue = catalogue
        self._tickets = tickets

    def begin(self, turn: Turn, kind: str, *, line: str | None = None) -> ActionResult:
        """Open the form. `line` is said instead of the usual question (after a failure to
        understand, say)."""
        form: Form = {"kind": kind, "texts": [], "department": turn.department}
        tells_enough = len(fold(turn.text).split()) >= _FEWEST_WORDS
        if line is None and kind != "rumour" and not tells_enough:
            form["step"] = "details"
            return ActionResult((self._ask_details(kind, turn.language),), form)
        form["step"] = "confirm"
        form["texts"] = [turn.text] if turn.text else []
        return ActionResult((self._ask(line or f"{kind}_confirm", turn.language),), form)

    def add(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen told more."""
        texts = [*form["texts"], turn.text]
        line = f"{form['kind']}_confirm" if form["step"] == "details" else "details_added"
        changed = {
            **form,
            "texts": texts,
            "step": "confirm",
            "department": form.get("department") or turn.department,
        }
        return ActionResult((self._ask(line, turn.language),), changed)

    def change(self, turn: Turn, form: Form, kind: str) -> ActionResult:
        """The citizen wants another kind of matter; what was written already stays."""
        if not form["texts"]:
            return self.begin(turn, kind)
        return ActionResult((self._ask(f"{kind}_confirm", turn.language),), {**form, "kind": kind})

    def again(self, turn: Turn, form: Form) -> ActionResult:
        """Ask the open question once more; the form stays as it is."""
        if form["step"] == "confirm":
            return ActionResult((self.remind(turn.language),), form)
        return ActionResult((self._ask_details(form["kind"], turn.language),), form)

    def skip(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen would not tell more."""
        line = f"{form['kind']}_confirm"
        return ActionResult((self._ask(line, turn.language),), {**form, "step": "confirm"})

    def cancel(self, turn: Turn) -> ActionResult:
        """The citizen wants it dropped."""
        return ActionResult((self._catalogue.line("intake_cancelled", turn.language),))

    def remind(self, language: Language) -> OutboundMessage:
        """The open question once more, after something else was answered."""
        return self._ask("confirm_again", language)

    async def submit(self, turn: Turn, form: Form) -> ActionResult:
        """The citizen said yes: open the ticket."""
        row = await self._tickets.open(
            turn.session,
            turn.conversation,
            kind=form["kind"],
            statement="\n".join(form["texts"])[:_MAX_STATEMENT],
            department=form.get("department"),
        )
        message = self._catalogue.line(
            f"ticket_opened_{form['kind']}",
            turn.language,
            number=row.number,
            code=await self._tickets.issue_code(turn.session, row),
            date=row.due_at,
        )
        return ActionResult((message,), ticket_id=row.id)

    def _ask(self, line: str, language: Language) -> OutboundMessage:
        choices = (self._choice("yes", language), self._choice("cancel", language))
        return self._catalogue.line(line, language, choices=choices)

    def _ask_details(self, kind: str, language: Language) -> OutboundMessage:
        choices = [self._choice("cancel", language)]
        if kind == "human":
            choices.insert(0, self._choice("skip", language))
        return self._catalogue.line(f"{kind}_details", language, choices=tuple(choices))

    def _choice(self, value: str, language: Language) -> Choice:
        return Choice(value, self._catalogue.label(value, language))
