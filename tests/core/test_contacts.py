"""Contacts: one for each address and channel, and the address in plain words nowhere on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import Base, Contact, ConversationRow
from core.errors import ConfigError, NotFoundError
from core.messages import InboundMessage
from tests.support.clock import START, MovableClock
from tests.support.queues import Queues

PHONE = "+966512345678"


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_an_address_has_one_conversation_on_each_channel(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        first = await contacts.conversation_of(session, "web", "a", START)
        assert await contacts.conversation_of(session, "web", "a", START) == first
        others = {
            await contacts.conversation_of(session, "telegram", "a", START),
            await contacts.conversation_of(session, "web", "b", START),
        }
        assert len({first, *others}) == 3
        row = await session.get(ConversationRow, first)
        assert row is not None
        assert (row.channel, row.mode, row.language, row.state) == ("web", "bot", "ar", {})
        count = await session.scalar(select(func.count()).select_from(Contact))
        assert count == 3


async def test_finding_makes_nothing(database: Database, contacts: Contacts) -> None:
    async with database.write() as session:
        assert await contacts.find(session, "web", "a") is None
        assert await session.scalar(select(func.count()).select_from(Contact)) == 0
        made = await contacts.conversation_of(session, "web", "a", START)
        assert await contacts.find(session, "web", "a") == made
        assert await contacts.find(session, "telegram", "a") is None


async def test_the_address_opens_for_the_sender_and_for_no_other_key(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        made = await contacts.conversation_of(session, "web", PHONE, START)
        assert await contacts.address_of(session, made) == PHONE
        with pytest.raises(NotFoundError):
            await contacts.address_of(session, made + 1)
        stranger = Contacts(Vault(b"some other key, such as after a lost backup"))
        with pytest.raises(ConfigError):
            await stranger.address_of(session, made)


async def test_a_moved_address_keeps_its_conversation(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        made = await contacts.conversation_of(session, "telegram", "-5", START)
        other = await contacts.conversation_of(session, "web", "-5", START)
        assert await contacts.move(session, "telegram", "-5", "-1005")
        assert await contacts.find(session, "telegram", "-5") is None
        assert await contacts.find(session, "telegram", "-1005") == made
        assert await contacts.address_of(session, made) == "-1005"
        assert await contacts.address_of(session, other) == "-5"
        assert not await contacts.move(session, "telegram", "-5", "-1005"), "a second time"


async def test_moving_to_a_known_address_sends_both_there(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        former = await contacts.conversation_of(session, "telegram", "-5", START)
        newer = await contacts.conversation_of(session, "telegram", "-1005", START)
        assert await contacts.move(session, "telegram", "-5", "-1005")
        assert await contacts.address_of(session, former) == "-1005"
        assert await contacts.find(session, "telegram", "-1005") == newer


@pytest.fixture
async def sqlite(sqlite_address: str) -> AsyncIterator[Database]:
    """A database whose files can be looked into."""
    made = Database(sqlite_address)
    yield made
    await made.close()


async def test_two_addresses_of_one_person_lead_to_one_conversation(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        made = await contacts.conversation_of(session, "whatsapp", "966500000001", START)
        both = await contacts.conversation_of(
            session, "whatsapp", "966500000001", START, alias="SA.77"
        )
        assert both == made
        assert await contacts.conversation_of(session, "whatsapp", "SA.77", START) == made
        assert await contacts.address_of(session, made) == "966500000001"
        assert await contacts.find(session, "telegram", "SA.77") is None


async def test_a_person_known_by_the_second_address_first_stays_one(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        made = await contacts.conversation_of(session, "whatsapp", "SA.77", START)
        for alias in ("SA.77", None):
            again = await contacts.conversation_of(
                session, "whatsapp", "966500000001", START, alias=alias
            )
            assert again == made
        assert await contacts.address_of(session, made) == "SA.77", "known first, still good"


async def test_two_conversations_that_were_there_stay_two(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        phone = await contacts.conversation_of(session, "whatsapp", "966500000001", START)
        other = await contacts.conversation_of(session, "whatsapp", "SA.77", START)
        found = await contacts.conversation_of(
            session, "whatsapp", "966500000001", START, alias="SA.77"
        )
        assert found == phone
        assert await contacts.find(session, "whatsapp", "SA.77") == other


async def test_a_moved_address_takes_its_second_one_along(
    database: Database, contacts: Contacts
) -> None:
    async with database.write() as session:
        for first, second in (("966500000001", "SA.77"), ("SA.78", "966500000002")):
            made = await contacts.conversation_of(session, "whatsapp", first, START, alias=second)
            phone = first if first.isdigit() else second
            assert await contacts.move(session, "whatsapp", phone, f"{phone}9")
            assert await contacts.address_of(session, made) == f"{phone}9"
            assert await contacts.find(session, "whatsapp", f"{phone}9") == made
            assert await contacts.find(session, "whatsapp", phone) is None


async def test_an_address_is_on_no_disk_in_plain_words(
    sqlite: Database, contacts: Contacts, clock: MovableClock, tmp_path: Path
) -> None:
    queues = Queues(sqlite, contacts, clock)
    message = InboundMessage("whatsapp", "wamid.1", PHONE, "MARKER-TEXT")
    accepted = await queues.inbox.accept(message)
    await queues.answer(accepted.conversation_id, "MARKER-ANSWER")
    await queues.finish(await queues.claim_work())
    claimed = await queues.claim_send(["whatsapp"])
    assert claimed.envelope.address == PHONE
    await queues.outbox.sent(claimed, None)

    async with sqlite.read() as session:
        for table in Base.metadata.tables:
            for row in await session.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608
                assert "512345678" not in repr(tuple(row)), table
    files = _files(tmp_path)
    assert "natiq.db-wal" in files, "the write-ahead log must have been looked into"
    assert any(b"MARKER-TEXT" in data for data in files.values()), "we look where the words are"
    digits = PHONE.removeprefix("+")
    for spelling in (digits.encode(), digits.encode("utf-16-le"), digits[::-1].encode()):
        assert [name for name, data in files.items() if spelling in data] == []
