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
            "4|الرابع|الرابعه|رابع واحد|اربعه|fourth|the fourth|four",
            "5|الخامس|الخامسه|خامس واحد|خمسه|fifth|the fifth|five",
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


#: Answers to "where?", "when?" and "which number?" that say there is none, or none known.
_DECLINED = frozenset(
    fold(word)
    for word in (
        "لا اعرف|لا اعلم|لا ادري|لست ادري|لست متاكدا|ما اعرف|ما ادري|مدري|ما بعرف|ما بدري|معرفش"
        "|مش عارف|مو عارف|ما نعرفش|مانعرفش|ما عرفت|ما اندل|لا اتذكر|لا اذكر|ما اتذكر|ما اذكر"
        "|مش فاكر|نسيت|لا يوجد|لا شيء|ليس لدي|ليس عندي|ليس معي|لا املك|ما عندي|ماعندي|ما معي"
        "|ما في|مافي|ما فيه|مافيه|مفيش|معنديش|ما عنديش|ما كاين|ماكاش|ماكو|ما عندي رقم"
        "|ليس لدي رقم|ما معي رقم|بدون رقم|بدون"
        "|i don't know|don't know|dont know|idk|no idea|not sure|i'm not sure|i forgot"
        "|i don't remember|i can't remember|i have none|i don't have one|i don't have it"
        "|don't have|none|nothing|no number|n/a"
    ).split("|")
)
#: Said after the last file; "خلاص" says "enough" here and nothing of dropping the matter.
_DONE = frozenset(
    fold(word)
    for word in (
        "خلاص|تم|تمام|انتهيت|خلصت|بس|بس كذا|بس هيك|كفايه|هذا كل شيء|هذا كل شي|ده كل حاجه|يكفي|صافي"
        "|done|finished|that's all|that is all|that's it|enough"
    ).split("|")
)
_COURTESIES = frozenset(
    fold(word)
    for word in (
        "السلام عليكم|السلام عليكم ورحمة الله|السلام عليكم ورحمة الله وبركاته|سلام عليكم|سلام"
        "|مرحبا|مرحبتين|اهلا|اهلين|اهلا وسهلا|هلا|هلا والله|هاي|صباح الخير|مساء الخير|صباح النور"
        "|شكرا|شكرا لك|شكرا لكم|شكرا جزيلا|شكرا جزيلا لكم|الف شكر|مشكور|مشكورين|تسلم|تسلموا"
        "|يعطيك العافيه|الله يعطيك العافيه|يعطيكم العافيه|بارك الله فيك|جزاك الله خيرا|يسلمو"
        "|مع السلامه|في امان الله|الى اللقاء|باي"
        "|hi|hello|hey|good morning|good evening|salam|salam alaikum|marhaba|thanks|thank you"
        "|many thanks|thank you very much|thanks a lot|thx|shukran|bye|goodbye"
    ).split("|")
)
_CHANGE = frozenset(
    fold(word)
    for word in (
        "تعديل|تصحيح|عدل|عدلها|غير|تغيير|اريد التعديل|اريد ان اصحح|ابي اعدل|عايز اعدل|بدي عدل"
        "|change|change it|correct|correct it|edit|change something"
    ).split("|")
)
_PERSON = frozenset(
    fold(f"{wish} {person}".strip())
    for wish in (
        "|اريد|ابغى|ابي|عايز|عاوز|بدي|بغيت|اريد التحدث الى|اريد التحدث مع|اريد ان اتحدث مع"
        "|اريد ان اكلم|اريد اكلم|ابغى اكلم|ابي اكلم|عايز اكلم|عاوز اكلم|بدي احكي مع|بغيت نهضر مع"
        "|التحدث الى|التحدث مع|تكلم مع|كلمني|talk to|speak to|i want|i want to talk to"
        "|i want to speak to|let me talk to|can i talk to"
    ).split("|")
    for person in "موظف|موظفا|شخص|انسان|a person|a human|human|an agent|agent|someone".split("|")
)
#: With these a question begins. "Why" is missing on purpose: it complains more often than it asks.
_ASKING = frozenset(
    fold(word)
    for word in (
        "كم|بكم|قديش|اديش|شحال|شقد|متى|امتى|ايمتى|وقتاش|اين|وين|فين|وينه|كيف|كيفاش|ازاي|شلون"
        "|هل|ماذا|ماهي|ماهو|ايش|وش|شو|شنو|شنهو|اشنو|ايه|منين|ممكن|اقدر|كام"
        "|what|when|where|how|which|who|can|could|do|does|is|are|may"
        "|kam|bikam|kif|kef|keef|kaif|kayf|wain|wen|feen|fen|emta|mata|shu|shou|shno|eish|wesh|hal"
    ).split("|")
)
#: Before these stands where something happened.
_PLACING = frozenset(
    fold(word)
    for word in (
        "في|فى|عند|عندكم|داخل|خارج|امام|قدام|قرب|جنب|حول|على|علي|بين|وسط"
        "|at|in|on|near|outside|inside|by|the|fi|3and"
    ).split("|")
)
#: Beginnings of words, folded, that speak of danger.
_DANGER = tuple(
    "خطر|الخطر|بخطر|نجد|النجد|انقذ|الحق|ساعد|تساعد|بموت|اموت|يموت|تموت|سيموت|انتحر|سانتحر|بنتحر"
    "|يقتل|بيقتل|سيقتل|يضرب|بيضرب|تضرب|ضربني|يهدد|بيهدد|يعتد|اعتد|اغتصب|يغتصب|خطف|مخطوف|محتجز"
    "|محبوس|محاصر|عالق|حريق|حرق|نار|غرق|يغرق|نزيف|ينزف|اسعاف|الاسعاف"
    "|help|danger|die|dying|kill|hurt|beat|hitting|fire|bleed|suicid|kidnap|rape|trapped|stuck"
    "|ambulance|emergency|sos|threat|attack".split("|")
)
_ASKING_PAIRS = ("ما هي ", "ما هو ", "ما هم ", "ما الذي ", "ما ال", "من اين ", "من وين ", "من هو ")
_WHY = frozenset(fold(w) for w in "لماذا|ليش|ليه|لم|علاش|لاش|why|lesh|leish|leh|3lash".split("|"))


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


