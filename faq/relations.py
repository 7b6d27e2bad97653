"""What the files say of each other, and what an editor should look at though it may be served.

Works on the trees, so that a file with one mistake is still compared with its neighbours. Whether
two differently worded questions mean the same is for people and for the deeper checks; here only
words that are equal, but for how people spell them, count as the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from faq import schema
from faq.findings import Words
from faq.source_file import LANGUAGES, FieldPath, SourceFile
from faq.yaml_reader import Scalar

_FOLDED = str.maketrans("أإآٱىئؤة٠١٢٣٤٥٦٧٨٩", "ااااييوه0123456789", "ـ")
_APART = re.compile(r"[\W_]+")


@dataclass(slots=True)
class _Entry:
    """An entry of a tree: its id, if it has one, and its place in its file."""

    file: SourceFile
    path: FieldPath
    id: str | None
    #: where each question or phrasing stands, by its folded words
    words: dict[str, FieldPath] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.id or self.file.where(*self.path)


def folded(text: str) -> str:
    """Words as people compare them: without case, diacritics, punctuation and the spellings that
    Arabic writers use for one another (hamzas, ta marbuta, alif maqsura)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(char for char in plain if unicodedata.category(char) not in {"Mn", "Cf"})
    plain = _APART.sub(" ", plain.translate(_FOLDED)).strip()
    return plain or text.strip()


def relate(files: list[SourceFile], *, complete: bool) -> None:
    """Find ids and topics that are taken, related ids that do not exist, words that ask for two
    entries, and short names that are alike.

    `complete` is False when some file could not be read: then ids that nobody knows may be in
    it, and are not reported.
    """
    topics: dict[str, SourceFile] = {}
    ids: dict[str, _Entry] = {}
    entries = [entry for file in files for entry in _entries(file)]
    for file in files:
        if topic := file.text("topic"):
            first = topics.setdefault(topic, file)
            if first is not file:
                file.add("F041", "topic", value=topic, other=first.where("topic"))
    for entry in entries:
        if entry.id:
            taken = ids.setdefault(entry.id, entry)
            if taken is not entry:
                other = taken.file.where(*taken.path, "id")
                entry.file.add("F040", *entry.path, "id", value=entry.id, other=other)
    for entry in entries:
        _check_related(entry, ids, complete)
    _check_words(entries)
    _check_short(entries)


def advise(file: SourceFile, today: date) -> None:
    """Find what may be served, but should be looked at; `today` is the day of the loading."""
    topic = file.text("topic")
    if topic and topic != file.stem:
        file.add("F060", "topic", value=topic, name=file.stem)
    for entry in _entries(file):
        path = entry.path
        count = file.count(*path, "phrasings", "ar")
        if 0 < count < schema.MIN_ARABIC_PHRASINGS:
            limit = schema.MIN_ARABIC_PHRASINGS
            file.add("F061", *path, "phrasings", "ar", count=count, limit=limit)
        if count > 0 and file.at(*path, "phrasings", "en") is None:
            file.add("F066", *path, "phrasings")
        for language in LANGUAGES:
            length = len(file.text(*path, "answer", language) or "")
            if schema.MAX_BUTTONED_ANSWER < length <= schema.MAX_ANSWER:
                shown = f"{schema.MAX_BUTTONED_ANSWER:,}"
                file.add("F062", *path, "answer", language, length=length, limit=shown)
        due = schema.read_day(file.at(*path, "review_by"))
        if due is not None and due < today:
            file.add("F063", *path, "review_by", value=due.isoformat())


def _entries(file: SourceFile) -> Iterator[_Entry]:
    for index in range(file.count("entries")):
        path = ("entries", index)
        yield _Entry(file, path, file.text(*path, "id") or None)


def _check_related(entry: _Entry, ids: dict[str, _Entry], complete: bool) -> None:
    for number in range(entry.file.count(*entry.path, "related")):
        path = (*entry.path, "related", number)
        name = entry.file.text(*path)
        if not name:
            continue
        if name == entry.id:
            entry.file.add("F043", *path, value=name)
        elif name not in ids and complete:
            near = entry.file.nearest(name, ids)
            remedy: Words = {
                "en": f"Write {near}, or delete this line." if near else "Delete this line.",
                "ar": f"اكتب {near} أو احذف هذا السطر." if near else "احذف هذا السطر.",
            }
            entry.file.add("F042", *path, value=name, remedy=remedy)


def _check_words(entries: list[_Entry]) -> None:
    """The same words must not ask for two entries on the same day, and need not stand twice in
    one. An entry and its successor, which begins when the former ends, may share all words."""
    first_of: dict[str, list[_Entry]] = {}
    for entry in entries:
        for path in _asked(entry):
            text = entry.file.text(*path)
            if not text:
                continue
            words = folded(text)
            earlier = first_of.setdefault(words, [])
            first = next((one for one in earlier if _meet(one, entry)), entry)
            if entry not in earlier:
                earlier.append(entry)
            if first is not entry:
                other = first.file.where(*first.words[words])
                entry.words.setdefault(words, path)
                entry.file.add("F045", *path, value=text, entry=first.label, other=other)
            elif words in entry.words:
                line = entry.file.line(*entry.words[words])
                entry.file.add("F064", *path, value=text, other=line)
            else:
                entry.words[words] = path


def _meet(one: _Entry, other: _Entry) -> bool:
    """Whether there is a day on which both are said; dates as they are written compare rightly."""
    if one is other:
        return False
    (one_from, one_until), (other_from, other_until) = _span(one), _span(other)
    return one_from < other_until and other_from < one_until


def _span(entry: _Entry) -> tuple[str, str]:
    since = entry.file.at(*entry.path, "valid_from")
    until = entry.file.at(*entry.path, "valid_until")
    return (
        since.text.strip() if isinstance(since, Scalar) else "",
        until.text.strip() if isinstance(until, Scalar) else "~",
    )


def _asked(entry: _Entry) -> Iterator[FieldPath]:
    """The paths of the entry's questions and phrasings."""
    for language in LANGUAGES:
        yield (*entry.path, "question", language)
    for language in LANGUAGES:
        path = (*entry.path, "phrasings", language)
        for number in range(entry.file.count(*path)):
            yield (*path, number)


def _check_short(entries: list[_Entry]) -> None:
    first_of: dict[tuple[str, str, str], _Entry] = {}
    for entry in entries:
        for language in LANGUAGES:
            path = (*entry.path, "short", language)
            if not (text := entry.file.text(*path)):
                continue
            first = first_of.setdefault((entry.file.name, language, folded(text)), entry)
            if first is not entry:
                entry.file.add("F065", *path, value=text, entry=first.label)
