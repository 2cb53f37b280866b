"""The table of hooks, one row for each change of standing that the product is told of."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from gatekeeper.ledger.instant import Instant
from gatekeeper.ledger.tables import ID, metadata

hooks = Table(
    "hooks",
    metadata,
    Column("id", ID, primary_key=True),
    # The change itself: its audit row has both standings, the reasons and the instant
    Column("audit_id", ID, ForeignKey("audit.id"), nullable=False, unique=True),
    Column("account_id", Text, nullable=False),
    Column("message_id", Text, nullable=False, unique=True),
    Column("opens", Boolean, nullable=False),
    Column("leaves_open", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    # While it is being sent: when the attempt counts as lost. Empty: it will not be sent any more
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("taken_at", Instant),
    Column("detail", Text, nullable=False, default=""),
    Index("ix_hooks_account_id", "account_id", "id"),
)
