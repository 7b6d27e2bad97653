"""A message or a tap while a form is open: a steering word, another question, or an answer to what
was asked. The forms themselves are `actions.intake`; here it is decided what a message means to
them, and the FAQ's remedy is put before a complaint.

The intent model is trained on whole messages. Of the short answers to "where?" and "when?" it
knows little ("yesterday" is a greeting to it, "at the airport" an emergency), so at those
questions lists of words decide, and danger must be all but certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from actions import form as form_state
from actions.base import Action, ActionResult, Turn
from actions.form import EARLIER, KINDS, Form
from actions.intake import Intake
from bot.answers import Answers
from bot.steering import (
    Steer,
    asks,
    declines,
    is_courtesy,
    is_done,
    names_place,
    picked,
    speaks_of_danger,
    steer_of,
    wants_change,
    wants_person,
)
from bot.understanding import Decision
from core.catalogue import LANGUAGES, Catalogue
from core.messages import OutboundMessage
from core.text.clean import fold, has_words

_COURTESIES = ("thanks", "greeting", "goodbye")

#: Buttons that belong to one form, whose id stands behind a colon.
BUTTONS = ("yes", "no", "cancel", "skip", "change", "remove")

#: Questions that are answered in a few words.
_SHORT_STEPS = ("where", "when", "reference")
_FEW_WORDS = 4

#: How likely it must be that a few words at such a question tell of danger, where none of them
#: speaks of it. Places that people name ("in the street", "in hospital") reach 0.91. Below this the
#: answer is taken, and the emergency text said all the same unless a place is named.
_DANGER_AT = 0.95

#: How likely the FAQ's first entry must be right to be offered as the remedy of a complaint, or to
#: somebody who wants a person. Above it, of the 55 complaints of `tests/evals/cases.jsonl`, which
#: no entry solves, none is offered one.
REMEDY_AT = 0.95
_REMEDIED = ("complaint", "human")

#: While a summary waits for a yes, so few words that name an entry are a question without its
#: question mark.
_BARE_QUESTION_WORDS = 6


class Forms:
    """Begins and continues the form of a conversation."""

    def __init__(
        self, catalogue: Catalogue, answers: Answers, intake: Intake, actions: Mapping[str, Action]
    ) -> None:
        self._catalogue = catalogue
        self._answers = answers
        self._intake = intake
        self._status: Action = actions["status"]
        self._urgent: Action = actions["urgent"]

    # -- beginning and ending ----------------------------------------------------------------------

    def begin(
        self,
        turn: Turn,
        kind: str,
        decision: Decision | None = None,
        *,
        line: str | None = None,
        earlier: str = "",
    ) -> ActionResult:
        """Open a form; `line` and `earlier` are as for `Intake.begin`. Where the decision about the
        message found the remedy in the FAQ, that is said first, and asked whether it solves the
        matter."""
        remedy = self._remedy(turn, kind, decision) if line is None else None
        if remedy is None:
            return self._intake.begin(turn, kind, line=line, earlier=earlier)
        faq_id, answer = remedy
        asked = self._intake.begin(turn, kind, remedy=faq_id)
        return replace(asked, messages=(answer, *asked.messages))

    async def danger(self, turn: Turn, form: Form | None) -> ActionResult:
        """The emergency text and an urgent ticket, which takes along what an open form held."""
        if form is None:
            return await self._urgent.run(turn)
        said = "\n".join(text for text in (turn.text, form_state.statement(form)) if text)
        department = turn.department or form["department"]
        result = await self._urgent.run(replace(turn, text=said, department=department))
        if result.ticket_id is not None:
            await self._intake.bind(turn, form, result.ticket_id)
        return result

    def is_answer(self, turn: Turn, form: Form | None, decision: Decision) -> bool:
        """Whether a message that looks urgent is the answer to an open question all the same."""
        if form is None:
            return False
        if steer_of(turn.text) is not None or declines(turn.text):
            return True
        if form["step"] not in _SHORT_STEPS or len(fold(turn.text).split()) > _FEW_WORDS:
            return False
        return decision.confidence < _DANGER_AT and not speaks_of_danger(turn.text)

    def keeps_language(self, form: Form | None) -> bool:
        """Whether the open question is answered by names and numbers, in whatever script: such an
        answer does not change the language that is spoken."""
        return form is not None and form["step"] in _SHORT_STEPS

    # -- while a form is open ----------------------------------------------------------------------

    async def told(
        self, turn: Turn, form: Form, decision: Decision, state: dict[str, Any]
    ) -> ActionResult:
        """A text while a form is open."""
        result = await self._told(turn, form, decision, state)
        steered = steer_of(turn.text) is not None or declines(turn.text)
        if not decision.urgent or steered or names_place(turn.text):
            return result
        emergency = self._catalogue.line("emergency", turn.language)
        return replace(result, messages=(emergency, *result.messages))

    async def _told(
        self, turn: Turn, form: Form, decision: Decision, state: dict[str, Any]
    ) -> ActionResult:
        step, text = form["step"], turn.text
        if step == "correct":
            part = _part_named(form, text, self._catalogue)
            if part is not None:
                return await self._intake.correct(turn, form, part)
        if step == "attachments" and is_done(text):
            return await self._intake.skip(turn, form)
        if step in _SHORT_STEPS and declines(text):
            return await self._intake.skip(turn, form)
        steer = steer_of(text)
        if steer is not None:
            return await self._steer(turn, steer, form)
        if step == "confirm" and wants_change(text):
            return await self._intake.correct(turn, form)
        if step != "what" and form["kind"] != "human" and wants_person(text):
            return await self._intake.change(turn, form, "human")
        if not has_words(text):
            return ActionResult((self._catalogue.line("no_words", turn.language),), form)
        if self._is_question(form, text, decision):
            answer = self._answers.of_decision(decision)
            understood(state)
            return ActionResult((*answer, self.remind(turn, form)), form)
        if _asks_status(form, text, decision):
            told = await self._status.run(turn)
            return ActionResult((*told.messages, self.remind(turn, form)), form)
        if _is_courteous(form, text, decision):
            # Thanks are no part of a complaint, and no yes either.
            return self._intake.ask(turn, form)
        remedy = self._remedy(turn, form["kind"], decision) if step == "what" else None
        if remedy is None or form["correcting"]:
            return await self._intake.answer(turn, form)
        faq_id, message = remedy
        asked = await self._intake.answer(turn, form, remedy=faq_id)
        return replace(asked, messages=(message, *asked.messages))

    async def tapped(self, turn: Turn, kind: str, value: str, form: Form) -> ActionResult:
        """A button other than an entry of the FAQ. One of an older form changes nothing; one from
        before the form must not lose what was written into it."""
        if kind in BUTTONS:
            form_id, _, part = value.partition(":")
            if (form_id or EARLIER) != form["id"]:
                old = self._catalogue.line("button_of_earlier", turn.language)
                return ActionResult((old, self.remind(turn, form)), form)
            if kind == "change":
                return await self._intake.correct(turn, form, part or None)
            if kind == "remove":
                return await self._intake.remove(turn, form)
            return await self._steer(turn, kind, form)  # type: ignore[arg-type]
        if kind in KINDS and kind != form["kind"]:
            return await self._intake.change(turn, form, kind)
        return self._intake.ask(turn, form)

    async def attached(self, turn: Turn, form: Form, attachment_id: int) -> ActionResult:
        """A file came for the open form."""
        return self._intake.attached(turn, form, attachment_id)

    async def placed(self, turn: Turn, form: Form, words: str) -> ActionResult:
        """A place on a map came; `words` name it for staff. It answers "where?" now or later."""
        return await self._intake.answer(turn, form, text=words, part="where")

    async def noted(self, turn: Turn, form: Form, words: str) -> ActionResult:
        """Something else that is no text came, a contact say; `words` are what staff read."""
        return await self._intake.answer(turn, form, text=words, part="what")

    def remind(self, turn: Turn, form: Form) -> OutboundMessage:
        """The open question once more, after something else was said."""
        return self._intake.remind(form, turn.language)

    async def _steer(self, turn: Turn, steer: Steer, form: Form) -> ActionResult:
        step = form["step"]
        if steer == "cancel":
            return await self._intake.cancel(turn, form)
        if step == "remedy":
            if steer == "yes":
                return await self._intake.cancel(turn, form, line="intake_solved")
            return await self._intake.skip(turn, form)
        if steer == "skip":
            return await self._intake.skip(turn, form)
        if steer == "no":
            if step in ("what", "confirm") and not form["correcting"]:
                return await self._intake.cancel(turn, form)
            return await self._intake.skip(turn, form)
        if step == "confirm":
            return await self._intake.submit(turn, form)
        # "Yes" to "what happened?" or "do you have a number?": it is still to be written.
        return self._intake.ask(turn, form)

    def _remedy(
        self, turn: Turn, kind: str, decision: Decision | None
    ) -> tuple[str, OutboundMessage] | None:
        """The FAQ's sure answer to what is complained of, or asked of a person."""
        if decision is None or kind not in _REMEDIED or not form_state.tells_enough(turn.text):
            return None
        search = decision.search
        if decision.urgent or search.verdict != "answer" or search.right < REMEDY_AT:
            return None
        entry = search.matches[0].entry
        message = self._answers.by_id(entry.id, turn.language)
        return None if message is None else (entry.id, message)

    def _is_question(self, form: Form, text: str, decision: Decision) -> bool:
        """Whether a text is another question for the FAQ, and no answer to the open one."""
        if decision.outcome != "answer":
            return False
        if form["step"] == "what" and "ticket" in decision.offers:
            return False  # it may well complain: then it is what was asked for
        few = len(fold(text).split()) <= _BARE_QUESTION_WORDS
        return asks(text) or (form["step"] in ("confirm", "remedy") and few)


def understood(state: dict[str, Any]) -> None:
    """Something was understood: the conversation's failures and open choices are forgotten."""
    for key in ("misses", "asked", "question"):
        state.pop(key, None)


def _asks_status(form: Form, text: str, decision: Decision) -> bool:
    if decision.outcome != "action" or decision.intent != "status":
        return False
    if form["step"] in _SHORT_STEPS or form["step"] == "what":
        return asks(text) or bool(decision.parse.entities and form["step"] != "reference")
    return True


def _is_courteous(form: Form, text: str, decision: Decision) -> bool:
    if form["step"] in _SHORT_STEPS:
        return is_courtesy(text)
    if form["step"] == "what" and form_state.tells_enough(text):
        return False
    return is_courtesy(text) or (decision.outcome == "action" and decision.intent in _COURTESIES)


def _part_named(form: Form, text: str, catalogue: Catalogue) -> str | None:
    """The part that a text names, by its place or by the label on its button."""
    parts = form_state.PARTS[form["kind"]]
    place = picked(text, len(parts))
    if place is not None:
        return parts[place]
    labels = {
        fold(catalogue.label(f"part_{part}", language)): part
        for part in parts
        for language in LANGUAGES
    }
    return labels.get(fold(text))
