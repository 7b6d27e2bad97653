"""Understanding for tests: the really built model, or one that decides as a test scripts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from bot.mind import Mind, build_mind
from bot.understanding import Decision, Grounds, Outcome
from core.messages import Language
from core.settings import Settings
from core.text.arabizi import Arabizi
from core.text.language import language_of
from faq.entries import Button, FaqEntry, Topic
from faq.index import Match, SearchResult, Verdict
from nlu.interpreter import Entity, ParseResult
from tests.support.places import FAQ_DIR, MODEL_DIR


@cache
def real_mind() -> Mind:
    """The served model over the sample ministry's FAQ; built once for all tests."""
    return build_mind(Settings(_env_file=None, model_dir=MODEL_DIR, faq_dir=FAQ_DIR))


def entry(faq_id: str, **changes: Any) -> FaqEntry:
    """A valid entry whose texts are made from its id."""
    made = FaqEntry(
        id=faq_id,
        topic="topic",
        owner="department",
        question={"ar": f"ما سؤال {faq_id}؟", "en": f"What is {faq_id}?"},
        phrasings={"ar": (f"سؤال {faq_id}",), "en": (f"about {faq_id}",)},
        answer={"ar": f"جواب {faq_id}.\nسطر ثان.", "en": f"Answer of {faq_id}."},
        source="Decision 1",
        review_by=date(2030, 1, 1),
        file="topic.yml",
        line=1,
        buttons=(Button({"ar": "الصفحة", "en": "Page"}, "https://example.org/a"),),
    )
    return replace(made, **changes)


@dataclass(frozen=True)
class Plan:
    """What a scripted decision says; `ids` are the entries that match."""

    outcome: Outcome = "abstain"
    intent: str = "out_of_scope"
    ids: tuple[str, ...] = ()
    urgent: bool = False
    offers: tuple[str, ...] = ()
    among: float = 0.9
    number: str | None = None
    sure: float | None = None
    confidence: float = 0.9


def answer(faq_id: str, *, offers: tuple[str, ...] = ()) -> Plan:
    return Plan("answer", "question", (faq_id,), offers=offers)


def clarify(*ids: str) -> Plan:
    return Plan("clarify", "question", ids, offers=("human",))


def intake(kind: str, *ids: str, among: float = 0.9, sure: float | None = None) -> Plan:
    """`sure`: the FAQ has the remedy, with this probability."""
    return Plan("intake", kind, ids, among=among, sure=sure)


def action(intent: str, number: str | None = None) -> Plan:
    return Plan("action", intent, number=number)


URGENT = Plan("action", "urgent", urgent=True)
ABSTAIN = Plan(offers=("human",))


class ScriptedUnderstanding:
    """Decides by a table of texts; what is not in it is not understood. Tables have no version, so
    nothing is cached."""

    def __init__(self, index: Any, table: Mapping[str, Plan]) -> None:
        self._index = index
        self.table = dict(table)
        self.before: Callable[[str], None] = lambda _text: None
        self.seen: list[str] = []

    def grounds(self) -> Grounds:
        return Grounds(self._index, date(2026, 11, 22), None)

    def decide(
        self, text: str, default: Language = "ar", grounds: Grounds | None = None
    ) -> Decision:
        self.before(text)
        self.seen.append(text)
        plan = self.table.get(text, ABSTAIN)
        known = {e.id: e for e in self._index.entries}
        matches = tuple(Match(known[i], 0.9) for i in plan.ids if i in known)
        entities = (Entity("ticket_number", plan.number),) if plan.number else ()
        language = language_of(text, Arabizi((), ()), default)
        parse = ParseResult(plan.intent, 0.9, ((plan.intent, 0.9),), entities, language)
        sure = 0.9 if plan.outcome == "answer" else plan.sure
        verdict: Verdict = "abstain" if sure is None else "answer"
        search = SearchResult(matches, 0.9 if sure is None else sure, plan.among, verdict)
        used = matches if plan.outcome in ("answer", "clarify") else ()
        return Decision(
            plan.outcome,
            plan.intent,
            plan.confidence,
            language,
            plan.urgent,
            used,
            plan.offers,
            parse,
            search,
        )


def scripted_mind(entries: Sequence[FaqEntry], table: Mapping[str, Plan]) -> Mind:
    """A mind that decides by `table`; its `understanding.table` and index may be changed."""
    index = SimpleNamespace(entries=tuple(entries))
    topics = tuple(
        Topic(name, {"ar": f"موضوع {name}", "en": f"About {name}"}, "department", f"{name}.yml")
        for name in dict.fromkeys(one.topic for one in entries)
    )
    faq = SimpleNamespace(
        index=index, knowledge=SimpleNamespace(topics=topics, entries=tuple(entries))
    )
    understanding = ScriptedUnderstanding(index, table)
    return Mind(cast(Any, None), cast(Any, faq), cast(Any, None), cast(Any, understanding))
