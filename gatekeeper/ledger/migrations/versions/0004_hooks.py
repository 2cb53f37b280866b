"""Hooks: the product is told of each change of standing."""

import sqlalchemy as sa
from alembic import op

from gatekeeper.ledger.instant import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("state", sa.Column("hooks_gone", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "hooks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("audit_id", _ID, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("opens", sa.Boolean(), nullable=False),
        sa.Column("leaves_open", sa.JSON(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_try_at", Instant()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("taken_at", Instant()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name="fk_hooks_audit_id"),
        sa.UniqueConstraint("audit_id", name="uq_hooks_audit_id"),
        sa.UniqueConstraint("message_id", name="uq_hooks_message_id"),
    )
    op.create_index("ix_hooks_account_id", "hooks", ["account_id", "id"])
    waits, given_up = sa.text("next_try_at IS NOT NULL"), sa.text("state = 'given_up'")
    op.create_index("ix_hooks_open", "hooks", ["account_id", "id"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("ix_hooks_given_up", "hooks", ["id"], sqlite_where=given_up, postgresql_where=given_up)
