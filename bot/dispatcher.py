"""What happens in one turn: a citizen's message comes in, rows of the outbox and of actions come
out, all in the worker's transaction.

Order: a human has the conversation -> the ticket, the bot stays mute; danger -> the emergency text
and an urgent ticket; a button or an open form -> continue it; else what `bot.understanding`
decided. What the dispatcher remembers between turns is the conversation's `state`:
`form` (an open intake), `asked` (entries offered last) and `question` (the text they were offered
for), `offer` (the intake that was proposed last), `misses` (failures to understand in a row).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from actions.base import Action, ActionResult, Turn
from actions.form import KINDS
from actions.form import read as read_form
from actions.intake import Intake
from actions.tickets import Tickets
from bot.answers import Answers
from bot.forms import BUTTONS, Forms, understood
from bot.steering import Steer, picked, picks_none, steer_of
from bot.understanding import Decision
from core import conversations
from core.catalogue import Catalogue
from core.db.tables import InboxRow
from core.messages import Language, OutboundMessage
from core.queues.outbox import Outbox
from core.text.clean import has_words

#: How likely the topic must be found, and how much of it one department's, to get the ticket.
_DEPARTMENT_AT = 0.5


@dataclass(frozen=True, slots=True)
class Names:
    """How the ministry is called, by language, and whether it is the fictional sample."""

    ministry: Mapping[Language, str]
    sample: bool


class Dispatcher:
    """Carries out one turn."""

    def __init__(
        self,
        catalogue: Catalogue,
        tickets: Tickets,
        outbox: Outbox,
        answers: Answers,
        intake: Intake,
        actions: Mapping[str, Action],
        names: Names,
    ) -> None:
        self._catalogue = catalogue
        self._tickets = tickets
        self._outbox = outbox
        self._answers = answers
        self._forms = Forms(catalogue, answers, intake, actions)
        self._actions = actions
        self._names = names

    async def handle(self, session: AsyncSession, row: InboxRow, decision: Decision | None) -> None:
        """Handle one inbox row. `decision` is None for a tapped button.

        Everything is written through `session`; nothing is committed here.
        """
        conversation = await conversations.load(session, row.conversation_id, lock=True)
        language: Language = "en" if conversation.language == "en" else "ar"
        form = read_form(conversation.state.get("form"))
        if decision is not None and has_words(row.text) and not self._forms.keeps_language(form):
            language = decision.language
        conversation.language = language
        turn = Turn(
            session,
            conversation,
            row.text,
            language,
            department=_department(decision),
            ticket_number=_ticket_number(decision),
            inbox_id=row.id,
        )
        state = dict(conversation.state)
        result = await self._turn(turn, row, decision, state)
        if conversation.mode == conversations.BOT:
            if result.form is not None:
                state["form"] = result.form
            else:
                state.pop("form", None)
            conversation.state = state
        for message in result.messages:
            await self._outbox.put(
                session,
                conversation.id,
                message,
                correlation=row.correlation,
                inbox_id=row.id,
                ticket_id=result.ticket_id,
            )

    async def _turn(
        self, turn: Turn, row: InboxRow, decision: Decision | None, state: dict[str, Any]
    ) -> ActionResult:
        urgent = decision is not None and decision.urgent
        if turn.conversation.mode == conversations.HUMAN:
            ticket = await self._tickets.append(turn.session, turn.conversation, urgent=urgent)
            if ticket is not None:
                if urgent:
                    return ActionResult((self._catalogue.line("emergency", turn.language),))
                return ActionResult(())
            turn.conversation.mode = conversations.BOT
            turn.conversation.ticket_id = None
        form = read_form(state.get("form"))
        if urgent and decision is not None and not self._forms.is_answer(turn, form, decision):
            state.clear()
            return await self._forms.danger(turn, form)
        offer = state.pop("offer", None)
        if row.choice is not None:
            return await self._tapped(turn, row.choice, form, state)
        assert decision is not None  # noqa: S101 - the worker decides about every text
        if form is not None:
            return await self._forms.told(turn, form, decision, state)
        asked = state.get("asked") or []
        if asked:
            place = picked(turn.text, len(asked))
            if place is not None:
                return await self._tapped(turn, f"faq:{asked[place]}", None, state)
            if picks_none(turn.text):
                return await self._tapped(turn, "none", None, state)
        else:
            steer = steer_of(turn.text)
            if steer is not None:
                return await self._steer_nothing(turn, steer, offer, state)
        return await self._begin(turn, decision, state)

    async def _tapped(
        self, turn: Turn, choice: str, form: dict[str, Any] | None, state: dict[str, Any]
    ) -> ActionResult:
        """A button. One that belongs to a form which is no longer open must not surprise."""
        kind, _, value = choice.partition(":")
        if kind == "faq":
            return self._answer(turn, value, form, state)
        if form is not None:
            return await self._forms.tapped(turn, kind, value, form)
        if kind in BUTTONS:
            line = self._catalogue.line("nothing_to_confirm", turn.language)
            return ActionResult((line,))
        if kind == "none":
            state.pop("asked", None)
            question = state.pop("question", "")
            about = replace(turn, text=question)
            return self._forms.begin(about, "human", line="none_of_these")
        if kind in KINDS:
            state.pop("asked", None)
            earlier = state.pop("question", "") if kind in ("human", "complaint") else ""
            return self._forms.begin(replace(turn, text=earlier), kind)
        return ActionResult((self._catalogue.line("nothing_to_confirm", turn.language),))

    def _answer(
        self, turn: Turn, faq_id: str, form: dict[str, Any] | None, state: dict[str, Any]
    ) -> ActionResult:
        message = self._answers.by_id(faq_id, turn.language)
        if message is None:
            line = self._catalogue.line("answer_withdrawn", turn.language)
            return ActionResult((line,), form)
        understood(state)
        return ActionResult((message,), form)

    async def _steer_nothing(
        self, turn: Turn, steer: Steer, offer: str | None, state: dict[str, Any]
    ) -> ActionResult:
        """A bare "yes", "no", "cancel" or "skip" while no form is open: it never names a question
        of the FAQ, and it may answer what was proposed last."""
        if offer is not None and steer == "yes":
            return await self._tapped(turn, offer, None, state)
        line = "nothing_to_confirm"
        if offer is not None and steer in ("no", "cancel"):
            line = "intake_cancelled"
        return ActionResult((self._catalogue.line(line, turn.language),))

    async def _begin(self, turn: Turn, decision: Decision, state: dict[str, Any]) -> ActionResult:
        if decision.outcome == "answer":
            understood(state)
            if "ticket" in decision.offers:
                state["question"] = turn.text  # told already, should it become a complaint
            return ActionResult(self._answers.of_decision(decision))
        if decision.outcome == "clarify":
            state["asked"] = [match.entry.id for match in decision.matches]
            state["question"] = turn.text
            return ActionResult((self._answers.ask_back(decision),))
        if decision.outcome == "intake":
            understood(state)
            return self._forms.begin(turn, decision.intent, decision)
        if decision.outcome == "action":
            understood(state)
            return await self._act(turn, decision.intent, state)
        return self._not_understood(turn, state)

    async def _act(self, turn: Turn, intent: str, state: dict[str, Any]) -> ActionResult:
        if intent == "rumour":
            return self._forms.begin(turn, "rumour")
        action = self._actions.get(intent)
        if action is not None:
            told = await action.run(turn)
            if any(message.origin.ref == "status_none" for message in told.messages):
                state["offer"] = "complaint"
            return told
        if intent == "greeting":
            return ActionResult((greeting(self._catalogue, self._names, turn.language),))
        return ActionResult((self._catalogue.line(intent, turn.language),))

    def _not_understood(self, turn: Turn, state: dict[str, Any]) -> ActionResult:
        """The first time it says so and offers a person; the second time in a row it proposes to
        hand the conversation over."""
        misses = int(state.get("misses", 0)) + 1
        earlier = state.get("question", "")
        state.pop("asked", None)
        if misses >= 2:
            understood(state)
            return self._forms.begin(turn, "human", line="abstain_again", earlier=earlier)
        state["misses"] = misses
        state["question"] = turn.text
        state["offer"] = "human"
        return ActionResult((self._answers.not_understood(turn.text, turn.language),))


def greeting(catalogue: Catalogue, names: Names, language: Language) -> OutboundMessage:
    """The greeting, which says so when the ministry is the fictional sample."""
    key = "greeting_sample" if names.sample else "greeting"
    return catalogue.line(key, language, title=names.ministry[language])


def _department(decision: Decision | None) -> str | None:
    """The department to which most of what was found belongs, where that is clear."""
    if decision is None or decision.search.among < _DEPARTMENT_AT:
        return None
    shares: dict[str, float] = {}
    for match in decision.search.matches:
        shares[match.entry.owner] = shares.get(match.entry.owner, 0.0) + match.score
    owner = max(shares, key=lambda name: shares[name], default=None)
    return owner if owner is not None and shares[owner] >= _DEPARTMENT_AT else None


def _ticket_number(decision: Decision | None) -> str | None:
    if decision is None:
        return None
    named = (entity.value for entity in decision.parse.entities)
    return next(named, None)
