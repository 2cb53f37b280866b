"""Since when a letter is being deferred."""

import sqlalchemy as sa
from alembic import op

from gatekeeper.ledger.instant import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notices", sa.Column("deferred_at", Instant()))
