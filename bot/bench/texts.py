"""What the load's citizens write: the FAQ's own phrasings, some of them again and again, the others
with an opening and a closing so that no two are alike."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from core.errors import InputError
from core.messages import Language

#: So many phrasings are what everybody asks.
POPULAR = 50

_OPENINGS: dict[Language, tuple[str, ...]] = {
    "ar": ("", "من فضلكم،", "لو سمحتم،", "أريد أن أعرف:", "سؤال:", "عندي سؤال:", "استفسار:"),
    "en": ("", "Please,", "Excuse me,", "I would like to know:", "A question:", "Tell me:"),
}
_CLOSINGS: dict[Language, tuple[str, ...]] = {
    "ar": ("", "وشكرًا.", "وشكرًا لكم.", "مع الشكر.", "جزاكم الله خيرًا.", "بارك الله فيكم."),
    "en": ("", "Thanks.", "Thank you.", "Many thanks.", "Thank you very much."),
}

#: A phrasing and its language.
Phrasing = tuple[str, Language]


class Texts:
    """Draws texts; `unique` is the share (0 to 1) of those that nobody wrote before, the rest are
    `POPULAR` phrasings word for word. The same seed draws the same texts."""

    def __init__(self, phrasings: Sequence[Phrasing], unique: float, seed: int) -> None:
        if not phrasings:
            raise InputError("The FAQ has no phrasings to ask; see NATIQ_FAQ_DIR.")
        self._random = random.Random(seed)
        shuffled = list(phrasings)
        self._random.shuffle(shuffled)
        self._popular = [text for text, _ in shuffled[:POPULAR]]
        self._unique = unique
        self._fresh = _fresh(shuffled)

    def draw(self) -> str:
        """The next text.

        Raises:
            InputError: the unique ones are used up.
        """
        if self._random.random() >= self._unique:
            return self._random.choice(self._popular)
        text = next(self._fresh, None)
        if text is None:
            raise InputError("The FAQ has too few phrasings for so many unique messages.")
        return text


def _fresh(phrasings: Sequence[Phrasing]) -> Iterator[str]:
    """Each phrasing with each opening and closing, no text twice; the bare phrasing never, because
    that is what the popular ones are."""
    widest = max(len(_OPENINGS[language]) * len(_CLOSINGS[language]) for language in _OPENINGS)
    seen: set[str] = set()
    for turn in range(1, widest):
        for text, language in phrasings:
            around = list(itertools.product(_CLOSINGS[language], _OPENINGS[language]))
            if turn >= len(around):
                continue
            closing, opening = around[turn]
            whole = " ".join(part for part in (opening, text, closing) if part)
            if whole not in seen:
                seen.add(whole)
                yield whole
