"""Reads one YAML file into a tree of nodes that know their line, in bounded time and memory.

It speaks of form alone: encoding, tabs, grammar, and the features of YAML that an FAQ file has
no use for. What the nodes mean is the schema's and the loader's affair. Nodes are made from
ruamel's events and never composed by it, so an alias is refused before anything is expanded.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.scanner import Scanner

from faq.findings import Finding, Words, finding
from faq.hidden import HIDDEN_IN_FILE, hidden_in

#: Limits of one file: bytes, levels, and values (a file of 2 MB written as ours are has some
#: 30,000 values).
MAX_BYTES = 2_000_000
MAX_DEPTH = 20
MAX_NODES = 100_000
#: How many features that are not allowed are met before the rest of a file is left unread.
MAX_REFUSED = 100

Kind = Literal["nothing", "boolean", "number", "date"]

_INDENTING_TAB = re.compile(r"^ *\t[ \t]*(?=[^ \t\n])", re.MULTILINE)

# What some reader or other of YAML (1.1 or 1.2) takes for something else than a text.
_BARE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("nothing", re.compile(r"~|null|Null|NULL|")),
    ("boolean", re.compile(r"y|n|yes|no|true|false|on|off", re.IGNORECASE)),
    ("date", re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")),
    (
        "number",
        re.compile(
            r"[-+]?(0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|\.(inf|nan)"
            r"|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
            r"|([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)(e[-+]?[0-9]+)?)",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(slots=True)
class Scalar:
    """A single value. `kind` is set where the value stands without quotes and is not a text to
    every reader of YAML. Lines and columns count from 1 in all nodes."""

    text: str
    line: int
    column: int
    kind: Kind | None = None


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A block of keys: each with the node of the key itself and the node of its value."""

    line: int
    column: int
    items: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


class _Stop(Exception):
    """Reading on makes no sense: the finding is written, or is carried."""

    def __init__(self, found: Finding | None = None) -> None:
        self.found = found


class _Refused(_Stop):
    """A feature that is not even read to its end."""

    def __init__(self, feature: str, mark: Any) -> None:
        super().__init__()
        self.feature = feature
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1


class _PlainScanner(Scanner):
    """The scanner without tags and directives: it reads some of them in a time that grows with
    the square of their length (43 s for 2 MB of exclamation marks)."""

    def fetch_tag(self) -> None:
        raise _Refused("tag", self.reader.get_mark())

    def fetch_directive(self) -> None:
        raise _Refused("directive", self.reader.get_mark())


def read_tree(data: bytes, file: str) -> tuple[Node | None, list[Finding]]:
    """The tree of a file's bytes, and what is wrong with its form.

    The tree is None when the file cannot be understood at all; then there is at least one
    error. `file` is the name that the findings give. Never raises for any bytes.
    """
    if len(data) > MAX_BYTES:
        return None, [finding("F005", file=file, limit=f"{MAX_BYTES:,}")]
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        skipped = len(data) - len(error.object)
        line = error.object.count(b"\n", 0, error.start) + 1
        return None, [finding("F004", file=file, line=line, offset=skipped + error.start)]
    text = text.replace("\r\n", "\n").replace("\r", "\n")

    found = list(hidden_in(text, file))
    # One place is one mistake: replaced, so that the rest of the file is checked as well.
    text = HIDDEN_IN_FILE.sub(" ", text)
    if (tab := _INDENTING_TAB.search(text)) is not None:
        line = text.count("\n", 0, tab.start()) + 1
        count = sum(1 for _ in _INDENTING_TAB.finditer(text))
        found.append(finding("F006", file=file, line=line, column=1, count=count))
        return None, found
    tree, more = _Composer(text, file).run()
    return tree, found + more


def _kind(event: ScalarEvent) -> Kind | None:
    if not event.implicit[0]:
        return None
    value: str = event.value
    return next((kind for kind, pattern in _BARE if pattern.fullmatch(value)), None)


