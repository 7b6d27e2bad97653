"""What an FAQ file may hold: the one place where its keys, types and lengths are written.

The loader validates files with these models, and `python -m faq.schema > faq/faq.schema.json`
publishes them as JSON Schema, by which editors' tools complete and check the files. What entries
say of each other (ids that are taken, phrasings that meet) is the loader's affair.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from faq.yaml_reader import Scalar

MAX_QUESTION = 200
MAX_PHRASING = 300
#: The longest text that every channel takes in one message (Telegram and WhatsApp: 4,096), less
#: some room.
MAX_ANSWER = 4_000
#: WhatsApp's limit for the text of a message with buttons.
MAX_BUTTONED_ANSWER = 1_024
#: WhatsApp's limits for reply buttons.
MAX_LABEL = 20
MAX_BUTTONS = 3
MIN_ARABIC_PHRASINGS = 5

#: The types of errors raised here, which the loader turns into findings.
BAD_DATE = "faq_bad_date"
DATES_CROSSED = "faq_dates_crossed"

_KEBAB = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_HTTPS = r"^https://[^\s@/?#\\:]+(:[0-9]{1,5})?([/?#][^\s\\]*)?$"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_day(value: Any) -> date | None:
    """The day that a node or text means, written as year-month-day, with or without quotes; None
    when it is not one."""
    if isinstance(value, Scalar):
        value = value.text if value.kind in {None, "date"} else None
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return None


def _as_date(value: Any) -> date:
    if (day := read_day(value)) is None:
        raise PydanticCustomError(BAD_DATE, "not a date of the form 2027-03-01")
    return day


def _about(en: str, ar: str) -> Any:
    return Field(description=f"{en} / {ar}")


def _optional(en: str, ar: str) -> Any:
    return Field(default=None, description=f"{en} / {ar}")


Name = Annotated[str, StringConstraints(strict=True, min_length=3, max_length=64, pattern=_KEBAB)]
Day = Annotated[
    date,
    BeforeValidator(_as_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]
Url = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, max_length=2_000, pattern=_HTTPS),
]


def _text(limit: int) -> StringConstraints:
    """A text of 1 to `limit` characters; spaces and line ends around it do not count."""
    return StringConstraints(
        strict=True, strip_whitespace=True, min_length=1, max_length=limit, pattern=r"\S"
    )


Title = Annotated[str, _text(80)]
Question = Annotated[str, _text(MAX_QUESTION)]
Phrasing = Annotated[str, _text(MAX_PHRASING)]
Answer = Annotated[str, _text(MAX_ANSWER)]
Label = Annotated[str, _text(MAX_LABEL)]
Source = Annotated[str, _text(500)]


class _Block(BaseModel):
    """A block of keys; any other key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Titles(_Block):
    ar: Title = _about("In Arabic", "بالعربية")
    en: Title = _about("In English", "بالإنجليزية")


class Questions(_Block):
    ar: Question = _about("In Arabic", "بالعربية")
    en: Question = _about("In English", "بالإنجليزية")


class Answers(_Block):
    ar: Answer = _about("In Arabic", "بالعربية")
    en: Answer = _about("In English", "بالإنجليزية")


class Labels(_Block):
    ar: Label = _about("In Arabic", "بالعربية")
    en: Label = _about("In English", "بالإنجليزية")


class Phrasings(_Block):
    ar: Annotated[list[Phrasing], Field(min_length=1)] = _about(
        "In Arabic, dialects and Arabic in Latin letters among them; 5 or more",
        "بالعربية، ومنها اللهجات والعربية المكتوبة بأحرف لاتينية؛ 5 صيغ أو أكثر",
    )
    en: Annotated[list[Phrasing], Field(min_length=1)] | None = _optional(
        "In English", "بالإنجليزية"
    )


class ButtonBlock(_Block):
    label: Labels = _about(
        "The words on the button, at most 20 characters", "نص الزر، 20 حرفًا على الأكثر"
    )
    url: Url = _about(
        "The page that it opens; begins with https://",
        "الصفحة التي يفتحها؛ يبدأ رابطها بـ https://",
    )


class EntryBlock(_Block):
    id: Name = _about(
        "A name that stays for ever and is nobody else's, such as passport-renew-fees",
        "معرّف ثابت لا يشاركه فيه غيره، مثل passport-renew-fees",
    )
    question: Questions = _about(
        "The question, asked clearly once in each language", "السؤال بصيغة واضحة بكل لغة"
    )
    phrasings: Phrasings = _about(
        "How people really ask it on their phones", "كيف يسأله الناس فعلًا على هواتفهم"
    )
    answer: Answers = _about(
        "The answer that citizens receive, word for word; best within 1,024 characters",
        "الجواب الذي يصل إلى الناس بحروفه؛ والأفضل ألا يتجاوز 1,024 حرفًا",
    )
    source: Source = _about(
        "The decision, law or page that the answer rests on",
        "القرار أو النظام أو الصفحة التي يستند إليها الجواب",
    )
    review_by: Day = _about(
        "The day by which somebody must check the answer again",
        "اليوم الذي يجب أن يُراجَع الجواب قبله",
    )
    valid_from: Day | None = _optional(
        "The first day on which the answer may be given", "أول يوم يجوز فيه تقديم الجواب"
    )
    valid_until: Day | None = _optional(
        "The first day on which the answer may no longer be given",
        "أول يوم لا يجوز فيه تقديم الجواب",
    )
    buttons: Annotated[list[ButtonBlock], Field(max_length=MAX_BUTTONS)] | None = _optional(
        "Links under the answer, 3 at most", "روابط تحت الجواب، 3 على الأكثر"
    )
    related: list[Name] | None = _optional(
        "The ids of entries that people ask about next", "معرّفات أسئلة يسألها الناس بعد هذا السؤال"
    )
    short: Labels | None = _optional(
        "A short name for buttons and lists, at most 20 characters",
        "اسم مختصر للأزرار والقوائم، 20 حرفًا على الأكثر",
    )

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> EntryBlock:
        since, until = self.valid_from, self.valid_until
        if since is not None and until is not None and until <= since:
            raise PydanticCustomError(
                DATES_CROSSED,
                "valid_until is not later than valid_from",
                {"since": since.isoformat(), "until": until.isoformat()},
            )
        return self


class TopicFile(_Block):
    """A topic of the FAQ and its entries / موضوع من الأسئلة وأجوبتها"""

    topic: Name = _about(
        "The name of the topic, the same as the file's, such as passports",
        "معرّف الموضوع، وهو اسم الملف نفسه، مثل passports",
    )
    title: Titles = _about("What people read as the topic's name", "اسم الموضوع كما يقرؤه الناس")
    owner: Name = _about(
        "The department that its tickets go to", "الجهة التي تُحال إليها تذاكر الموضوع"
    )
    entries: Annotated[list[EntryBlock], Field(min_length=1)] = _about(
        "Questions and their answers", "الأسئلة وأجوبتها"
    )


#: The keys whose values are names in the sense of `Name`.
NAME_KEYS = frozenset({"id", "topic", "owner", "related"})


class _ForEditors(GenerateJsonSchema):
    """Optional keys are left out, not given an empty value: no `null` in the published schema."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an FAQ file."""
    schema = TopicFile.model_json_schema(schema_generator=_ForEditors)
    return {"$schema": _ForEditors.schema_dialect, **schema}


def json_schema_text() -> str:
    """The published file `faq.schema.json`, to the last line end."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(json_schema_text().encode("utf-8"))
