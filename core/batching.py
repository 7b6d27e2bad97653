"""An encoder for many threads: what they ask for at the same time is encoded together.

One thread at a time runs the wrapped encoder, and it is one of those who ask: it takes what queued
while the last batch ran as the next batch. So nobody waits for others to come, a message by itself
is as fast as without, and there is no thread to start or to stop. The vectors of recent texts are
remembered, because several parts (interpreter, index) ask for the same message's.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np

from core import metrics
from core.encoder import Encoder, Vectors

#: Texts of one batch. A lone message waits for one batch of others at most.
BATCH = 64

#: Texts that wait for a batch; whoever brings more waits until there is room.
WAITING = 256

#: Texts whose vectors are remembered: 3 MB at 384 dimensions.
REMEMBERED = 2_048


@dataclass(slots=True, eq=False)
class _Job:
    """A text that is to be encoded, for everybody who asked for it meanwhile."""

    digest: bytes
    text: str
    result: Vectors | Exception | None = None


class BatchingEncoder:
    """Wraps an encoder; see `core.encoder.Encoder`. Safe to call from any number of threads."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        batch: int = BATCH,
        waiting: int = WAITING,
        remembered: int = REMEMBERED,
    ) -> None:
        self._encoder = encoder
        self._batch = batch
        self._waiting = waiting
        self._most = remembered
        self._changed = Condition()
        # All below is read and written with `_changed` held.
        self._running = False
        self._queue: deque[_Job] = deque()
        self._open: dict[bytes, _Job] = {}  # queued, or in the batch that runs
        self._known: OrderedDict[bytes, Vectors] = OrderedDict()  # those used last at the end

    @property
    def dimension(self) -> int:
        """See `Encoder.dimension`."""
        return self._encoder.dimension

    @property
    def fingerprint(self) -> str:
        """See `Encoder.fingerprint`."""
        return self._encoder.fingerprint

    @property
    def waiting(self) -> int:
        """Texts that wait for a batch now."""
        with self._changed:
            return len(self._queue)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder.encode`. A text that cannot be encoded fails those who asked for it, and
        not the others of its batch."""
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of strings, not one string")
        digests = [_digest(text) for text in texts]
        # What is too much for one batch goes in parts, each with texts of like length, so that
        # other callers' texts come in between.
        wanted = sorted(dict(zip(digests, texts, strict=True)).items(), key=lambda one: len(one[1]))
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(wanted), self._batch):
            found.update(self._encode(wanted[start : start + self._batch]))
        if not digests:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([found[digest] for digest in digests])

    def _encode(self, part: Iterable[tuple[bytes, str]]) -> dict[bytes, Vectors]:
        """The vectors of texts that are all different."""
        with self._changed:
            jobs = [self._hand_in(digest, text) for digest, text in part]
            self._lead_until(lambda: all(job.result is not None for job in jobs))
        vectors = {}
        for job in jobs:
            if isinstance(job.result, Exception):
                raise job.result
            assert job.result is not None  # noqa: S101 - waited for
            vectors[job.digest] = job.result
        return vectors

    def _hand_in(self, digest: bytes, text: str) -> _Job:
        while True:
            vector = self._known.get(digest)
            if vector is not None:
                self._known.move_to_end(digest)
                return _Job(digest, text, vector)
            job = self._open.get(digest)
            if job is not None:
                return job
            if len(self._queue) < self._waiting:
                job = self._open[digest] = _Job(digest, text)
                self._queue.append(job)
                return job
            # Another may bring this very text meanwhile, or even have it encoded: look again.
            self._lead_until(lambda: len(self._queue) < self._waiting)

    def _lead_until(self, done: Callable[[], bool]) -> None:
        """Wait; while nobody runs the encoder, run it."""
        while not done():
            if self._running:
                self._changed.wait()
            else:
                self._run()

    def _run(self) -> None:
        """One batch. Others may hand in and wait while it runs."""
        batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
        results: list[Vectors | Exception] = []
        self._running = True
        self._changed.release()
        try:
            results = self._results([job.text for job in batch])
        finally:  # whatever ends this thread, the others go on
            self._changed.acquire()
            self._running = False
            results += [RuntimeError("encoding was broken off")] * (len(batch) - len(results))
            for job, result in zip(batch, results, strict=True):
                job.result = result
                del self._open[job.digest]
                if not isinstance(result, Exception):
                    self._remember(job.digest, result)
            self._changed.notify_all()

    def _results(self, texts: list[str]) -> list[Vectors | Exception]:
        metrics.ENCODER_BATCH.observe(len(texts))
        try:
            return [row.copy() for row in self._encoder.encode(texts)]
        except Exception as error:
            if len(texts) == 1:
                return [error]
        results: list[Vectors | Exception] = []
        for text in texts:
            try:
                results.append(self._encoder.encode([text])[0])
            except Exception as error:
                results.append(error)
        return results

    def _remember(self, digest: bytes, vector: Vectors) -> None:
        self._known[digest] = vector
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _digest(text: str) -> bytes:
    """What a text is remembered by: people's words are not kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
