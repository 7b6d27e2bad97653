"""Small FAQ folders, written as an editor would write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Words that belong to one entry alone, so that a small index can tell the entries apart.
WORDS = {
    "passport-fees": ("رسوم جواز السفر", "passport fees"),
    "licence-lost": ("فقدان رخصة القيادة", "lost driving licence"),
    "housing-apply": ("طلب سكن مدعوم", "subsidised housing application"),
    "visa-extend": ("تمديد تأشيرة الزيارة", "visit visa extension"),
}
_ASK_AR = ("كم {}", "أريد {}", "ما {} من فضلك", "سؤالي عن {}", "وش {} عندكم", "عايز اعرف {}")
_ASK_EN = ("what about {}", "tell me: {}", "{} please", "i need {}")


@dataclass
class Item:
    """One entry; `asks` is how many phrasings it has in each language."""

    id: str
    asks: int = 6
    answer: str = ""
    valid_from: str = ""
    valid_until: str = ""
    more: dict[str, object] = field(default_factory=dict)

    def lines(self) -> list[str]:
        arabic, english = WORDS.get(self.id, (f"موضوع {self.id}", f"matter of {self.id}"))
        block: dict[str, object] = {
            "question": {"ar": f"ما {arabic}؟", "en": f"What is {english}?"},
            "phrasings": {
                "ar": [ask.format(arabic) for ask in _ASK_AR[: self.asks]],
                "en": [ask.format(english) for ask in _ASK_EN[: self.asks]],
            },
            "answer": {
                "ar": self.answer or f"جواب عن {arabic}.",
                "en": f"An answer about {english}.",
            },
            "source": "Sample decision 1",
            "review_by": "2030-01-01",
            **({"valid_from": self.valid_from} if self.valid_from else {}),
            **({"valid_until": self.valid_until} if self.valid_until else {}),
            **self.more,
        }
        made = [f"  - id: {self.id}"]
        made += [f"    {key}: {json.dumps(v, ensure_ascii=False)}" for key, v in block.items()]
        return made


def write_faq(folder: Path, items: Sequence[Item], name: str = "topic.yml") -> Path:
    """One topic file with these entries; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    head = ["topic: sample", "title: {ar: عينة, en: Sample}", "owner: sample-office", "entries:"]
    path = folder / name
    lines = head + [line for item in items for line in item.lines()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
