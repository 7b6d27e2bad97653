"""Loads the editors' folder: every file is read, checked and, if nothing is wrong, made into a
`KnowledgeBase`.

All mistakes of all files are collected, so that an editor mends them in one go. Reading a file is
`faq.yaml_reader`'s matter, its keys and limits `faq.schema`'s, each mistake's place
`faq.source_file`'s, and what the files say of each other `faq.relations`'. Spelling, style and
approval are checked elsewhere; keeping the previous knowledge base in service when a loading
fails is up to the caller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.messages import Language
from faq.entries import Button, FaqEntry, KnowledgeBase, Topic
from faq.findings import Finding, finding
from faq.relations import advise, relate
from faq.schema import Answers, EntryBlock, Labels, Questions, Titles
from faq.shape import validate
from faq.source_file import SourceFile
from faq.yaml_reader import MAX_BYTES, Node, read_tree


@dataclass(frozen=True, slots=True)
class LoadResult:
    """`knowledge` is None when any finding is an error; findings are in order of file and line."""

    knowledge: KnowledgeBase | None
    findings: tuple[Finding, ...]


def load_faq(folder: Path, today: date) -> LoadResult:
    """Read every `*.yml` and `*.yaml` of the folder itself, in order of name; hidden files and
    folders below it are not read. `today` is the day by which reviews are due.

    Never raises for what the folder holds: whatever is wrong is a finding.
    """
    place = _shown(folder)
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in {".yml", ".yaml"} and not path.name.startswith(".")
        )
    except OSError:
        return LoadResult(None, (finding("F001", file=place, folder=place),))
    if not paths:
        return LoadResult(None, (finding("F002", file=place, folder=place),))

    findings: list[Finding] = []
    files: list[SourceFile] = []
    for path in paths:
        tree, found = _read(path)
        if tree is None:
            findings += found
        else:
            files.append(SourceFile(_shown(path), path.stem, tree, found))
    for file in files:
        validate(file)
        advise(file, today)
    relate(files, complete=len(files) == len(paths))
    for file in files:
        findings += file.reported()

    findings.sort(key=lambda one: (one.file, one.line, one.column or MAX_BYTES, one.code))
    failed = any(one.severity == "error" for one in findings)
    return LoadResult(None if failed else _knowledge(files), tuple(findings))


def _shown(path: Path) -> str:
    """The path as messages give it: from the working folder, where it lies below it."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _read(path: Path) -> tuple[Node | None, list[Finding]]:
    name = _shown(path)
    reason = "not a regular file"
    try:
        # A pipe or a device would never end.
        if path.is_file():
            with path.open("rb") as stream:
                return read_tree(stream.read(MAX_BYTES + 1), name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    return None, [finding("F003", file=name, reason=reason)]


def _knowledge(files: list[SourceFile]) -> KnowledgeBase:
    topics: list[Topic] = []
    entries: list[FaqEntry] = []
    canonical: list[dict[str, Any]] = []
    for file in files:
        content = file.content
        if content is None:
            # Cannot be: a file without content has an error, and then nothing is built.
            raise AssertionError(f"{file.name} was not validated")
        topics.append(Topic(content.topic, _both(content.title), content.owner, file.name))
        entries += [
            _entry(block, topics[-1], file.line("entries", index))
            for index, block in enumerate(content.entries)
        ]
        canonical.append(content.model_dump(mode="json"))
    return KnowledgeBase(tuple(topics), tuple(entries), _version(canonical))


def _entry(block: EntryBlock, topic: Topic, line: int) -> FaqEntry:
    return FaqEntry(
        id=block.id,
        topic=topic.id,
        owner=topic.owner,
        question=_both(block.question),
        phrasings={"ar": tuple(block.phrasings.ar), "en": tuple(block.phrasings.en or ())},
        answer=_both(block.answer),
        source=block.source,
        review_by=block.review_by,
        file=topic.file,
        line=line,
        valid_from=block.valid_from,
        valid_until=block.valid_until,
        buttons=tuple(Button(_both(one.label), one.url) for one in block.buttons or ()),
        related=tuple(block.related or ()),
        short=None if block.short is None else _both(block.short),
    )


def _both(texts: Titles | Questions | Answers | Labels) -> Mapping[Language, str]:
    return {"ar": texts.ar, "en": texts.en}


def _version(topics: list[dict[str, Any]]) -> str:
    """SHA-256 of all content in one canonical form, as 64 hexadecimal digits.

    The order of entries within a topic counts, since people see it in lists; the names and the
    order of files, comments, lines and quotes do not.
    """
    ordered = sorted(topics, key=lambda topic: str(topic["topic"]))
    form = json.dumps(ordered, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(form.encode("utf-8")).hexdigest()