def declines(text: str) -> bool:
    """Whether an answer says that there is nothing to tell, or that the writer does not know."""
    return fold(text) in _DECLINED


def is_done(text: str) -> bool:
    """Whether a message says that nothing more will follow."""
    return fold(text) in _DONE


def is_courtesy(text: str) -> bool:
    """Whether a message is a greeting, thanks or a goodbye and nothing else. A list and no model:
    a bare place or day ("district of peace", "yesterday") looks like a greeting to one."""
    return fold(text) in _COURTESIES


def wants_change(text: str) -> bool:
    """Whether a message asks to put something right in a summary."""
    return fold(text) in _CHANGE


def wants_person(text: str) -> bool:
    """Whether a message asks for a person and says nothing else."""
    return fold(text) in _PERSON


def asks(text: str) -> bool:
    """Whether a message reads as a question about something, and not as a complaint that asks
    why."""
    folded = fold(text)
    words = folded.split()
    if not words or any(word in _WHY for word in words):
        return False
    if text.rstrip().endswith(("?", "؟")):
        return True
    first = words[0]
    if first not in _ASKING and first[0] in "وف":
        first = first[1:]
    return first in _ASKING or folded.startswith(_ASKING_PAIRS)


def names_place(text: str) -> bool:
    """Whether a message begins as the naming of a place does."""
    return fold(text).split(" ", 1)[0] in _PLACING


def speaks_of_danger(text: str) -> bool:
    """Whether a word of the message speaks of danger."""
    return any(word.startswith(_DANGER) for word in fold(text).split())
