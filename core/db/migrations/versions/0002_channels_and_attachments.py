"""What the platforms and the full desk need: windows, receipts, attachments, codes, locks."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from core.db.types import Json, Key, UtcDateTime
from core.text.clean import fold_all

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _added() -> dict[str, list[sa.Column[object]]]:
    """Columns that are added without rebuilding their tables: each may be empty or has a
    default."""
    return {
        "conversations": [
            sa.Column("window_start", UtcDateTime(), nullable=True),
            sa.Column("touched_at", UtcDateTime(), nullable=True),
            sa.Column(
                "language_chosen", sa.Boolean(), server_default=sa.text("false"), nullable=False
            ),
        ],
        "inbox": [sa.Column("media", Json, nullable=True)],
        "tickets": [
            sa.Column("details", Json, nullable=True),
            sa.Column("code_hash", sa.String(length=64), nullable=True),
            sa.Column("answering_id", Key, nullable=True),
            sa.Column("answering_until", UtcDateTime(), nullable=True),
            sa.Column("search_text", sa.Text(), server_default="", nullable=False),
        ],
    }


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    _make_tickets_found()
    op.create_index("ix_outbox_channel_external_id", "outbox", ["channel", "external_id"])
    op.create_table(
        "receipts",
        sa.Column("id", Key, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=100), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("channel", "external_id", name=op.f("uq_receipts_channel_external_id")),
    )
    op.create_table(
        "ticket_places",
        sa.Column("id", Key, nullable=False),
        sa.Column("ticket_id", Key, nullable=False),
        sa.Column("conversation_id", Key, nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_places_ticket_id")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_ticket_places_conversation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_places")),
        sa.UniqueConstraint(
            "ticket_id", "conversation_id", name=op.f("uq_ticket_places_ticket_id_conversation_id")
        ),
    )
    op.create_table(
        "attachments",
        sa.Column("id", Key, nullable=False),
        sa.Column("inbox_id", Key, nullable=False),
        sa.Column("conversation_id", Key, nullable=False),
        sa.Column("ticket_id", Key, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("mime", sa.String(length=100), nullable=True),
        sa.Column("size", Key, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("stored", sa.String(length=100), nullable=True),
        sa.Column("failure", sa.String(length=100), nullable=True),
        sa.Column("attempts", Key, server_default=sa.text("0"), nullable=False),
        sa.Column("claim_until", UtcDateTime(), nullable=True),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_attachments_inbox_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_attachments_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_attachments_ticket_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_attachments_inbox_id")),
    )
    op.create_index("ix_attachments_ticket_id", "attachments", ["ticket_id"])
    op.create_index(
        "ix_attachments_wanted",
        "attachments",
        ["not_before", "id"],
        postgresql_where=sa.text("state = 'wanted'"),
        sqlite_where=sa.text("state = 'wanted'"),
    )


def _make_tickets_found() -> None:
    """What was said on the tickets that are there already, folded for searching."""
    connection = op.get_bind()
    events = sa.table("ticket_events", sa.column("ticket_id"), sa.column("text"), sa.column("id"))
    said: dict[int, list[str]] = defaultdict(list)
    for ticket_id, text in connection.execute(
        sa.select(events.c.ticket_id, events.c.text)
        .where(events.c.text != "", sa.column("kind").in_(("opened", "told more", "reply", "note")))
        .order_by(events.c.id)
    ):
        said[ticket_id].append(fold_all(text))
    tickets = sa.table("tickets", sa.column("id"), sa.column("search_text"))
    for ticket_id, texts in said.items():
        connection.execute(
            tickets.update()
            .where(tickets.c.id == ticket_id)
            .values(search_text=" ".join(text for text in texts if text))
        )


def downgrade() -> None:
    op.drop_table("attachments")
    op.drop_table("ticket_places")
    op.drop_table("receipts")
    op.drop_index("ix_outbox_channel_external_id", table_name="outbox")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)
