"""Arabizi (Arabic in Latin letters and digits): a sound skeleton that both scripts share, and
transliteration into words that the knowledge base really has.

`skeleton` maps a word of either script to its consonants, with sounds that are written alike or
confused made equal. A transliterator learns the Arabic words of a corpus and finds, for an Arabizi
word, the known word with the same skeleton; only what it does not know is spelt letter by letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from core.text.clean import MAX_UNDERSTOOD, fold

_ARABIC_SOUNDS = {
    "ا": "",
    "و": "w",
    "ي": "y",
    "ب": "b",
    "ت": "t",
    "ث": "s",
    "ج": "j",
    "ح": "h",
    "خ": "x",
    "د": "d",
    "ذ": "z",
    "ر": "r",
    "ز": "z",
    "س": "s",
    "ش": "c",
    "ص": "s",
    "ض": "d",
    "ط": "t",
    "ظ": "z",
    "ع": "3",
    "غ": "g",
    "ف": "f",
    "ق": "k",
    "ك": "k",
    "ل": "l",
    "م": "m",
    "ن": "n",
    "ه": "h",
}

# Longest first: what two letters or a digit with an apostrophe stand for.
_LATIN_PAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("3'", ("g",)),
    ("7'", ("x",)),
    ("9'", ("d",)),
    ("6'", ("z",)),
    ("sh", ("c",)),
    ("ch", ("c", "k")),
    ("kh", ("x",)),
    ("gh", ("g",)),
    ("th", ("s", "z", "t")),
    ("dh", ("z", "d")),
    ("ou", ("w",)),
    ("oo", ("w",)),
    ("ee", ("y",)),
    ("ii", ("y",)),
)
_LATIN_SOUNDS: dict[str, tuple[str, ...]] = {
    **{letter: (letter,) for letter in "bdfhjklmnrstwyz"},
    "2": ("", "k"),
    "3": ("3",),
    "4": ("z",),
    "5": ("x",),
    "6": ("t",),
    "7": ("h",),
    "8": ("k", "g"),
    "9": ("k", "s"),
    "p": ("b",),
    "c": ("k", "s"),
    "v": ("f",),
    "g": ("j", "k", "g"),
    "q": ("k",),
    "x": ("ks",),
    "o": ("w",),
    "u": ("w",),
    "i": ("y",),
    "e": ("",),
    "a": ("",),
}
_MOST_SPELLINGS = 16
_LONGEST_WORD = 60  # of what is no word, the beginning is enough
_ARTICLES = frozenset({"el", "al", "il", "l"})

# Short words whose skeleton says too little, as the commonest spellings go.
_DICTIONARY = {
    latin: arabic
    for arabic, forms in {
        "شو": "shu sho shou chou",
        "ايش": "esh eish aysh aish ash wesh wsh chno chnou shno shnu eh eih",
        "كم": "kam kem",
        "بكم": "bkam bikam bekam b8ad",
        "قديش": "adesh addesh 9adech adeish gdesh 2addesh adde addeh",
        "بشحال": "bch7al bech7al bshhal bchhal",
        "شحال": "ch7al chhal sh7al",
        "وين": "wein wen wain ween win fein feen fin",
        "متى": "emta imta emtaa mata meta wa9tach fo9ach",
        "كيف": "kif keef kaif kayf kefash kifash kifach ezay ezzay izay ezzai shlon",
        "ليش": "lesh leish leh leih 3lash 3lach",
        "اريد": "biddi bidi beddi abgha abghi abi 3ayez 3ayz 3awz 3ayza bghit b8it n7eb nheb",
        "يلزم": "lazem lazim lazm khas 5as",
        "مو": "mish mesh mosh mush mo mou mu",
        "في": "fi fih fe fy",
        "من": "men min mn",
        "على": "3ala 3la",
        "عن": "3an 3n",
        "لو سمحت": "lawsamaht",
        "اول": "awal awel awwel awwal",
        "يوم": "youm yom yoom",
        "مدة": "modde moddet mudda muddat modet",
        "هوية": "hawiya hawiye hawiyya hawiyye",
        "بطاقة": "bita2a bta2a bita8a bitaqa bitaka bta9a bita2et",
        "جواز": "jawaz gawaz jawas jwaz",
        "جوازي": "jawazi jawazy gawazi jwazi",
        "رخصة": "rukhsa ro5sa rokhsa ru5sa roksa ruksa rouksa ro5set rokhset rukhsat",
        "اوراق": "awra2 awraq wara2 wra9 awra8 wraq lawra9",
        "رسوم": "rosoom rsoom rusum rsom rosoum rusoom rosom",
        "تجديد": "tajdeed tajdid tagdeed tagdid tejdid tejdeed tajded",
        "اجدد": "ajaded ajadded agaded agadded ajdd njaded njadded ngaded ngadded bjaded bgaded",
        "جديد": "jadeed jadid jdid jdeed jdeede jdida gdeed gdid gedid gedeed gdida",
        "ضاع": "daa3 da3 dhaa3 dha3 d3",
        "بدل": "badal bdl",
    }.items()
    for latin in forms.split()
}

_SPELLING = {
    "b": "ب",
    "t": "ت",
    "j": "ج",
    "h": "ه",
    "x": "خ",
    "d": "د",
    "r": "ر",
    "z": "ز",
    "s": "س",
    "c": "ش",
    "3": "ع",
    "g": "غ",
    "f": "ف",
    "k": "ك",
    "l": "ل",
    "m": "م",
    "n": "ن",
    "w": "و",
    "y": "ي",
}

_LATIN_WORD = re.compile(r"[a-z][a-z0-9']*|[2-9]'?[a-z][a-z0-9']*")
_DIGIT_INSIDE = re.compile(r"(?:[a-z][235679]|[235679][a-z])")
_ARTICLE = re.compile(r"^(?:el|al|il)[-]?(?=[a-z0-9]{3})")

# The commonest Arabizi words of every dialect, none of them an English word.
_MARKERS = frozenset(
    """
    shu shou sho eh eih esh aysh wesh wsh ash chno chnou shnu shno kam kem 9adech adesh addeh
    gdesh bkam bikam bekam ch7al wein wen wain fein feen fin mnin emta imta emtaa waqtash keef
    kif kifash kifach ezay ezzay izay shlon shlonik leish leh lesh 3lash 3lach a3mel a3mil
    biddi bidi beddi abgha abi 3ayez 3ayz 3awz 3ayza bghit n7eb nheb lazem lazim mish mesh
    mosh mush mo mou fi fih fe el il al wa ya w ana enta inti ente howa heya hal ma mafi
    mafish kol bas bs ta3 bta3 dyal dial nta3 3ala 3an ila min fel fil bel bil lel lil wel wil
    yalla inno jawaz gawaz hawiya hawiye bita2a rukhsa ro5sa rokhsa tajdid tajdeed tagdeed
    rosoom rsoom rusum awra2 awraq wara2 wra9 muddat moddet daye3 da3 dayi3 mawid maw3id 7ajz
    hajz shakwa chakwa salam marhaba mar7aba ahlan shukran choukran merci habibi law samaht
    momken mumken
    """.split()
)
_ENGLISH = frozenset(
    """
    the a an is are was were be been am i my me we our you your he she it its they their this
    that these those of to in on at for from with by about as into and or but not no yes do
    does did done can could will would shall should may might must have has had how what when
    where who why which much many long need want get got make made pay cost fee fees price
    renew renewal new lost stolen book change open close apply register licence license
    passport card permit please hello hi thanks thank good morning evening bye help office
    time date days after before if there any some all out up down over still just so too very
    more than then now today tomorrow who's what's don't can't i'm it's without take takes
    wait ago work hours
    """.split()
)


def _words(text: str) -> list[str]:
    return _LATIN_WORD.findall(text.lower().replace("\u2019", "'"))


def _has_arabic(text: str) -> bool:
    return any("\u0600" <= char <= "\u06ff" for char in text)


def skeleton(word: str) -> str:
    """The likeliest sound skeleton of one folded word of either script."""
    return skeletons(word)[0]


@lru_cache(maxsize=50_000)
def skeletons(word: str) -> tuple[str, ...]:
    """Every skeleton that the word may stand for, the likeliest first: in Latin letters `2` is a
    hamza or a qaf, `9` a sad or a qaf, `g` a jim, a qaf or a ghayn, `ch` a shin or a kaf."""
    if _has_arabic(word):
        sounds = [_ARABIC_SOUNDS.get(char, "") for char in word]
        if sounds and word.endswith("ه"):
            sounds[-1] = ""
        return (_squeeze("".join(sounds)),)
    options = [""]
    for choices in _latin_sounds(word[:_LONGEST_WORD]):
        options = [head + tail for tail in choices for head in options][:_MOST_SPELLINGS]
    return tuple(dict.fromkeys(_squeeze(option) for option in options))


def _latin_sounds(word: str) -> list[tuple[str, ...]]:
    word = _ARTICLE.sub("", word)
    sounds: list[tuple[str, ...]] = []
    index = 0
    while index < len(word):
        for pair, choices in _LATIN_PAIRS:
            if word.startswith(pair, index):
                sounds.append(choices)
                index += len(pair)
                break
        else:
            sounds.append(_LATIN_SOUNDS.get(word[index], ("",)))
            index += 1
    return sounds


def _squeeze(sounds: str) -> str:
    """Vowel letters inside a word go (people write them or not); a doubled sound counts once."""
    if not sounds:
        return ""
    inner = sounds[0] + sounds[1:].replace("w", "").replace("y", "")
    out = [inner[0]]
    for char in inner[1:]:
        if char != out[-1]:
            out.append(char)
    return "".join(out)


class Arabizi:
    """Tells Arabizi from English and turns it into Arabic, by the words of a corpus.

    `arabic` and `english` are texts of the knowledge base and of the training data.
    """

    def __init__(self, arabic: Iterable[str], english: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        for text in arabic:
            counts.update(word for word in fold(text).split() if _has_arabic(word))
        self._known: dict[str, str] = {}
        for word, _ in counts.most_common():
            for form in (word, word.removeprefix("ال")):
                key = skeleton(form)
                if len(key) >= 2:
                    self._known.setdefault(key, form)
        self._english = set(_ENGLISH)
        for text in english:
            self._english.update(_words(text))

    def is_arabizi(self, text: str) -> bool:
        """Whether a text is Arabic in Latin letters; a text with Arabic letters never is."""
        text = text[:MAX_UNDERSTOOD]
        if _has_arabic(text):
            return False
        for_arabic = for_english = 0.0
        for word in _words(text):
            if _DIGIT_INSIDE.search(word):
                for_arabic += 1.5
            elif word in self._english:
                for_english += 1.0
            elif word in _MARKERS:
                for_arabic += 1.0
            else:
                key = self._lookup(word)
                for_arabic += 0.7 if key is not None and len(key[0]) >= 3 else 0.0
        return for_arabic > for_english

    def to_arabic(self, text: str) -> str:
        """The text with its Latin words turned into Arabic ones, the rest as it is."""
        out = []
        for word in text[:MAX_UNDERSTOOD].lower().replace("\u2019", "'").split():
            bare = word.strip('.,;:!?()"')
            if not bare or not bare.isascii() or bare.isdigit() or bare in _ARTICLES:
                out.append("" if bare in _ARTICLES else bare)
                continue
            found = self._lookup(bare)
            if found is not None:
                out.append(found[1])
            else:
                spelt = "".join(_SPELLING.get(sound, "") for sound in skeleton(bare))
                out.append(spelt or bare)
        return " ".join(word for word in out if word)

    def _lookup(self, word: str) -> tuple[str, str] | None:
        direct = _DICTIONARY.get(word)
        if direct is not None:
            return skeleton(word), direct
        for key in skeletons(word):
            known = self._known.get(key)
            if known is not None:
                return key, known
        return None