class _Composer:
    """Makes nodes from the events of one text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._found: list[Finding] = []
        self._refused: Counter[str] = Counter()
        self._nodes = 0
        self._line = 1
        self._events: Iterator[Event] = iter(())

    def run(self) -> tuple[Node | None, list[Finding]]:
        tree: Node | None = None
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _PlainScanner
        self._events = yaml.parse(io.StringIO(self._text))
        try:
            tree = self._document()
        except _Refused as refused:
            self._refuse(refused.feature, refused.line, refused.column)
            return None, self._found
        except _Stop as stop:
            if stop.found is not None:
                self._found.append(stop.found)
            return None, self._found
        except MarkedYAMLError as error:
            self._found.append(self._grammar(error))
            return None, self._found
        except Exception as error:
            # The parser meets bytes from anywhere, and raises more than its own errors (for
            # example ValueError for an escape beyond Unicode). None of them may stop the service.
            self._found.append(self._unreadable(type(error).__name__))
            return None, self._found
        return (None if self._refused else tree), self._found

    def _document(self) -> Node:
        """The only document of the stream."""
        tree: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if tree is not None:
                    self._refuse("documents", *_position(event))
                    raise _Stop
                tree = self._node(next(self._events), 1)
            elif isinstance(event, StreamEndEvent):
                break
        if tree is None:
            raise _Stop(finding("F020", file=self._file, got=_EMPTY, expected=_TOPIC))
        return tree

    def _node(self, event: Event, depth: int) -> Node:
        line, column = _position(event)
        self._line = line
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            limit = f"{MAX_DEPTH}" if depth > MAX_DEPTH else f"{MAX_NODES:,}"
            raise _Stop(finding("F010", file=self._file, line=line, column=column, limit=limit))
        if isinstance(event, AliasEvent):
            self._refuse("alias", line, column)
            return Scalar("", line, column)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse("anchor", line, column)
        if isinstance(event, ScalarEvent):
            return Scalar(event.value, line, column, _kind(event))
        if isinstance(event, SequenceStartEvent):
            sequence = Sequence(line, column)
            while not isinstance(item := next(self._events), SequenceEndEvent):
                sequence.items.append(self._node(item, depth + 1))
            return sequence
        if not isinstance(event, MappingStartEvent):
            raise _Stop(self._unreadable(type(event).__name__))
        return self._mapping(Mapping(line, column), depth)

    def _mapping(self, mapping: Mapping, depth: int) -> Mapping:
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._refuse("key", key.line, key.column)
            elif key.text == "<<":
                self._refuse("merge", key.line, key.column)
            elif (first := mapping.items.get(key.text)) is not None:
                self._found.append(
                    finding(
                        "F008",
                        file=self._file,
                        line=key.line,
                        column=key.column,
                        key=key.text,
                        other=first[0].line,
                    )
                )
            else:
                mapping.items[key.text] = (key, value)
        return mapping

    def _refuse(self, feature: str, line: int, column: int) -> None:
        """Write a feature down once for each file, and stop where it is plainly a bomb."""
        if self._refused.total() >= MAX_REFUSED:
            raise _Stop
        self._refused[feature] += 1
        if self._refused[feature] == 1:
            name, remedy = _FEATURES[feature]
            self._found.append(
                finding(
                    "F009",
                    file=self._file,
                    line=line,
                    column=column,
                    feature=name,
                    remedy=remedy,
                )
            )

    def _grammar(self, error: MarkedYAMLError) -> Finding:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        cause, remedy = next(
            (words for sign, *words in _GRAMMAR if sign in said), (_ODD, _LOOK_ABOVE)
        )
        # An open quote or bracket is noticed at the end; it is to be mended where it begins.
        if cause is _OPEN and error.context_mark is not None:
            mark = error.context_mark
        return finding(
            "F007",
            file=self._file,
            line=mark.line + 1 if mark else 1,
            column=mark.column + 1 if mark else None,
            cause=cause,
            remedy=remedy,
        )

    def _unreadable(self, reason: str) -> Finding:
        cause: Words = {"en": f"the parser gave up ({reason})", "ar": f"توقّف القارئ ({reason})"}
        return finding("F007", file=self._file, line=self._line, cause=cause, remedy=_LOOK_ABOVE)


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _words(en: str, ar: str) -> Words:
    return {"en": en, "ar": ar}


# fmt: off
_EMPTY = _words("an empty file", "ملف فارغ")
_TOPIC = _words("a topic with its entries (topic, title, owner, entries)",
                "موضوع بأسئلته (topic وtitle وowner وentries)")
_WRITE_OUT = _words("Write the text itself; if it begins with &, * or !, put it in double quotes.",
                    "اكتب النص نفسه؛ وإن كان يبدأ بأحد الرموز & أو * أو ! فضعه بين علامتي تنصيص.")
_FEATURES: dict[str, tuple[Words, Words]] = {
    "alias": (_words("An alias (*name)", "الإحالة (*name)"), _WRITE_OUT),
    "anchor": (_words("An anchor (&name)", "المرساة (&name)"), _WRITE_OUT),
    "tag": (_words("A tag (!name)", "الوسم (!name)"), _WRITE_OUT),
    "merge": (_words("A merge key (<<)", "حقل الدمج (<<)"),
              _words("Write the keys themselves here.", "اكتب الحقول نفسها هنا.")),
    "documents": (_words("A second document (---)", "المستند الثاني (---)"),
                  _words("Delete the line ---, or move what follows to a file of its own.",
                         "احذف السطر ---، أو انقل ما بعده إلى ملف مستقل.")),
    "directive": (_words("A directive (%)", "التوجيه (%)"),
                  _words("Delete the line that begins with %.", "احذف السطر الذي يبدأ بـ %.")),
    "key": (_words("A list or block as a key", "القائمة أو الكتلة في موضع اسم الحقل"),
            _words("Write a plain word before the colon; put a text with brackets in quotes.",
                   "اكتب كلمة واحدة قبل النقطتين؛ وضع النص الذي فيه أقواس بين علامتي تنصيص.")),
}
_ODD = _words("something here does not fit the lines above",
              "في هذا الموضع ما لا يوافق الأسطر التي قبله")
_LOOK_ABOVE = _words(
    "Look at this line and the one above: indentation, quotes, brackets, a missing colon.",
    "انظر في هذا السطر والذي قبله: الإزاحة وعلامات التنصيص والأقواس والنقطتان بعد اسم الحقل.")
_OPEN = _words("a quote or bracket that opens here is not closed as it should be",
               "فُتحت هنا علامة تنصيص أو قوس دون إغلاق صحيح")
# (what the parser says, what that means to an editor, what to do)
_GRAMMAR: tuple[tuple[str, Words, Words], ...] = (
    (r"character '\t'",
     _words("a tab stands between two values", "علامة جدولة (Tab) بين قيمتين"),
     _words("Replace the tab with one space.", "استبدل بعلامة الجدولة مسافة واحدة.")),
    ("mapping values are not allowed",
     _words("a colon stands where no key can be", "في السطر نقطتان في غير موضعهما"),
     _words("Put the text that holds the colon in double quotes, or mend the indentation.",
            "ضع النص الذي فيه النقطتان بين علامتي تنصيص، أو صحّح إزاحة السطر.")),
    ("found unknown escape",
     _words("a backslash stands in a quoted text", "شرطة مائلة عكسية في نص بين علامتي تنصيص"),
     _words("Write two backslashes for one.", "اكتب الشرطة المائلة العكسية مرتين.")),
    ("quoted scalar found unexpected end of stream", _OPEN,
     _words("Close it at the end of its text.", "أغلقها في آخر النص.")),
    ("while parsing a flow", _OPEN,
     _words("Close the bracket, and separate what stands inside with single commas.",
            "أغلق القوس، وافصل بين ما فيه بفواصل مفردة.")),
    ("cannot start any token",
     _words("a text begins with a sign that means something else in YAML",
            "يبدأ النص برمز له معنى آخر في YAML"),
     _words("Put the whole text in double quotes.", "ضع النص كله بين علامتي تنصيص.")),
    ("could not find expected ':'",
     _words("a line without a colon after its key", "سطر بلا نقطتين بعد اسم الحقل"),
     _words("Write key: value, or indent the line if it goes on with the text above.",
            "اكتب اسم الحقل ثم نقطتين ثم القيمة، أو أزح السطر إن كان تتمة لما قبله.")),
    ("but found '<scalar>'",
     _words("more text follows a closing quote", "يتبع علامةَ التنصيص الأخيرة نص آخر"),
     _words("Inside double quotes write « » or \\\" for a quotation.",
            "اكتب الاقتباس داخل علامتي التنصيص بالعلامتين « » أو بالرمز \\\".")),
    ("while parsing a block",
     _words("the line is indented differently from its neighbours",
            "إزاحة السطر تخالف إزاحة جيرانه"),
     _words("Indent it exactly like the other lines of its block; two spaces a level.",
            "اجعل إزاحته كإزاحة بقية أسطر الكتلة؛ مسافتان لكل مستوى.")),
)
# fmt: on
