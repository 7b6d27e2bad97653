"""One FAQ file on its way into the knowledge base: its tree, the places in it, its findings.

A path is a row of keys and numbers, as `("entries", 3, "answer", "ar")`. Nothing here knows what
the values mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.messages import Language
from faq.findings import CODES, Finding, Words, finding, show
from faq.schema import TopicFile
from faq.yaml_reader import Mapping, Node, Scalar, Sequence

LANGUAGES: tuple[Language, ...] = ("ar", "en")
#: How many findings of one file are shown.
MAX_FINDINGS = 200

FieldPath = tuple[str | int, ...]


@dataclass(slots=True)
class SourceFile:
    """One file: the name that findings give, its tree, what is wrong with it, and its content,
    which is set once it holds against the schema."""

    name: str
    stem: str
    tree: Node
    found: list[Finding]
    content: TopicFile | None = None
    _errors: int = 0
    _left: int = 0

    def add(self, code: str, *path: str | int, **slots: str | int | Words) -> None:
        """Write down a finding at the place of a value; only counted, where so many are written
        down that it would not be shown."""
        if len(self.found) > 2 * MAX_FINDINGS and self._errors > MAX_FINDINGS:
            self._left += 1
            return
        self._errors += CODES[code].severity == "error"
        line, column = self._place(path)
        dotted = _dotted(path)
        self.found.append(
            finding(code, file=self.name, line=line, column=column, path=dotted, **slots)
        )

    def line(self, *path: str | int) -> int:
        """The line of a value, counted from 1; of the block where it is missing."""
        return self._place(path)[0]

    def where(self, *path: str | int) -> str:
        """The place of a value, as `faq/content/passports.yml:12`."""
        return f"{self.name}:{self.line(*path)}"

    def at(self, *path: str | int) -> Node | None:
        """The node at a path, if it is there."""
        steps = list(self._steps(path))
        return steps[-1][1] if path and len(steps) == len(path) else None

    def text(self, *path: str | int) -> str | None:
        """The text at a path, without spaces around it, if there is one that is a text."""
        node = self.at(*path)
        return node.text.strip() if isinstance(node, Scalar) and node.kind is None else None

    def count(self, *path: str | int) -> int:
        """The length of the list at a path; 0 if there is none."""
        node = self.at(*path)
        return len(node.items) if isinstance(node, Sequence) else 0

    def nearest(self, word: str, known: Iterable[str]) -> str | None:
        """The known word that a misspelt one probably means. A file with mistakes without end
        gets no more suggestions, since each takes its time."""
        if len(self.found) > MAX_FINDINGS:
            return None
        return next(iter(difflib.get_close_matches(word[:64].lower(), known, 1, 0.6)), None)

    def reported(self) -> list[Finding]:
        """The findings, as many as an editor can read; when some are left out, warnings go
        before errors."""
        if len(self.found) <= MAX_FINDINGS:
            return self.found
        ranked = sorted(self.found, key=lambda one: (one.severity != "error", one.line))
        kept = ranked[:MAX_FINDINGS]
        last = max(one.line for one in kept)
        left = len(self.found) - len(kept) + self._left
        return [*kept, finding("F012", file=self.name, line=last, count=left)]

    def _steps(self, path: FieldPath) -> Iterator[tuple[Node, Node]]:
        """(the node that marks the place, the node itself) for each step of the path that
        exists: a value in a block is marked by its key, an item of a list by itself."""
        node = self.tree
        for part in path:
            if isinstance(node, Mapping) and isinstance(part, str) and part in node.items:
                mark, node = node.items[part]
                yield mark, node
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
                yield node, node
            else:
                return

    def _place(self, path: FieldPath) -> tuple[int, int]:
        marks = [self.tree, *(mark for mark, _ in self._steps(path))]
        return marks[-1].line, marks[-1].column


def _dotted(path: FieldPath) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{show(part)}" for part in path]
    return "".join(parts).removeprefix(".")
