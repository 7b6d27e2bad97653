"""The intake as staff find it afterwards: the ticket, its details and files, and the hours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actions import form as forms
from actions.base import Turn
from actions.deadlines import WorkingHours
from actions.intake import Intake
from core.conversations import load
from core.own_words import own_words
from tests.support.minds import scripted_mind
from tests.support.talk import WORKDAY, Talk, buttons, refs

HOURS = WorkingHours.parse("sun,mon,tue,wed,thu", "08:00-15:00", ZoneInfo("Asia/Riyadh"))
LONG = "عندي شكوى عن تأخر معاملتي شهرين"


class Files:
    """Remembers what became of files."""

    def __init__(self) -> None:
        self.bound: list[tuple[list[int], int]] = []
        self.discarded: list[list[int]] = []

    async def bind(self, session: Any, ids: Sequence[int], ticket_id: int) -> None:
        self.bound.append((list(ids), ticket_id))

    async def discard(self, session: Any, ids: Sequence[int]) -> None:
        self.discarded.append(list(ids))


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    made = await Talk(tmp_path, scripted_mind([], {})).start()
    yield made
    await made.stop()


class Desk:
    """One conversation and an intake, with one message of each text stored beforehand."""

    def __init__(self, talk: Talk, intake: Intake, files: Files) -> None:
        self.talk = talk
        self.intake = intake
        self.files = files
        self.form: forms.Form | None = None

    async def do(self, name: str, text: str = "", /, *args: Any, **more: Any) -> Any:
        """Call the intake in a transaction of its own, with the form that is open."""
        conversation_id = await self.talk.accept(text)
        row = (await self.talk.inbox())[-1]
        async with self.talk.root.db.write() as session:
            conversation = await load(session, conversation_id)
            turn = Turn(session, conversation, text, "ar", inbox_id=row.id)
            given = (turn, *args) if name == "begin" else (turn, self.form, *args)
            result = getattr(self.intake, name)(*given, **more)
            if not hasattr(result, "messages"):
                result = await result
        self.form = result.form
        return result


@pytest.fixture
def desk(talk: Talk) -> Desk:
    files = Files()
    intake = Intake(talk.root.catalogue, talk.root.tickets, HOURS, files, talk.clock)
    return Desk(talk, intake, files)


async def test_the_ticket_holds_statement_and_details(desk: Desk) -> None:
    await desk.do("begin", LONG, "complaint")
    for answer in ("فرع المدينة", "الأحد الماضي", "44/2026"):
        await desk.do("answer", answer)
    await desk.do("attached", "", 11)
    await desk.do("attached", "", 12)
    said = await desk.do("skip")
    assert refs(said.messages) == ["intake_summary"]
    assert "المرفقات: 2" in said.messages[0].text
    await desk.do("submit")
    (ticket,) = await desk.talk.tickets()
    assert ticket.details == {
        "what": LONG,
        "where": "فرع المدينة",
        "when": "الأحد الماضي",
        "reference": "44/2026",
    }
    told = await desk.talk.statement(ticket)
    assert told == f"{LONG}\nفرع المدينة\nالأحد الماضي\n44/2026"
    assert desk.files.bound == [([11, 12], ticket.id)]
    assert desk.files.discarded == []


async def test_cancelling_drops_the_files(desk: Desk) -> None:
    await desk.do("begin", LONG, "complaint")
    said = await desk.do("attached", "", 11)
    assert refs(said.messages) == ["intake_noted", "ask_where"]
    await desk.do("cancel")
    assert (desk.form, desk.files.discarded) == (None, [[11]])
    assert await desk.talk.tickets() == []


async def test_putting_the_files_right_begins_with_none(desk: Desk) -> None:
    await desk.do("begin", LONG, "complaint")
    await desk.do("attached", "", 11)
    for _ in range(4):
        await desk.do("skip")
    said = await desk.do("correct", "", "attachments")
    assert refs(said.messages) == ["ask_attachments"]
    assert desk.files.discarded == [[11]]
    said = await desk.do("attached", "", 12)
    assert (refs(said.messages), buttons(said.messages[0])) == (
        ["intake_attached"],
        ["skip", "cancel"],
    )
    said = await desk.do("skip")
    assert "المرفقات: 1" in said.messages[0].text
    await desk.do("submit")
    (ticket,) = await desk.talk.tickets()
    assert desk.files.bound == [([12], ticket.id)]


async def test_a_place_on_a_map_answers_where(desk: Desk) -> None:
    await desk.do("begin", LONG, "complaint")
    said = await desk.do("answer", "", text="24.71, 46.67", part="where")
    assert refs(said.messages) == ["ask_when"]
    for _ in range(3):
        said = await desk.do("skip")
    # It is no text of the person's: it is said to be there, and not quoted.
    assert "المكان: كما أرسلته" in said.messages[0].text
    await desk.do("submit")
    (ticket,) = await desk.talk.tickets()
    assert ticket.details == {"what": LONG, "where": "24.71, 46.67"}


async def test_a_place_that_comes_early_is_not_asked_for(desk: Desk) -> None:
    await desk.do("begin", "شكوى", "complaint")
    said = await desk.do("answer", "", text="24.71, 46.67", part="where")
    assert refs(said.messages) == ["intake_noted", "complaint_details"]
    said = await desk.do("answer", "تأخرت معاملتي شهرين")
    assert refs(said.messages) == ["ask_when"]


async def test_a_summary_fits_into_what_whatsapp_takes(desk: Desk) -> None:
    await desk.do("begin", "شكوى " * 1500, "complaint")
    for answer in ("مكان " * 100, "زمان " * 100, "رقم " * 100):
        await desk.do("answer", answer)
    said = await desk.do("skip")
    (summary,) = said.messages
    assert len(summary.text.encode("utf-16-le")) // 2 <= 1024
    assert summary.text.count("مختصر") == 4


@pytest.mark.parametrize(
    ("moment", "back"),
    [
        (WORKDAY, None),
        (datetime(2026, 11, 22, 4, 59, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC)),
        (datetime(2026, 11, 22, 5, tzinfo=UTC), None),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 23, 5, tzinfo=UTC)),
        # Thursday evening: Friday and Saturday are free.
        (datetime(2026, 11, 26, 18, tzinfo=UTC), datetime(2026, 11, 29, 5, tzinfo=UTC)),
        (datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 29, 5, tzinfo=UTC)),
    ],
)
async def test_out_of_hours_it_says_when_people_are_back(
    desk: Desk, moment: datetime, back: datetime | None
) -> None:
    desk.talk.clock.now = moment
    await desk.do("begin", "أريد التحدث إلى موظف عن معاملتي", "human")
    said = await desk.do("submit")
    if back is None:
        assert refs(said.messages) == ["ticket_opened_human"]
    else:
        line = desk.talk.root.catalogue.line("closed_now", "ar", date=back)
        assert [m.text for m in said.messages[1:]] == [line.text]
        assert HOURS.next_opening(moment) == back
        assert HOURS.is_open(back) and not HOURS.is_open(moment)


async def test_the_summary_quotes_this_conversation_alone(desk: Desk) -> None:
    """A text that the form holds and no message of this person says is not shown."""
    await desk.do("begin", LONG, "complaint")
    await desk.talk.accept("كلام غيري", who="somebody else")
    assert desk.form is not None
    desk.form = forms.tell(desk.form, "where", "كلام غيري")
    said = None
    for _ in range(4):
        said = await desk.do("skip")
    assert said is not None
    (summary,) = said.messages
    assert LONG in summary.text and "كلام غيري" not in summary.text
    assert "المكان: كما أرسلته" in summary.text
    async with desk.talk.root.db.read() as session:
        conversation = await desk.talk.conversation()
        assert await own_words(session, conversation.id, ["كلام غيري"], 100) is None
