"""What happens in one turn: a citizen's message comes in, rows of the outbox and of actions come
out, all in the worker's transaction.

Order: a human has the conversation -> the ticket, the bot stays mute; danger -> the emergency text
and an urgent ticket; a button, a command or an open form -> continue it; else what
`bot.understanding` decided. A file goes where its message goes (`bot.media`).

What the dispatcher remembers between turns is the conversation's `state`: `form` (an open intake),
`asked` (entries offered last) and `question` (the text they were offered for), `offer` (the intake
that was proposed last), `misses` (failures to understand in a row).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import form as form_state
from actions.base import Action, ActionResult, Turn
from actions.form import KINDS, Form
from actions.form import read as read_form
from actions.intake import Intake
from actions.resume import Resume
from actions.tickets import Tickets
from bot.answers import Answers
from bot.commands import (
    ANYWHERE,
    BESIDE_HUMAN,
    Commands,
    language_of_word,
    slash_of,
    word_of,
)
from bot.forms import BUTTONS, Forms, understood
from bot.media import WORDED, MediaHandler, media_of, words_of
from bot.menu import Menu
from bot.steering import Steer, picked, picks_none, steer_of
from bot.understanding import Decision
from core import conversations
from core.catalogue import LANGUAGES, Catalogue
from core.db.tables import ConversationRow, InboxRow
from core.messages import Choice, Language, Media, OutboundMessage
from core.queues.outbox import Outbox
from core.text.clean import has_words


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
        menu: Menu,
        media: MediaHandler,
        commands: Commands,
        resume: Resume,
    ) -> None:
        self._catalogue = catalogue
        self._tickets = tickets
        self._outbox = outbox
        self._answers = answers
        self._forms = Forms(catalogue, answers, intake, actions)
        self._actions = actions
        self._menu = menu
        self._media = media
        self._commands = commands
        self._resume = resume

    async def handle(self, session: AsyncSession, row: InboxRow, decision: Decision | None) -> None:
        """Handle one inbox row. `decision` is None for a tapped button, a command, and what holds
        no words.

        Everything is written through `session`; nothing is committed here.
        """
        conversation = await conversations.load(session, row.conversation_id, lock=True)
        language = await self._language(session, conversation, row, decision)
        conversation.language = language
        if decision is not None and conversation.language_chosen:
            decision = replace(decision, language=language)
        turn = Turn(
            session,
            conversation,
            row.text,
            language,
            department=decision.department if decision is not None else None,
            ticket_number=decision.ticket_number if decision is not None else None,
            inbox_id=row.id,
        )
        state = dict(conversation.state)
        result = await self._turn(turn, row, decision, state)
        media = media_of(row)
        if media is not None and decision is not None and conversation.mode == conversations.BOT:
            result = await self._with_file(turn, row, media, result)
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

    async def _language(
        self,
        session: AsyncSession,
        conversation: ConversationRow,
        row: InboxRow,
        decision: Decision | None,
    ) -> Language:
        """The language to answer in: the one that was chosen, else that of the words, else the
        conversation's; before anything was said, the one that the platform names."""
        before: Language = "en" if conversation.language == "en" else "ar"
        if conversation.language_chosen:
            return before
        if decision is not None and has_words(row.text):
            form = read_form(conversation.state.get("form"))
            return before if self._forms.keeps_language(form) else decision.language
        named = language_of_word(row.text)
        if named is not None:
            return named
        if row.language not in LANGUAGES or row.language == before:
            return before
        earlier = select(InboxRow.id).where(
            InboxRow.conversation_id == row.conversation_id, InboxRow.id < row.id
        )
        is_first = await session.scalar(earlier.limit(1)) is None
        return ("en" if row.language == "en" else "ar") if is_first else before

    async def _turn(
        self, turn: Turn, row: InboxRow, decision: Decision | None, state: dict[str, Any]
    ) -> ActionResult:
        resumed = await self._resume.run(turn, row, state)
        if resumed is not None:
            return resumed
        form = await self._form(turn, state)
        urgent = decision is not None and decision.urgent
        choice = row.choice if row.choice is not None else slash_of(row.text)
        kind = (choice or "").partition(":")[0]
        if choice is not None and kind in ANYWHERE:
            return await self._commands.run(turn, row, choice, form) or ActionResult((), form)
        if turn.conversation.mode == conversations.HUMAN:
            if choice is not None and kind in BESIDE_HUMAN:
                answered = await self._commands.run(turn, row, choice, None)
                return answered or await self._actions[kind].run(turn)
            told = await self._to_human(turn, row, urgent)
            if told is not None:
                return told
            turn.conversation.mode = conversations.BOT
            turn.conversation.ticket_id = None
        if urgent and decision is not None and not self._forms.is_answer(turn, form, decision):
            state.clear()
            return await self._forms.danger(turn, form)
        offer = state.pop("offer", None)
        if choice is not None:
            return await self._tapped(turn, row, choice, form, state)
        media = media_of(row)
        if decision is None and media is not None:
            return await self._sent(turn, row, media, form)
        assert decision is not None  # noqa: S101 - the worker decides about every text
        word = word_of(turn.text)
        if word is not None and (form is None or word == "menu"):
            return await self._tapped(turn, row, word, form, state)
        if form is not None:
            return await self._forms.told(turn, form, decision, state)
        asked = state.get("asked") or []
        if asked:
            place = picked(turn.text, len(asked))
            if place is not None:
                return await self._tapped(turn, row, f"faq:{asked[place]}", None, state)
            if picks_none(turn.text):
                return await self._tapped(turn, row, "none", None, state)
        else:
            steer = steer_of(turn.text)
            if steer is not None:
                return await self._steer_nothing(turn, row, steer, offer, state)
        return await self._begin(turn, decision, state)

    async def _form(self, turn: Turn, state: dict[str, Any]) -> Form | None:
        """The open form, without files that turned out not to be taken."""
        form = read_form(state.get("form"))
        if form is not None and form["attachments"]:
            form = {**form, "attachments": await self._media.taken(turn, form)}
        return form

    async def _to_human(self, turn: Turn, row: InboxRow, urgent: bool) -> ActionResult | None:
        """To the ticket that a human has in hand, with its file; None when that is gone. The bot
        stays mute but for danger and for a file that is not taken."""
        ticket = await self._tickets.append(
            turn.session, turn.conversation, urgent=urgent, text=row.text
        )
        if ticket is None:
            return None
        said = [self._catalogue.line("emergency", turn.language)] if urgent else []
        media = media_of(row)
        if media is not None:
            refused = await self._media.to_ticket(turn, row, media, ticket.id)
            said += [refused] if refused is not None else []
        return ActionResult(tuple(said))

    async def _sent(
        self, turn: Turn, row: InboxRow, media: Media, form: Form | None
    ) -> ActionResult:
        """Something without words: into the open form, else to a ticket, else a word about it."""
        if form is None:
            return await self._media.alone(turn, row, media)
        if media.kind == "location":
            return await self._forms.placed(turn, form, words_of(media, turn.language))
        if media.kind == "contact":
            return await self._forms.noted(turn, form, words_of(media, turn.language))
        taken, refused = await self._media.to_form(turn, row, media, form)
        if taken is not None:
            return await self._forms.attached(turn, form, taken)
        return self._reminding(turn, form, *([refused] if refused is not None else []))

    async def _with_file(
        self, turn: Turn, row: InboxRow, media: Media, result: ActionResult
    ) -> ActionResult:
        """The words of a message were dealt with; its file goes where they went."""
        form = result.form
        if form is None:
            said = await self._media.beside_words(turn, row, media, result.ticket_id)
            return replace(result, messages=(*result.messages, said))
        if media.kind in WORDED:
            words = words_of(media, turn.language)
            return replace(result, form=form_state.tell(form, "what", words))
        taken, refused = await self._media.to_form(turn, row, media, form)
        if taken is not None:
            form = form_state.attach(form, taken)
        noted = refused or self._catalogue.line("attached_to_form", turn.language)
        return replace(result, messages=(noted, *result.messages), form=form)

    def _reminding(self, turn: Turn, form: Form | None, *said: OutboundMessage) -> ActionResult:
        """Say something beside an open form, whose question is then asked again."""
        if form is None:
            return ActionResult(said)
        return ActionResult((*said, self._forms.remind(turn, form)), form)

    async def _tapped(
        self, turn: Turn, row: InboxRow, choice: str, form: Form | None, state: dict[str, Any]
    ) -> ActionResult:
        """A button or a command. One that belongs to a form which is no longer open must not
        surprise."""
        kind, _, value = choice.partition(":")
        if kind == "faq":
            return self._answer(turn, value, form, state)
        if kind == "menu":
            state.pop("asked", None)
            return self._reminding(turn, form, self._menu.show(choice, turn.language))
        answered = await self._commands.run(turn, row, choice, form)
        if answered is not None:
            spoken = replace(turn, language=answered.messages[-1].language)
            return self._reminding(spoken, form, *answered.messages)
        if kind == "status":
            told = await self._act(turn, kind, state)
            return self._reminding(turn, form, *told.messages)
        if form is not None:
            return await self._forms.tapped(turn, kind, value, form)
        if kind in BUTTONS:
            line = self._catalogue.line("nothing_to_confirm", turn.language)
            return ActionResult((line,))
        if kind == "none":
            state.pop("asked", None)
            question = state.pop("question", "")
            about = replace(turn, text=question)
            return self._or_menu(self._forms.begin(about, "human", line="none_of_these"))
        if kind in KINDS:
            state.pop("asked", None)
            earlier = state.pop("question", "") if kind in ("human", "complaint") else ""
            return self._forms.begin(replace(turn, text=earlier), kind)
        return ActionResult((self._catalogue.line("nothing_to_confirm", turn.language),))

    def _answer(
        self, turn: Turn, faq_id: str, form: Form | None, state: dict[str, Any]
    ) -> ActionResult:
        message = self._answers.by_id(faq_id, turn.language)
        if message is None:
            menu = Choice("menu", self._catalogue.label("menu", turn.language))
            line = self._catalogue.line("answer_withdrawn", turn.language, choices=(menu,))
            return self._reminding(turn, form, line)
        understood(state)
        return self._reminding(turn, form, message)

    def _or_menu(self, result: ActionResult) -> ActionResult:
        """With the menu among the choices, in the place of correcting what was hardly told (three
        buttons are the most that WhatsApp shows)."""
        first, *others = result.messages
        kept = [choice for choice in first.choices if not choice.value.startswith("change")]
        kept.insert(1, Choice("menu", self._catalogue.label("menu", first.language)))
        return replace(result, messages=(replace(first, choices=tuple(kept)), *others))

    async def _steer_nothing(
        self,
        turn: Turn,
        row: InboxRow,
        steer: Steer,
        offer: str | None,
        state: dict[str, Any],
    ) -> ActionResult:
        """A bare "yes", "no", "cancel" or "skip" while no form is open: it never names a question
        of the FAQ, and it may answer what was proposed last."""
        if offer is not None and steer == "yes":
            return await self._tapped(turn, row, offer, None, state)
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
            return ActionResult((self._commands.welcome(turn.language),))
        return ActionResult((self._catalogue.line(intent, turn.language),))

    def _not_understood(self, turn: Turn, state: dict[str, Any]) -> ActionResult:
        """The first time it says so and offers a person; the second time in a row it proposes to
        hand the conversation over."""
        misses = int(state.get("misses", 0)) + 1
        earlier = state.get("question", "")
        state.pop("asked", None)
        if misses >= 2:
            understood(state)
            begun = self._forms.begin(turn, "human", line="abstain_again", earlier=earlier)
            return self._or_menu(begun)
        state["misses"] = misses
        state["question"] = turn.text
        state["offer"] = "human"
        return ActionResult((self._answers.not_understood(turn.text, turn.language),))
