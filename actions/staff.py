"""Members of staff: adding them, and checking their passwords (Argon2id).

Sessions and throttling belong to the desk. A staff member's name never reaches a citizen.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update

from core.clock import Clock, utc_now
from core.db.engine import Database
from core.db.tables import StaffRow
from core.errors import ConflictError, InputError, NotFoundError

ROLES = ("agent", "editor", "lead", "admin")

#: Shortest password that is taken, in characters (NIST SP 800-63B-4 asks for 15 where it is the
#: only factor; one-time passwords made here are longer).
MIN_PASSWORD = 12


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Who is at the desk."""

    id: int
    name: str
    role: str
    must_change: bool


class Staff:
    """The staff register."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_hex(16))

    async def add(
        self, name: str, role: str, password: str, *, must_change: bool = False
    ) -> StaffMember:
        """Add a member.

        Raises:
            InputError: bad name, unknown role or short password. ConflictError: name is taken.
        """
        name = " ".join(name.split())
        if not name or len(name) > 80 or not name.isprintable():
            raise InputError("A staff name has 1 to 80 printable characters.")
        if role not in ROLES:
            raise InputError(f"Unknown role {role!r}; the roles are {', '.join(ROLES)}.")
        hashed = await self._hash(password)
        async with self._db.write() as session:
            if await session.scalar(select(StaffRow.id).where(StaffRow.name == name)):
                raise ConflictError(f"There is a staff member named {name} already.")
            row = StaffRow(
                name=name,
                role=role,
                password_hash=hashed,
                must_change=must_change,
                created_at=self._clock(),
            )
            session.add(row)
            await session.flush()
            return _member(row)

    async def verify(self, name: str, password: str) -> StaffMember | None:
        """The member when the password is right, else None. Takes as long for an unknown name."""
        async with self._db.read() as session:
            row = await session.scalar(
                select(StaffRow).where(StaffRow.name == " ".join(name.split()))
            )
        hashed = row.password_hash if row is not None else self._decoy
        right = await asyncio.to_thread(self._matches, hashed, password)
        if row is None or row.disabled or not right:
            return None
        return _member(row)

    async def change_password(self, staff_id: int, password: str) -> None:
        """Set a new password, chosen by its owner.

        Raises:
            InputError: too short. NotFoundError: no such member.
        """
        hashed = await self._hash(password)
        async with self._db.write() as session:
            found = await session.scalar(
                update(StaffRow)
                .where(StaffRow.id == staff_id)
                .values(password_hash=hashed, must_change=False)
                .returning(StaffRow.id)
            )
            if found is None:
                raise NotFoundError(f"no staff member {staff_id}")

    async def get(self, staff_id: int) -> StaffMember | None:
        """The member with this id, unless disabled."""
        async with self._db.read() as session:
            row = await session.get(StaffRow, staff_id)
            return None if row is None or row.disabled else _member(row)

    async def by_name(self, name: str) -> StaffMember:
        """The member of this name.

        Raises:
            NotFoundError: there is none.
        """
        async with self._db.read() as session:
            row = await session.scalar(
                select(StaffRow).where(StaffRow.name == " ".join(name.split()))
            )
        if row is None or row.disabled:
            raise NotFoundError(f"There is no staff member named {name}.")
        return _member(row)

    async def everybody(self) -> list[StaffMember]:
        """All who are not disabled, by name."""
        async with self._db.read() as session:
            rows = await session.scalars(
                select(StaffRow).where(StaffRow.disabled.is_(False)).order_by(StaffRow.name)
            )
            return [_member(row) for row in rows]

    async def count(self) -> int:
        """How many there are."""
        async with self._db.read() as session:
            return await session.scalar(select(func.count()).select_from(StaffRow)) or 0

    async def _hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise InputError(f"The password needs at least {MIN_PASSWORD} characters.")
        return await asyncio.to_thread(self._hasher.hash, password)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _member(row: StaffRow) -> StaffMember:
    return StaffMember(row.id, row.name, row.role, row.must_change)
