"""The staff register."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from core.db.tables import StaffRow
from core.errors import ConflictError, InputError, NotFoundError
from tests.support.talk import Talk

PASSWORD = "correct horse 77"


async def test_adding_and_verifying(talk: Talk) -> None:
    staff = talk.root.staff
    made = await staff.add("  سلمى   العتيبي ", "agent", PASSWORD, must_change=True)
    assert (made.name, made.role, made.must_change) == ("سلمى العتيبي", "agent", True)
    assert await staff.verify("سلمى العتيبي", PASSWORD) == made
    assert await staff.verify("سلمى العتيبي", PASSWORD + "x") is None
    assert await staff.verify("غيرها", PASSWORD) is None
    assert await staff.by_name("سلمى  العتيبي") == made
    assert await staff.count() == 1


async def test_the_password_is_not_stored(talk: Talk) -> None:
    await talk.root.staff.add("a", "agent", PASSWORD)
    (row,) = await talk.rows(StaffRow)
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in row.password_hash


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("", "agent", PASSWORD),
        ("   ", "agent", PASSWORD),
        ("x" * 81, "agent", PASSWORD),
        ("a\x00b", "agent", PASSWORD),
        ("a\u202eb", "agent", PASSWORD),
        ("a", "boss", PASSWORD),
        ("a", "agent", "short"),
    ],
)
async def test_wrong_input_is_refused(talk: Talk, name: str, role: str, password: str) -> None:
    with pytest.raises(InputError):
        await talk.root.staff.add(name, role, password)
    assert await talk.root.staff.count() == 0


async def test_a_name_is_given_once(talk: Talk) -> None:
    await talk.root.staff.add("a", "agent", PASSWORD)
    with pytest.raises(ConflictError):
        await talk.root.staff.add(" a ", "lead", PASSWORD)


async def test_changing_the_password(talk: Talk) -> None:
    staff = talk.root.staff
    made = await staff.add("a", "agent", PASSWORD, must_change=True)
    with pytest.raises(InputError):
        await staff.change_password(made.id, "short")
    await staff.change_password(made.id, "another password")
    assert await staff.verify("a", PASSWORD) is None
    changed = await staff.verify("a", "another password")
    assert changed is not None and not changed.must_change
    with pytest.raises(NotFoundError):
        await staff.change_password(made.id + 1, "another password")


async def test_who_was_disabled_is_gone(talk: Talk) -> None:
    staff = talk.root.staff
    made = await staff.add("a", "agent", PASSWORD)
    await staff.add("b", "agent", PASSWORD)
    async with talk.root.db.write() as session:
        await session.execute(update(StaffRow).where(StaffRow.id == made.id).values(disabled=True))
    assert await staff.verify("a", PASSWORD) is None
    assert await staff.get(made.id) is None
    assert [m.name for m in await staff.everybody()] == ["b"]
    with pytest.raises(NotFoundError):
        await staff.by_name("a")
