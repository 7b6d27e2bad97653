"""The local interpreter: a logistic regression over the features that the FAQ index uses too.

Trained from `nlu/data/*.yml` (and the ministry's own questions, so that they are known to be
questions), in seconds; what takes long is kept in an `ArrayStore`. Runs in the serving process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.arrays import ArrayStore
from core.encoder import Encoder, Vectors
from core.messages import Language
from core.text import linear
from core.text.arabizi import Arabizi
from core.text.clean import fold, has_words
from core.text.features import FEATURES_VERSION, Featuriser, split_scripts
from core.text.language import language_of
from nlu.interpreter import Entity, ParseResult

LOCAL_VERSION = "3"
_KIND = "intents"

#: Questions of the ministry that training takes at most, evenly chosen: enough to know its words,
#: few enough that a large knowledge base does not drown the other intents.
MAX_QUESTIONS = 2_000

_TICKET_NUMBER = re.compile(r"(?<![0-9])([0-9]{3})[\s\-–.]?([0-9]{3})(?![0-9])")


class LocalInterpreter:
    """Understands messages in process. Immutable; safe to share between threads."""

    def __init__(
        self,
        intents: Sequence[str],
        featuriser: Featuriser,
        arabizi: Arabizi,
        weights: Vectors,
        bias: Vectors,
        version: str,
    ) -> None:
        self._intents = tuple(intents)
        self._featuriser = featuriser
        self._arabizi = arabizi
        self._weights = weights
        self._bias = bias
        self.version: str | None = version

    def parse(self, text: str, default: Language = "ar") -> ParseResult:
        """See `Interpreter.parse`."""
        return self.parse_many([text], default)[0]

    def parse_many(self, texts: Sequence[str], default: Language = "ar") -> list[ParseResult]:
        """See `Interpreter.parse_many`."""
        if not texts:
            return []
        features = self._featuriser.transform(texts)
        shares = linear.shares(features.joined, self._weights, self._bias)
        results = []
        for text, row in zip(texts, shares, strict=True):
            language = language_of(text, self._arabizi, default)
            if not has_words(text):
                results.append(ParseResult("out_of_scope", 1.0, (), (), language))
                continue
            ranking = tuple(
                (self._intents[label], float(row[label]))
                for label in np.argsort(-row, kind="stable")
            )
            name, confidence = ranking[0]
            results.append(ParseResult(name, confidence, ranking, _entities(text), language))
        return results


def train_local(
    examples: Mapping[str, Sequence[str]],
    questions: Sequence[str],
    encoder: Encoder,
    store: ArrayStore | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> LocalInterpreter:
    """Train on examples by intent and on the ministry's own questions."""
    intents = sorted(examples)
    step = max(1, -(-len(questions) // MAX_QUESTIONS))
    texts, labels, seen = [], [], set()
    pairs = [(text, name) for name in intents for text in examples[name]]
    pairs += [(text, "question") for text in questions[::step]]
    for text, name in pairs:
        if fold(text) not in seen:
            seen.add(fold(text))
            texts.append(text)
            labels.append(intents.index(name))
    arabic, latin = split_scripts(texts)
    draft = Arabizi(arabic, ())
    arabizi = Arabizi(arabic, [text for text in latin if not draft.is_arabizi(text)])
    featuriser = Featuriser(encoder, arabizi)
    key = _key(texts, labels, encoder)
    stored = store.load(_KIND, key) if store is not None else None
    if stored is None:
        progress(f"Reading {len(texts)} examples of {len(intents)} intents")
        vectors = featuriser.fit(texts)
        progress("Learning the intents")
        joined = featuriser.transform(texts, vectors).joined
        compressed = linear.compress(joined)
        weights, bias = linear.train(
            compressed.rows, np.array(labels, dtype=np.int64), len(intents), balanced=True
        )
        weights = compressed.back(weights)
        if store is not None:
            store.save(_KIND, key, {"vectors": vectors, "weights": weights, "bias": bias})
    else:
        featuriser.fit(texts, stored["vectors"])
        weights, bias = stored["weights"], stored["bias"]
    return LocalInterpreter(intents, featuriser, arabizi, weights, bias, key)


def _key(texts: Sequence[str], labels: Sequence[int], encoder: Encoder) -> str:
    digest = hashlib.sha256()
    for part in (LOCAL_VERSION, FEATURES_VERSION, encoder.fingerprint):
        digest.update(part.encode("utf-8") + b"\x00")
    for text, label in zip(texts, labels, strict=True):
        digest.update(f"{label}\x00{text}\x00".encode())
    return digest.hexdigest()


def _entities(text: str) -> tuple[Entity, ...]:
    digits = fold(text.replace("-", "").replace("–", ""))
    return tuple(
        Entity("ticket_number", f"{found[1]}-{found[2]}")
        for found in _TICKET_NUMBER.finditer(digits)
    )
