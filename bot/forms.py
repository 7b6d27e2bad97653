"""A message or a tap while a form is open: a steering word, another question, or an answer to what
was asked. The forms themselves are `actions.intake`."""

from __future__ import annotations

from typing import Any

from actions.base import Action, ActionResult, Turn
from actions.intake import KINDS, Form, Intake
from bot.answers import Answers
from bot.steering import Steer, steer_of
from bot.understanding import Decision
from core.catalogue import Catalogue
from core.text.clean import has_words

_COURTESIES = ("thanks", "greeting", "goodbye")


class Forms:
    """Continues the open form of a conversation."""

    def __init__(
        self, catalogue: Catalogue, answers: Answers, intake: Intake, status: Action
    ) -> None:
        self._catalogue = catalogue
        self._answers = answers
        self._intake = intake
        self._status = status

    async def told(
        self, turn: Turn, form: Form, decision: Decision, state: dict[str, Any]
    ) -> ActionResult:
        """A text while a form is open: a steering word, another question, or more details."""
        steer = steer_of(turn.text)
        if steer is not None:
            return await self._steer(turn, steer, form)
        if not has_words(turn.text):
            return ActionResult((self._catalogue.line("no_words", turn.language),), form)
        if decision.outcome == "answer" and form["step"] == "confirm":
            answer = self._answers.of_decision(decision)
            understood(state)
            return ActionResult((*answer, self._intake.remind(turn.language)), form)
        if decision.intent == "status" and decision.outcome == "action":
            told = await self._status.run(turn)
            return ActionResult((*told.messages, self._intake.remind(turn.language)), form)
        if decision.outcome == "action" and decision.intent in _COURTESIES:
            # Thanks are no part of a complaint, and no yes either.
            return self._intake.again(turn, form)
        return self._intake.add(turn, form)

    async def tapped(self, turn: Turn, kind: str, form: Form) -> ActionResult:
        """A button other than an entry of the FAQ. One from before the form must not lose what
        was written into it."""
        if kind in ("yes", "cancel", "skip", "no"):
            return await self._steer(turn, kind, form)  # type: ignore[arg-type]
        if kind in KINDS and kind != form["kind"]:
            return self._intake.change(turn, form, kind)
        return self._intake.again(turn, form)

    async def _steer(self, turn: Turn, steer: Steer, form: Form) -> ActionResult:
        if steer in ("cancel", "no"):
            return self._intake.cancel(turn)
        if form["step"] == "details":
            # "Yes" to "tell us what happened": there is nothing to send yet, so ask again.
            return (self._intake.skip if steer == "skip" else self._intake.again)(turn, form)
        if steer == "yes":
            return await self._intake.submit(turn, form)
        # "Skip" is not a yes (a button tapped twice, say): nothing goes to staff without one.
        return self._intake.again(turn, form)


def understood(state: dict[str, Any]) -> None:
    """Something was understood: the conversation's failures and open choices are forgotten."""
    for key in ("misses", "asked", "question"):
        state.pop(key, None)
