"""Tickets that are followed from elsewhere: what their tests share."""

from __future__ import annotations

import re

from sqlalchemy import select, update

from actions import numbers
from core.db.tables import OutboxRow, TicketRow
from core.messages import OutboundMessage
from tests.support.minds import URGENT, action, answer, intake
from tests.support.talk import Talk

LONG = "عندي شكوى عن تأخر معاملتي شهرين"
TABLE = {
    "سؤال": answer("faq-a"),
    "خطر": URGENT,
    LONG: intake("complaint", "faq-a"),
    "وش صار": action("status"),
}
PASSWORD = "a long password"
PHONE, LAPTOP = "phone", "laptop"


async def opened(talk: Talk, who: str = PHONE) -> tuple[str, str]:
    """An urgent ticket of this person (it needs no form): number and code, as they were told."""
    said = (await talk.say("خطر", who=who))[-1].text
    number = re.search(r"\d{3}-\d{3}", said)
    code = re.search(r"\d{4}-\d{4}", said)
    assert number is not None
    assert code is not None
    return number[0], code[0]


def texts(said: list[OutboundMessage]) -> list[str]:
    return [message.text for message in said]


async def place_of(talk: Talk, number: str) -> int:
    async with talk.root.db.read() as session:
        query = select(TicketRow.conversation_id).where(TicketRow.number == number)
        return (await session.scalars(query)).one()


async def mark(talk: Talk, *where: object, **values: object) -> None:
    """Change outbox rows, as a platform's word would."""
    async with talk.root.db.write() as session:
        await session.execute(update(OutboxRow).where(*where).values(**values))  # type: ignore[arg-type]


def other_code(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def free_number(taken: str) -> str:
    return next(number for number in iter(numbers.draw, "") if number != taken)
