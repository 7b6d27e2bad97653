"""A small knowledge base to read Arabizi by."""

from __future__ import annotations

import pytest

from core.text.arabizi import Arabizi

ARABIC = [
    "كيف أجدد جواز السفر؟",
    "موعد الحجز في المكتب",
    "شهادة ميلاد لطفل",
    "رسوم تجديد الرخصة",
    "أريد تقديم شكوى على موظف",
    "غرامة التأخير",
    "عنوان الفرع القريب",
]
ENGLISH = ["How do I renew my passport?", "Where is the nearest branch?", "late fines"]


@pytest.fixture(scope="session")
def arabizi() -> Arabizi:
    """Reads by the sentences above."""
    return Arabizi(ARABIC, ENGLISH)
