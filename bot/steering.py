"""Words that steer an intake: yes, no, cancel, skip, and picking one of numbered choices."""

from __future__ import annotations

from typing import Literal

from core.text.clean import fold

Steer = Literal["yes", "no", "cancel", "skip"]

_WORDS: dict[Steer, str] = {
    "yes": "نعم|اي|ايه|ايوه|ايوا|اه|اجل|بلى|اكيد|تمام|موافق"
    "|ارسل|ارسلها|نعم ارسل|ماشي|طيب|اوكي|واخا|ان شاء الله"
    "|yes|y|yeah|yep|ok|okay|sure|send|send it|yes please|yes send it|na3am|aywa|eh",
    "no": "لا|كلا|مو الان|لا شكرا|لا ترسل|ما ابغى|مش عايز|ما بدي"
    "|no|n|nope|no thanks|no thank you|la",
    "cancel": "الغاء|الغ|الغي|الغيها|كنسل|بطلت|خلاص|cancel|stop|nevermind|never mind",
    "skip": "تخطي|تخطى|تخط|skip|pass",
}
_STEERS: dict[str, Steer] = {
    fold(word): steer for steer, words in _WORDS.items() for word in words.split("|")
}
_ORDINALS = {
    fold(word): place
    for place, words in enumerate(
        (
            "1|الاول|الاولى|اول واحد|اول وحده|واحد|first|the first|one",
            "2|الثاني|الثانيه|التاني|التانيه|ثاني واحد|اثنين|second|the second|two",
            "3|الثالث|الثالثه|التالت|التالته|ثالث واحد|ثلاثه|third|the third|three",
        )
    )
    for word in words.split("|")
}
_NONE = frozenset(
    fold(word)
    for word in (
        "لا شيء من هذه|لا شي من هذه|ولا شيء|ولا شي|ولا واحد|ولا واحده|ولا واحد منها|ولا حاجه"
        "|ولا وحده|غير هذه|غير ذلك|none of these|none of them|none|neither|something else"
    ).split("|")
)


def steer_of(text: str) -> Steer | None:
    """What a short message says to an open form, or None when it is something else."""
    return _STEERS.get(fold(text))


def picked(text: str, count: int) -> int | None:
    """Which of `count` numbered choices a message picks, counted from 0, or None."""
    place = _ORDINALS.get(fold(text))
    return place if place is not None and place < count else None


def picks_none(text: str) -> bool:
    """Whether a message says that none of the choices offered is meant."""
    return fold(text) in _NONE or steer_of(text) in ("no", "cancel")
