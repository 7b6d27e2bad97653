"""The knowledge base in service: loaded at the start, exchanged when the files change.

A change is read and checked beside what is in service and takes its place in one assignment; if
anything is wrong with it, the former serves on and the findings say why. What is served changes by
itself, too, on the days on which entries begin or end. Answering is `faq/service.py`'s affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

from core.errors import InputError
from core.logs import get_logger
from faq.entries import FaqEntry, KnowledgeBase
from faq.findings import Finding
from faq.loader import load_faq

log = get_logger(__name__)

#: How often the folder is looked at, in seconds.
LOOK = 2.0

Progress = Callable[[str], None]


class KnowledgeService:
    """Holds the knowledge base in service: the files alone, for processes that answer nobody."""

    def __init__(self, folder: Path, today: Callable[[], date]) -> None:
        self._folder = folder
        self._today = today
        self._knowledge: KnowledgeBase | None = None
        self._findings: tuple[Finding, ...] = ()
        self._seen: object = None
        self._day: date | None = None
        self._valid: tuple[FaqEntry, ...] = ()

    @property
    def knowledge(self) -> KnowledgeBase:
        """The knowledge base in service, with entries that are not valid today as well."""
        if self._knowledge is None:
            raise RuntimeError("the FAQ was not loaded")
        return self._knowledge

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found in the files when they were read last; with errors among it, they are
        not in service."""
        return self._findings

    def load(self, progress: Progress = lambda _line: None) -> None:
        """Load for the first time.

        Raises:
            InputError: the files cannot be served; lists every error with file, line and mend.
        """
        self._seen = self._signature()
        today = self._today()
        result = load_faq(self._folder, today)
        self._findings = result.findings
        if result.knowledge is None:
            errors = [str(found) for found in result.findings if found.severity == "error"]
            raise InputError(
                f"The FAQ in {self._folder} cannot be served. Mend these and start again:\n"
                + "\n".join(f"  {line}" for line in errors)
            )
        self._serve(result.knowledge, today, progress)

    def refresh(self) -> bool:
        """Take up changes on disk and the change of the day; True when the index was exchanged.

        What cannot be served leaves the present one in service.
        """
        signature, today = self._signature(), self._today()
        if signature != self._seen:
            result = load_faq(self._folder, today)
            self._findings = result.findings
            if result.knowledge is None:
                errors = sum(found.severity == "error" for found in result.findings)
                log.error("FAQ change refused, the former one serves on", count=errors)
                self._seen = signature
                return False
            changed = self._knowledge is None or result.knowledge.version != self._knowledge.version
            if changed:
                self._serve(result.knowledge, today)
            # Seen only now: what could not be indexed is tried again.
            self._seen = signature
            return changed
        if today != self._day and self._knowledge is not None:
            before = [entry.id for entry in self._valid]
            if before != [e.id for e in self._knowledge.entries if e.is_valid_on(today)]:
                self._serve(self._knowledge, today)
                return True
            self._day = today
        return False

    async def watch(self) -> None:
        """Refresh for ever, off the event loop."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                if await asyncio.to_thread(self.refresh):
                    log.info("FAQ exchanged", entries=len(self._valid))
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("FAQ could not be refreshed")

    def _serve(
        self, knowledge: KnowledgeBase, today: date, progress: Progress = lambda _line: None
    ) -> None:
        """Take into service; what fails leaves the former one there."""
        self._knowledge, self._day = knowledge, today
        self._valid = tuple(entry for entry in knowledge.entries if entry.is_valid_on(today))

    def _signature(self) -> object:
        """Changes when a file of the folder does."""
        try:
            return sorted(
                (path.name, path.stat().st_mtime_ns, path.stat().st_size)
                for path in self._folder.iterdir()
                if path.suffix.lower() in (".yml", ".yaml")
            )
        except OSError:
            return "unreadable"
