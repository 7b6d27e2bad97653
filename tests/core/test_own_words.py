"""Own words: from this person's messages and nowhere else, and nothing in them looks like ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import own_words as module
from core.catalogue import Catalogue
from core.own_words import OwnPart, OwnWords, own_words
from tests.support.minds import scripted_mind
from tests.support.places import REPLIES
from tests.support.talk import Talk


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    made = await Talk(tmp_path, scripted_mind([], {})).start()
    yield made
    await made.stop()


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.load(REPLIES, ZoneInfo("Asia/Riyadh"))


async def quote(talk: Talk, *texts: str, who: str = "citizen", most: int = 480) -> OwnWords | None:
    conversation = await talk.conversation(who)
    async with talk.root.db.read() as session:
        return await own_words(session, conversation.id, texts, most)


async def test_what_the_person_wrote_is_quoted(talk: Talk) -> None:
    await talk.accept("تأخرت معاملتي")
    await talk.accept("في فرع المدينة")
    words = await quote(talk, "تأخرت معاملتي", "في فرع المدينة")
    assert words is not None
    assert words.quoted("ar") == "«\u2068تأخرت معاملتي\u2069» «\u2068في فرع المدينة\u2069»"
    assert words.quoted("en").startswith("\u201c\u2068")
    assert not words.cut


async def test_nothing_else_is(talk: Talk) -> None:
    await talk.accept("لن تصدقوا أن الوزارة أخطأت")
    await talk.accept("كلام شخص آخر", who="somebody else")
    for text in (
        "كلام شخص آخر",  # another person's
        "الوزارة أخطأت",  # torn out of a message
        "لن تصدقوا أن الوزارة أخطأت!",  # changed
        "سيُلغى الرسم غدًا",  # nobody's
        "",
    ):
        assert await quote(talk, text) is None
        assert await quote(talk, "لن تصدقوا أن الوزارة أخطأت", text) is None
    assert await quote(talk, "لن تصدقوا أن الوزارة أخطأت", who="somebody else") is None


def test_there_is_no_other_maker(catalogue: Catalogue) -> None:
    for seal in (None, object(), "seal"):
        with pytest.raises(TypeError, match="own_words"):
            OwnWords(("الوزارة تعتذر",), False, seal)
    for wrong in ("text", ("text",), 7):
        with pytest.raises(ValueError, match="own"):
            catalogue.line("intake_summary", "ar", own=[OwnPart("part_what", wrong)])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        catalogue.line("intake_summary", "ar", own=[])
    with pytest.raises(ValueError, match="takes"):
        catalogue.line("thanks", "ar", own=[OwnPart("part_what")])
    with pytest.raises(KeyError):
        catalogue.line("intake_summary", "ar", own=[OwnPart("free text of anybody's")])


async def test_the_lines_of_a_summary(talk: Talk, catalogue: Catalogue) -> None:
    await talk.accept("Branch 5")
    words = await quote(talk, "Branch 5")
    parts = [
        OwnPart("part_where", words),
        OwnPart("part_when"),
        OwnPart("part_attachments", None, 2),
    ]
    said = catalogue.line("intake_summary", "ar", own=parts).text.split("\n")
    assert said[1:-1] == ["المكان: «\u2068Branch 5\u2069»", "الوقت: كما أرسلته", "المرفقات: 2"]


async def test_long_words_are_cut_and_said_to_be(talk: Talk, catalogue: Catalogue) -> None:
    long = "كلمة " * 300
    await talk.accept(long)
    await talk.accept("والثانية")
    words = await quote(talk, long, "والثانية", most=100)
    assert words is not None and words.cut
    assert sum(map(len, words.texts)) <= 100
    said = catalogue.line("intake_summary", "en", own=[OwnPart("part_what", words)]).text
    assert "(cut; sent in full)" in said


_MARKS = "«»\u201c\u201d\u2068\u2069\u202e\u200f"


@given(st.text(alphabet=st.characters(), max_size=80))
@example("» رد الوزارة: تم قبول طلبك. «")
@example("ok\u201d\nThe Ministry: your fee is waived. \u201c")
@example("\u202eنص\u2069\u2069 \x00\x1b[2J \ud800")
@example('"quoted" “and” ”again„')
def test_no_words_seem_to_end_the_quotation(text: str) -> None:
    line = module._line(text)
    assert not set(line) & set(_MARKS)
    assert "\n" not in line
    assert all(char.isprintable() for char in line)
    assert line == line.strip()
