"""The one table that knows addresses. Everything else, logs included, uses internal ids."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.crypto import Vault
from core.db.tables import Contact, ContactAliasRow, ConversationRow
from core.errors import NotFoundError


class Contacts:
    """Finds or makes the contact and conversation of an address, and opens addresses for the
    sender."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def conversation_of(
        self,
        session: AsyncSession,
        channel: str,
        address: str,
        now: datetime,
        alias: str | None = None,
    ) -> int:
        """Id of the conversation with this address; made when it is new. Safe in a race.

        `alias` is another address of the same person, where the platform gives two; each then
        leads to the one conversation, and what is sent goes to the address that was known first.
        Two conversations that were there already stay two: the address decides.
        """
        found = await self.find(session, channel, address)
        if found is None and alias is not None:
            found = await self.find(session, channel, alias)
            if found is not None:
                await self._add_alias(session, channel, address, found)
        if found is None:
            found = await self._make(session, channel, address, now)
        if alias is not None and await self.find(session, channel, alias) is None:
            await self._add_alias(session, channel, alias, found)
        return found

    async def _make(self, session: AsyncSession, channel: str, address: str, now: datetime) -> int:
        lookup = self._vault.lookup(address, channel)
        insert = _insert_of(session)
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
        made = await self.find(session, channel, address)
        if made is None:
            raise NotFoundError("the conversation that was just made is not there")
        return made

    async def _add_alias(
        self, session: AsyncSession, channel: str, alias: str, conversation_id: int
    ) -> None:
        contact_id = await session.scalar(
            select(ConversationRow.contact_id).where(ConversationRow.id == conversation_id)
        )
        await session.execute(
            _insert_of(session)(ContactAliasRow)
            .values(
                contact_id=contact_id, channel=channel, lookup=self._vault.lookup(alias, channel)
            )
            .on_conflict_do_nothing(index_elements=["channel", "lookup"])
        )

    async def find(self, session: AsyncSession, channel: str, address: str) -> int | None:
        """Id of the conversation with this address, or with whom it is an alias of; or None."""
        lookup = self._vault.lookup(address, channel)
        own = (
            select(ConversationRow.id)
            .join(Contact, Contact.id == ConversationRow.contact_id)
            .where(Contact.channel == channel, Contact.lookup == lookup)
        )
        found = await session.scalar(own)
        if found is not None:
            return found
        return await session.scalar(
            select(ConversationRow.id)
            .join(ContactAliasRow, ContactAliasRow.contact_id == ConversationRow.contact_id)
            .where(ContactAliasRow.channel == channel, ContactAliasRow.lookup == lookup)
        )

    async def move(self, session: AsyncSession, channel: str, old: str, new: str) -> bool:
        """The platform says that an address has become another one: the contact and its
        conversation go on under the new one. Returns whether the old one was known.

        When the new address has a contact already, both stay: what is sent to either goes to the
        new address, and who writes from there is in the conversation of the new one.
        """
        former = self._vault.lookup(old, channel)
        lookup = self._vault.lookup(new, channel)
        contact = await session.scalar(
            select(Contact)
            .outerjoin(
                ContactAliasRow,
                (ContactAliasRow.contact_id == Contact.id)
                & (ContactAliasRow.channel == channel)
                & (ContactAliasRow.lookup == former),
            )
            .where(
                Contact.channel == channel,
                (Contact.lookup == former) | ContactAliasRow.id.is_not(None),
            )
            .limit(1)
        )
        if contact is None:
            return False
        contact.sealed_address = self._vault.seal(new, channel)
        if await self.find(session, channel, new) is None:
            # The old address leads nowhere any more: somebody else may be given it.
            contact.lookup = lookup
            await session.execute(
                delete(ContactAliasRow).where(
                    ContactAliasRow.channel == channel, ContactAliasRow.lookup == former
                )
            )
        await session.flush()
        return True

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


def _insert_of(session: AsyncSession) -> Any:
    dialect = session.get_bind().dialect.name
    return postgresql.insert if dialect == "postgresql" else sqlite.insert
