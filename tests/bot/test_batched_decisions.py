"""The model that was really built, asked by many threads: a decision costs one pass through the
encoder, and is the same whatever is encoded beside it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.evaluation import read_cases
from bot.mind import Mind
from bot.understanding import Decision
from core.batching import BatchingEncoder
from core.encoder import Encoder, Vectors
from tests.support.places import EVALS


class Watched:
    """An encoder that notes the sizes of its batches."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.batches: list[int] = []

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(len(texts))
        return self._encoder.encode(texts)


@pytest.fixture
def watched(mind: Mind, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """What the mind's encoder wraps; it remembers nothing yet."""
    encoder: Any = mind.encoder
    assert isinstance(encoder, BatchingEncoder)
    one = Watched(encoder._encoder)
    monkeypatch.setattr(encoder, "_encoder", one)
    encoder._known.clear()
    return one


@pytest.mark.parametrize("text", ["كم رسوم تجديد الجواز؟", "how do I renew my passport", "🙂"])
def test_a_decision_costs_one_pass(mind: Mind, watched: Watched, text: str) -> None:
    mind.understanding.decide(text)
    assert watched.batches == [1]
    mind.understanding.decide(text)
    assert watched.batches == [1], "nor does the same text soon after"


def test_a_text_leads_to_the_same_decision_whatever_is_beside_it(
    mind: Mind, watched: Watched
) -> None:
    encoder: Any = mind.encoder
    texts = [case.text for case in read_cases(EVALS)][::6]
    alone = [mind.understanding.decide(text) for text in texts]
    assert max(watched.batches) == 1
    watched.batches.clear()
    encoder._known.clear()
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(mind.understanding.decide, texts))
    assert max(watched.batches) > 1, "batches were shared"
    for text, one, other in zip(texts, alone, together, strict=True):
        assert gist(one) == gist(other), text
        assert one.confidence == pytest.approx(other.confidence, abs=0.01)


def gist(decision: Decision) -> tuple[Any, ...]:
    ids = tuple(match.entry.id for match in decision.matches)
    return (decision.outcome, decision.intent, decision.language, decision.urgent, ids)
