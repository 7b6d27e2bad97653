"""An open form as it is kept in the conversation's state: what was told, and what comes next.

Pure: a form is a JSON object and is never changed in place. Its keys:

| key | holds |
|---|---|
| `id` | which form it is; its buttons carry it |
| `kind` | one of `KINDS` |
| `step` | a part that is being asked for, or `remedy`, `confirm`, `correct` |
| `answers` | by part, the texts that were told, each as it was written |
| `attachments` | ids of files |
| `passed` | parts that were asked for or told, and are not asked for again |
| `correcting` | whether the part is asked for once more, to be put right |
| `department` | the owner of the topic, where that is known |
| `remedy` | the FAQ entry that was offered as the remedy |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.text.clean import fold

Form = dict[str, Any]

KINDS = ("complaint", "suggestion", "human", "rumour")

#: What each kind asks for, in this order.
PARTS: Mapping[str, tuple[str, ...]] = {
    "complaint": ("what", "where", "when", "reference", "attachments"),
    "suggestion": ("what",),
    "human": ("what",),
    "rumour": ("what",),
}
TEXT_PARTS = ("what", "where", "when", "reference")

#: The id of a form that an earlier version began, whose buttons carry none.
EARLIER = "0"

#: A message with fewer words says only that there is a matter, not what it is.
FEWEST_WORDS = 5

#: Characters that one form keeps; what is beyond stands in the conversation.
MAX_STATEMENT = 12_000


def new(kind: str, form_id: str, department: str | None) -> Form:
    """An empty form."""
    return {
        "id": form_id,
        "kind": kind,
        "step": "what",
        "answers": {},
        "attachments": [],
        "passed": [],
        "correcting": False,
        "department": department,
        "remedy": None,
    }


def read(stored: Mapping[str, Any] | None) -> Form | None:
    """The form that a conversation's state holds, in today's shape; None when there is none.

    The first version kept `kind`, `step` (`details` or `confirm`), `texts` and `department`.
    """
    if not stored or stored.get("kind") not in KINDS:
        return None
    form = new(str(stored["kind"]), str(stored.get("id", EARLIER)), stored.get("department"))
    if "texts" in stored:
        form["step"] = "confirm" if stored.get("step") == "confirm" else "what"
        # Its one question was "what"; a form that waits for a yes goes on waiting for it alone.
        form["passed"] = list(PARTS[form["kind"]]) if form["step"] == "confirm" else []
        for text in stored["texts"]:
            form = tell(form, "what", text)
        return form
    known = {key: value for key, value in stored.items() if key in form}
    return {**form, **known}


def tell(form: Form, part: str, text: str) -> Form:
    """The form with one more text under that part."""
    room = MAX_STATEMENT - len(statement(form))
    if not text or room <= 0:
        return form
    told = [*form["answers"].get(part, ()), text[:room]]
    return {**form, "answers": {**form["answers"], part: told}}


def clear(form: Form, part: str) -> Form:
    """The form without what was told under that part."""
    if part == "attachments":
        return {**form, "attachments": []}
    return {**form, "answers": {k: v for k, v in form["answers"].items() if k != part}}


def attach(form: Form, attachment_id: int) -> Form:
    """The form with one more file."""
    return {**form, "attachments": [*form["attachments"], attachment_id]}


def at(form: Form, step: str, *, correcting: bool = False) -> Form:
    """The form at another step."""
    return {**form, "step": step, "correcting": correcting}


def onward(form: Form) -> Form:
    """The form at the step after the one that was just answered or passed over: the next part
    that was neither told nor asked for, or `confirm`."""
    passed = list(dict.fromkeys([*form["passed"], form["step"]]))
    for part in PARTS[form["kind"]]:
        if part not in passed and not form["answers"].get(part):
            return at({**form, "passed": passed}, part)
    return at({**form, "passed": passed}, "confirm")


def is_empty(form: Form) -> bool:
    """Whether nothing was told and no file sent."""
    return not form["attachments"] and not any(form["answers"].values())


def tells_enough(text: str) -> bool:
    """Whether a message says what the matter is, and not only that there is one."""
    return len(fold(text).split()) >= FEWEST_WORDS


def pieces(form: Form, part: str) -> Sequence[str]:
    """The texts that were told under a part."""
    return tuple(form["answers"].get(part, ()))


def statement(form: Form) -> str:
    """All that was told, in the order in which it is asked for, each text as it was written."""
    return "\n".join(text for part in TEXT_PARTS for text in form["answers"].get(part, ()))


def details(form: Form) -> dict[str, str]:
    """What was told, by part."""
    return {
        part: "\n".join(form["answers"][part]) for part in TEXT_PARTS if form["answers"].get(part)
    }
