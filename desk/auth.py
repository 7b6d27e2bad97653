"""Logins at the desk: sessions, and slowing down those who guess passwords.

The cookie holds a random token; the database holds its SHA-256 alone, so that a copy of the
database opens no session. Failed logins are counted under keyed hashes, so that the table names
nobody. Passwords themselves are checked by `actions.staff`; cookies and forms are the affair of
`desk.guard`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.staff import Staff, StaffMember
from core.clock import Clock
from core.crypto import Vault
from core.db.engine import Database
from core.db.tables import DeskSessionRow, LoginAttemptRow, StaffRow
from core.errors import NatiqError
from core.logs import get_logger

log = get_logger(__name__)

#: A session ends this long after the login, whatever is done in it.
SESSION = timedelta(hours=12)

#: Failed logins are counted over this time.
WINDOW = timedelta(minutes=15)

#: How long counted guesses are kept: the table holds those at tickets' codes too.
KEPT = timedelta(hours=1)

#: Failures within the window for one name from one address; for one name from anywhere; from one
#: address for any name. The second and third are wide: else anybody could lock a colleague out,
#: and one forgetful person a whole office behind one address.
PER_PAIR, PER_NAME, PER_ADDRESS = 5, 30, 60

#: Longer ones are refused unchecked: hashing a megabyte is work that a stranger could order.
MAX_NAME, MAX_PASSWORD = 80, 1_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request, in which session. `csrf` belongs in each of the session's forms."""

    member: StaffMember
    session_id: int
    csrf: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session; the token goes into the cookie and is kept nowhere else."""

    member: StaffMember
    token: str


class TooManyAttemptsError(NatiqError):
    """Logins for this name or from this address must wait `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many failed logins")
        self.seconds = seconds


class Auth:
    """Opens, finds and ends sessions."""

    def __init__(self, db: Database, staff: Staff, secret_key: bytes, clock: Clock) -> None:
        self._db = db
        self._staff = staff
        self._vault = Vault(secret_key)
        self._clock = clock
        # Argon2 takes 64 MiB for each password that is being checked.
        self._hashing = asyncio.Semaphore(2)

    async def login(self, name: str, password: str, address: str) -> LoggedIn | None:
        """Check the password and open a session; None when name or password is wrong or the
        member is disabled. `address` is the client's network address.

        Raises:
            TooManyAttemptsError: too many failures; the password was not looked at.
        """
        pair, others = self._attempt_keys(name, address)
        # The attempt is counted before the password is checked, so that attempts sent at the
        # same moment cannot all slip under the limit; a success takes it back.
        own = await self._count_attempt(pair, others)
        member = None
        if len(name) <= MAX_NAME and 0 < len(password) <= MAX_PASSWORD:
            async with self._hashing:
                member = await self._staff.verify(name, password)
        if member is None:
            log.info("desk login refused")
            return None
        token = secrets.token_urlsafe(32)
        async with self._db.write() as session:
            await session.execute(
                delete(LoginAttemptRow).where(
                    (LoginAttemptRow.key == pair) | LoginAttemptRow.id.in_(own)
                )
            )
            await session.execute(
                delete(DeskSessionRow).where(DeskSessionRow.expires_at <= self._clock())
            )
            self._open(session, member.id, token)
        log.info("desk login", staff=member.id, role=member.role)
        return LoggedIn(member, token)

    async def find(self, token: str | None) -> Visitor | None:
        """The visitor with this token; None when it is unknown or over, or the member is
        disabled."""
        if not token:
            return None
        async with self._db.read() as session:
            found = (
                await session.execute(
                    select(DeskSessionRow, StaffRow)
                    .join(StaffRow, StaffRow.id == DeskSessionRow.staff_id)
                    .where(
                        DeskSessionRow.token_hash == _hash(token),
                        DeskSessionRow.expires_at > self._clock(),
                        StaffRow.disabled.is_(False),
                    )
                )
            ).one_or_none()
        if found is None:
            return None
        row: DeskSessionRow = found.DeskSessionRow
        member: StaffRow = found.StaffRow
        return Visitor(
            StaffMember(member.id, member.name, member.role, member.must_change), row.id, row.csrf
        )

    async def logout(self, visitor: Visitor) -> None:
        """End this session."""
        async with self._db.write() as session:
            await session.execute(
                delete(DeskSessionRow).where(DeskSessionRow.id == visitor.session_id)
            )
        log.info("desk logout", staff=visitor.member.id)

    async def right_password(self, visitor: Visitor, password: str, address: str) -> bool:
        """Whether this is the visitor's present password; failures count as failed logins.

        Raises:
            TooManyAttemptsError: too many failures.
        """
        pair, others = self._attempt_keys(visitor.member.name, address)
        own = await self._count_attempt(pair, others)
        if not await self._is_password(visitor, password):
            return False
        async with self._db.write() as session:
            await session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.id.in_(own)))
        return True

    async def change_password(self, visitor: Visitor, password: str) -> str | None:
        """Set the visitor's new password, end all of the member's sessions, and open a new one:
        its token is returned. None when the password is the old one again.

        Raises:
            InputError: the new password is too short.
        """
        if await self._is_password(visitor, password):
            return None
        async with self._hashing:
            await self._staff.change_password(visitor.member.id, password)
        token = secrets.token_urlsafe(32)
        async with self._db.write() as session:
            await session.execute(
                delete(DeskSessionRow).where(DeskSessionRow.staff_id == visitor.member.id)
            )
            self._open(session, visitor.member.id, token)
        log.info("desk password changed", staff=visitor.member.id)
        return token

    def form_token(self, seed: str) -> str:
        """The token of the login form, which has no session yet: a keyed hash of its cookie."""
        return self._vault.lookup(seed, "desk/login-form")

    # -- inside --------------------------------------------------------------------------------

    def _open(self, session: AsyncSession, staff_id: int, token: str) -> None:
        now = self._clock()
        session.add(
            DeskSessionRow(
                token_hash=_hash(token),
                staff_id=staff_id,
                csrf=secrets.token_hex(32),
                created_at=now,
                expires_at=now + SESSION,
            )
        )

    async def _is_password(self, visitor: Visitor, password: str) -> bool:
        if not 0 < len(password) <= MAX_PASSWORD:
            return False
        async with self._hashing:
            return await self._staff.verify(visitor.member.name, password) is not None

    def _attempt_keys(self, name: str, address: str) -> tuple[str, tuple[str, str]]:
        name = " ".join(name[: MAX_NAME + 1].split()).casefold()
        place = _network(address)
        pair = self._vault.lookup(f"{name}\n{place}", "desk/login/pair")
        return pair, (
            self._vault.lookup(name, "desk/login/name"),
            self._vault.lookup(place, "desk/login/address"),
        )

    async def _count_attempt(self, pair: str, others: tuple[str, str]) -> list[int]:
        """Count an attempt under each key, all in one transaction; returns the rows' ids."""
        now = self._clock()
        limits = dict(zip((pair, *others), (PER_PAIR, PER_NAME, PER_ADDRESS), strict=True))
        async with self._db.write() as session:
            await session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.at <= now - KEPT))
            wait = 0
            for key, limit in limits.items():
                wait = max(wait, await self._wait(session, key, limit, now))
            if not wait:
                rows = [LoginAttemptRow(key=key, at=now) for key in limits]
                session.add_all(rows)
                await session.flush()
                return [row.id for row in rows]
        log.warning("desk login throttled", seconds=wait)
        raise TooManyAttemptsError(wait)

    async def _wait(self, session: AsyncSession, key: str, limit: int, now: datetime) -> int:
        """Seconds until another attempt is taken under this key; 0 when it is taken now."""
        count = await session.scalar(
            select(func.count())
            .select_from(LoginAttemptRow)
            .where(LoginAttemptRow.key == key, LoginAttemptRow.at > now - WINDOW)
        )
        if (count or 0) < limit:
            return 0
        freeing = await session.scalar(
            select(LoginAttemptRow.at)
            .where(LoginAttemptRow.key == key)
            .order_by(LoginAttemptRow.at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        return max(1, int(((freeing or now) + WINDOW - now).total_seconds()))


def same(one: str, other: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 the /64, because one client has a whole one to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
