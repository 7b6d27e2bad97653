"""The one table that knows addresses. Everything else, logs included, uses internal ids."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.crypto import Vault
from core.db.tables import Contact, ConversationRow
from core.errors import NotFoundError


class Contacts:
    """Finds or makes the contact and conversation of an address, and opens addresses for the
    sender."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def conversation_of(
        self, session: AsyncSession, channel: str, address: str, now: datetime
    ) -> int:
        """Id of the conversation with this address; made when it is new. Safe in a race."""
        lookup = self._vault.lookup(address, channel)
        insert = postgresql.insert if _is_postgres(session) else sqlite.insert
        query = (
            select(ConversationRow.id)
            .join(Contact, Contact.id == ConversationRow.contact_id)
            .where(Contact.channel == channel, Contact.lookup == lookup)
        )
        found = await session.scalar(query)
        if found is not None:
            return found
        await session.execute(
            insert(Contact)
            .values(
                channel=channel,
                lookup=lookup,
                sealed_address=self._vault.seal(address, channel),
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["channel", "lookup"])
        )
        contact_id = await session.scalar(
            select(Contact.id).where(Contact.channel == channel, Contact.lookup == lookup)
        )
        await session.execute(
            insert(ConversationRow)
            .values(contact_id=contact_id, channel=channel, state={}, created_at=now)
            .on_conflict_do_nothing(index_elements=["contact_id"])
        )
        made = await session.scalar(query)
        if made is None:
            raise NotFoundError("the conversation that was just made is not there")
        return made

    async def find(self, session: AsyncSession, channel: str, address: str) -> int | None:
        """Id of the conversation with this address, or None."""
        lookup = self._vault.lookup(address, channel)
        return await session.scalar(
            select(ConversationRow.id)
            .join(Contact, Contact.id == ConversationRow.contact_id)
            .where(Contact.channel == channel, Contact.lookup == lookup)
        )

    async def move(self, session: AsyncSession, channel: str, old: str, new: str) -> bool:
        """The platform says that an address has become another one: the contact and its
        conversation go on under the new one. Returns whether the old one was known.

        When the new address has a contact already, both stay: what is sent to either goes to the
        new address, and who writes from there is in the conversation of the new one.
        """
        former = self._vault.lookup(old, channel)
        lookup = self._vault.lookup(new, channel)
        taken = await session.scalar(
            select(Contact.id).where(Contact.channel == channel, Contact.lookup == lookup)
        )
        values: dict[str, object] = {"sealed_address": self._vault.seal(new, channel)}
        if taken is None:
            values["lookup"] = lookup
        moved = await session.execute(
            update(Contact)
            .where(Contact.channel == channel, Contact.lookup == former)
            .values(**values)
            .returning(Contact.id)
        )
        return moved.first() is not None

    async def address_of(self, session: AsyncSession, conversation_id: int) -> str:
        """The address behind a conversation, for sending.

        Raises:
            NotFoundError: no such conversation.
            ConfigError: it was sealed with another secret key.
        """
        row = (
            await session.execute(
                select(Contact.sealed_address, Contact.channel)
                .join(ConversationRow, Contact.id == ConversationRow.contact_id)
                .where(ConversationRow.id == conversation_id)
            )
        ).one_or_none()
        if row is None:
            raise NotFoundError(f"no conversation {conversation_id}")
        return self._vault.open(row.sealed_address, row.channel)


def _is_postgres(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
