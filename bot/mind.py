"""What understands, built: the encoder, the knowledge base, the interpreter. Heavy, and all that
`natiq ask` needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from bot.understanding import Understanding
from core.arrays import ArrayStore
from core.batching import BatchingEncoder
from core.clock import Clock, utc_now
from core.encoder import Encoder
from core.errors import ConfigError
from core.logs import get_logger
from core.remembering import RememberingEncoder
from core.settings import Settings
from faq.service import FaqService
from nlu.encoder.onnx_encoder import OnnxEncoder
from nlu.interpreter import Interpreter
from nlu.local import train_local
from nlu.training_data import load_examples

log = get_logger(__name__)

Progress = Callable[[str], None]


@dataclass(slots=True)
class Mind:
    """What understands: heavy, and needed by `natiq ask` without any database."""

    encoder: Encoder
    faq: FaqService
    interpreter: Interpreter
    understanding: Understanding


def build_mind(
    settings: Settings,
    progress: Progress = lambda _line: None,
    clock: Clock = utc_now,
    *,
    learn_here: bool = False,
) -> Mind:
    """The encoder, the index and the interpreter. What was not learnt yet is learnt by a process
    of its own (which takes memory that serving does not need), or here when `learn_here`.

    Raises:
        ConfigError: the model is missing. InputError: the FAQ cannot be served.
    """
    if settings.nlu == "rasa":
        raise ConfigError("NATIQ_NLU=rasa is not available in this version; use local.")
    examples = load_examples()
    store = ArrayStore(settings.model_dir / "learnt")
    served = OnnxEncoder(settings.model_dir / "encoder")
    remembering = RememberingEncoder(served, store) if learn_here else None
    encoder: Encoder = remembering or BatchingEncoder(served)

    def today() -> date:
        return clock().astimezone(settings.zone).date()

    learn = None if learn_here else partial(_learn_elsewhere, settings)
    faq = FaqService(settings.faq_dir, examples["out_of_scope"], encoder, store, today, learn)
    faq.load(progress)
    questions = [
        text
        for entry in faq.knowledge.entries
        for texts in entry.phrasings.values()
        for text in texts
    ]
    interpreter = train_local(examples, questions, encoder, store, progress)
    if remembering is not None:
        remembering.keep()
    understanding = Understanding(interpreter, lambda: faq.index, today)
    return Mind(encoder, faq, interpreter, understanding)


def _learn_elsewhere(settings: Settings) -> None:
    environment = {
        **os.environ,
        "NATIQ_MODEL_DIR": str(settings.model_dir.resolve()),
        "NATIQ_FAQ_DIR": str(settings.faq_dir.resolve()),
        "NATIQ_TIMEZONE": settings.timezone,
    }
    command = [sys.executable, "-m", "bot.cli.main", "model", "learn"]
    done = subprocess.run(command, env=environment, stdout=sys.stderr, check=False)  # noqa: S603
    if done.returncode != 0:
        log.error("learning in another process failed", exit_code=done.returncode)
