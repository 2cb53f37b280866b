"""The table of wishes, beside the others."""

from sqlalchemy import JSON, Column, Date, Table, Text

from gatekeeper.ledger.instant import Instant
from gatekeeper.ledger.tables import ID, metadata

# What people asked for on the lockout page, and what came of it
wishes = Table(
    "wishes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("case_id", ID),
    Column("kind", Text, nullable=False),
    Column("viewer", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", Text, nullable=False, default=""),
    Column("numbers", JSON, nullable=False, default=list),
    Column("on", Date),
    Column("reference", Text, nullable=False, default=""),
    Column("words", Text, nullable=False, default=""),
)
