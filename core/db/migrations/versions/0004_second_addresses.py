"""A person whom a platform names in two ways is one person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.db.types import Key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_aliases",
        sa.Column("id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_aliases_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_aliases")),
        sa.UniqueConstraint("channel", "lookup", name=op.f("uq_contact_aliases_channel_lookup")),
    )
    op.create_index("ix_contact_aliases_contact_id", "contact_aliases", ["contact_id"])


def downgrade() -> None:
    op.drop_table("contact_aliases")
