"""Every table. Rows are reached through the one module that owns each: see the comments.

Migrations in `core/db/migrations` make the same tables; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy import text as sql_text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.db.types import Json, Key, UtcDateTime


class Base(DeclarativeBase):
    """Constraint names are spelled out so that migrations can name them on either database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, int: Key, dict[str, Any]: Json}


class Contact(Base):
    """A person's address on a channel, sealed. Owner: `core.contacts`."""

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("channel", "lookup"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    lookup: Mapped[str] = mapped_column(String(64))
    sealed_address: Mapped[bytes]
    created_at: Mapped[datetime]


class ContactAliasRow(Base):
    """Another address of a contact on the same channel, by its look-up hash alone: what is sent
    goes to the contact's own. Owner: `core.contacts`."""

    __tablename__ = "contact_aliases"
    __table_args__ = (
        UniqueConstraint("channel", "lookup"),
        Index("ix_contact_aliases_contact_id", "contact_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    channel: Mapped[str] = mapped_column(String(20))
    lookup: Mapped[str] = mapped_column(String(64))


class ConversationRow(Base):
    """One person's conversation on one channel. Owner: `core.conversations`.

    `window_start` is the platform's time of the person's newest message: a platform's window for
    free replies is counted from it. `touched_at` is when the citizen or staff last spoke while a
    human has the conversation. The two pairs of lease columns hold the worker's and the sender's
    lease: a token that grows by one with every claim (the fencing token), and the time until
    which the claim holds.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("contact_id"),
        Index("ix_conversations_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    channel: Mapped[str] = mapped_column(String(20))
    mode: Mapped[str] = mapped_column(String(10), default="bot")
    language: Mapped[str] = mapped_column(String(2), default="ar")
    ticket_id: Mapped[int | None]
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    last_inbound_at: Mapped[datetime | None]
    window_start: Mapped[datetime | None]
    touched_at: Mapped[datetime | None]
    language_chosen: Mapped[bool] = mapped_column(default=False, server_default=sql_text("false"))
    work_token: Mapped[int] = mapped_column(default=0, server_default=sql_text("0"))
    work_until: Mapped[datetime | None]
    send_token: Mapped[int] = mapped_column(default=0, server_default=sql_text("0"))
    send_until: Mapped[datetime | None]


class InboxRow(Base):
    """One accepted inbound message. Owner: `core.queues.inbox`. State: new -> done | poison."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index(
            "ix_inbox_pending",
            "not_before",
            "id",
            postgresql_where=sql_text("state = 'new'"),
            sqlite_where=sql_text("state = 'new'"),
        ),
        Index("ix_inbox_conversation_id_id", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(200))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    correlation: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    choice: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(2))
    sent_at: Mapped[datetime | None]
    media: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="new")
    attempts: Mapped[int] = mapped_column(default=0, server_default=sql_text("0"))
    not_before: Mapped[datetime]
    done_at: Mapped[datetime | None]


