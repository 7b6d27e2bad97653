"""The knowledge base in service, with the index that answers from it.

Indexing happens beside the index in service, which is exchanged in one assignment; what cannot be
indexed leaves the former one there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from core.arrays import ArrayStore
from core.encoder import Encoder
from core.memory import give_back
from faq.entries import KnowledgeBase
from faq.files import KnowledgeService, Progress
from faq.index import FaqIndex, build_index, is_learnt


class FaqService(KnowledgeService):
    """Holds the index in service as well. Reading it is safe from any thread."""

    def __init__(
        self,
        folder: Path,
        negatives: Sequence[str],
        encoder: Encoder,
        store: ArrayStore | None,
        today: Callable[[], date],
        learn: Callable[[], None] | None = None,
    ) -> None:
        """`learn`, where given, learns what the store lacks in another process, so that this one
        neither grows nor stalls; if it fails, learning happens here."""
        super().__init__(folder, today)
        self._learn = learn
        self._negatives = tuple(negatives)
        self._encoder = encoder
        self._store = store
        self._index: FaqIndex | None = None

    @property
    def index(self) -> FaqIndex:
        """The index in service."""
        if self._index is None:
            raise RuntimeError("the FAQ was not loaded")
        return self._index

    def _serve(
        self, knowledge: KnowledgeBase, today: date, progress: Progress = lambda _line: None
    ) -> None:
        known = (knowledge, self._negatives, self._encoder, today)
        if self._learn and self._store and not is_learnt(*known, self._store):
            self._learn()
        index = build_index(*known, self._store, progress)
        super()._serve(knowledge, today)
        self._index = index
        give_back()
