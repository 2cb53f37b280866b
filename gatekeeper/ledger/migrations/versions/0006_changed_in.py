"""In which revision an account's standing last changed, for gates that want to know only that."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, name in (("accounts", "changed_in"), ("state", "changes_from")):
        op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE state SET changes_from = revision")
    where = sa.text("changed_in > 0")
    op.create_index("ix_accounts_changed_in", "accounts", ["changed_in"], sqlite_where=where, postgresql_where=where)