class OutboxRow(Base):
    """One message to send. Owner: `core.queues.outbox`.

    State: pending -> sending -> sent (-> delivered -> read) | failed (given up, shown on the
    desk); `held` waits for the citizen to open the platform's window, then becomes pending.
    `maybe_doubled` marks a message whose earlier attempt may have gone out.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_pending",
            "not_before",
            "id",
            postgresql_where=sql_text("state IN ('pending', 'sending')"),
            sqlite_where=sql_text("state IN ('pending', 'sending')"),
        ),
        Index("ix_outbox_conversation_id_id", "conversation_id", "id"),
        Index("ix_outbox_inbox_id", "inbox_id"),
        Index("ix_outbox_channel_external_id", "channel", "external_id"),
        Index(
            "ix_outbox_failed",
            "ticket_id",
            postgresql_where=sql_text("state = 'failed'"),
            sqlite_where=sql_text("state = 'failed'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    channel: Mapped[str] = mapped_column(String(20))
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    correlation: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    origin_kind: Mapped[str] = mapped_column(String(12))
    origin_ref: Mapped[str] = mapped_column(String(200))
    approved_hash: Mapped[str] = mapped_column(String(64))
    text_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default="pending")
    attempts: Mapped[int] = mapped_column(default=0, server_default=sql_text("0"))
    maybe_doubled: Mapped[bool] = mapped_column(default=False, server_default=sql_text("false"))
    not_before: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    external_id: Mapped[str | None] = mapped_column(String(200))
    failure: Mapped[str | None] = mapped_column(String(100))


class ReceiptRow(Base):
    """What a platform said of a message that we did not know by its id yet, because it spoke
    before our own commit. Owner: `core.queues.outbox`."""

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("channel", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    failure: Mapped[str | None] = mapped_column(String(100))
    at: Mapped[datetime]


class TicketRow(Base):
    """A matter for a person. Owner: `actions.tickets`. State: open -> answered -> closed.

    `details` holds what the intake asked for: `what`, `where`, `when`, `reference`. `code_hash` is
    the keyed hash of the secret code by which its writer resumes it elsewhere. `answering_id` and
    `answering_until` say who is writing a reply just now. `search_text` is everything that was
    said on it, folded for searching.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_tickets_queue", "state", "urgent", "opened_at"),
        Index("ix_tickets_conversation_id", "conversation_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(12))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default="open")
    urgent: Mapped[bool] = mapped_column(default=False, server_default=sql_text("false"))
    department: Mapped[str | None] = mapped_column(String(80))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    first_reply_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    details: Mapped[dict[str, Any] | None]
    code_hash: Mapped[str | None] = mapped_column(String(64))
    answering_id: Mapped[int | None]
    answering_until: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text, default="", server_default="")


class TicketPlaceRow(Base):
    """A conversation that a ticket was in before its writer resumed it in another. Owner:
    `actions.tickets`."""

    __tablename__ = "ticket_places"
    __table_args__ = (UniqueConstraint("ticket_id", "conversation_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    left_at: Mapped[datetime]


class AttachmentRow(Base):
    """A file that a citizen sent. Owner: `actions.attachments`.

    State: wanted -> kept | refused (not a file that we take) | lost (could not be fetched); and
    discarded, when the form it was sent into is dropped. `ticket_id` is empty while that form is
    open. The file lies under `DATA_DIR/attachments` by the name in `stored`, which is ours; `name`
    is the citizen's and never a path. `mime` is what the content shows it to be, `size` its bytes.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("inbox_id"),
        Index("ix_attachments_ticket_id", "ticket_id"),
        Index(
            "ix_attachments_wanted",
            "not_before",
            "id",
            postgresql_where=sql_text("state = 'wanted'"),
            sqlite_where=sql_text("state = 'wanted'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    channel: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    ref: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    state: Mapped[str] = mapped_column(String(10), default="wanted")
    mime: Mapped[str | None] = mapped_column(String(100))
    size: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    stored: Mapped[str | None] = mapped_column(String(100))
    failure: Mapped[str | None] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(default=0, server_default=sql_text("0"))
    claim_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class TicketEventRow(Base):
    """What happened to a ticket. Owner: `actions.tickets`. `text` holds the citizen's statement
    (opened), the staff's reply or note; `staff_id` is empty when the system or citizen acted."""

    __tablename__ = "ticket_events"
    __table_args__ = (Index("ix_ticket_events_ticket_id_id", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str] = mapped_column(Text, default="", server_default="")
    outbox_id: Mapped[int | None]


class StaffRow(Base):
    """A member of staff. Owner: `actions.staff`. The password is an Argon2id hash."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change: Mapped[bool] = mapped_column(default=False, server_default=sql_text("false"))
    disabled: Mapped[bool] = mapped_column(default=False, server_default=sql_text("false"))
    created_at: Mapped[datetime]


class DeskSessionRow(Base):
    """A login at the desk. Owner: `desk.auth`. Only the hash of the cookie's token is kept."""

    __tablename__ = "desk_sessions"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginAttemptRow(Base):
    """A failed guess, to slow guessing: a login (owner `desk.auth`) or a ticket's secret code
    (owner `actions.resume`). `key` is a keyed hash, not a name."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index("ix_login_attempts_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
