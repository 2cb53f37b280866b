"""The tables. Instants are stored in UTC, money as integers, and every change of an account's facts marks it `touched`.

Texts have no longest length: much of what is kept comes from others, and a long word would stop a whole page of readings.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. SQLite forgets time zones; this puts UTC back in one place."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "an instant without a time zone is a guess"
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself only in a column that is exactly INTEGER
_Id = BigInteger().with_variant(Integer, "sqlite")


def _account() -> Column[Any]:
    return Column("account_id", Text, nullable=False, index=True)


state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ledger_id", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("mode", Text),
    Column("stripe_account", Text, nullable=False, default=""),
    Column("livemode", Boolean),
    Column("distrust", Text, nullable=False, default=""),
    Column("watched_since_at", Instant),
    Column("reconciled_at", Instant),
    Column("reconcile_number", BigInteger, nullable=False, default=0),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("locale", Text),
    Column("mapped", Boolean, nullable=False, default=True),
    Column("standing", Text, nullable=False, default="current"),
    Column("standing_since_at", Instant),
    Column("case_id", _Id),
    Column("reasons", JSON, nullable=False, default=list),
    Column("review_at", Instant),
    Column("touched", Boolean, nullable=False, default=True),
    Column("withheld", Boolean, nullable=False, default=False),
    Column("reopened_at", Instant),
    Column("version", BigInteger, nullable=False, default=0),
)

customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, index=True),
    Column("name", Text, nullable=False, default=""),
    Column("locale", Text),
    Column("deleted", Boolean, nullable=False, default=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("audience", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("locale", Text),
    Column("source", Text, nullable=False, index=True),
    Column("set_at", Instant, nullable=False),
    UniqueConstraint("account_id", "audience", "address", "source"),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False, index=True),
    Column("number", Text, nullable=False, default=""),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("remaining_minor", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finalized_at", Instant),
    Column("due_at", Instant),
    Column("automatic", Boolean, nullable=False),
    Column("attempted", Boolean, nullable=False),
    Column("next_attempt_at", Instant),
    Column("billing_reason", Text, nullable=False, default=""),
    Column("lineage", Text, nullable=False, index=True),
    Column("replaced_by", Text),
    Column("processing_since_at", Instant),
    Column("processing_ended_at", Instant),
    Column("pay_token", Text, nullable=False, unique=True),
    Column("read_at", Instant, nullable=False),
    Column("seen_in", BigInteger, nullable=False, default=0),
    Column("version", BigInteger, nullable=False, default=0),
)

cases = Table(
    "cases",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

notices = Table(
    "notices",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("case_id", _Id, ForeignKey("cases.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("occasion", Integer, nullable=False),
    Column("audiences", JSON, nullable=False),
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("named", JSON, nullable=False),
    Column("suspend_on", Date),
    Column("message_id", Text, nullable=False, unique=True),
    Column("planned_at", Instant, nullable=False),
    Column("claimed_at", Instant),
    Column("accepted_at", Instant),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("doubts", Integer, nullable=False, default=0),
    Column("detail", Text, nullable=False, default=""),
    # Rule 5: one notice per account, case, step and person, written before it is sent
    UniqueConstraint("case_id", "step", "occasion", "address"),
)

exemptions = Table(
    "exemptions",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("until_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

promises = Table(
    "promises",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("due_on", Date, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("account_id", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False, default=""),
    Column("after", Text, nullable=False, default=""),
    Column("case_id", _Id),
    Column("actor", Text, nullable=False),
    Column("reasons", JSON, nullable=False, default=list),
    Index("ix_audit_after_at", "after", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("object_id", Text, nullable=False, default=""),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
)


# Each is the condition of an index and, word for word, of the questions that it answers: SQLite uses a partial index for no
# other. Such an index holds only the rows that a round asks for: a round costs what is due, not what exists (case 78).
TOUCHED = text("touched")
WITHHELD = text("withheld")
NOT_CURRENT = text("standing <> 'current'")
OPEN = text("status = 'open'")
SENDING = text("state = 'sending'")


def _partial(name: str, *columns: Column[Any], where: TextClause) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial("ix_accounts_touched", accounts.c.id, where=TOUCHED)
_partial("ix_accounts_withheld", accounts.c.id, where=WITHHELD)
_partial("ix_accounts_standing", accounts.c.standing, where=NOT_CURRENT)
_partial("ix_accounts_review_at", accounts.c.review_at, where=text("review_at IS NOT NULL"))
_partial("ix_invoices_open", invoices.c.account_id, where=OPEN)
_partial("ix_invoices_seen_in", invoices.c.id, invoices.c.seen_in, where=OPEN)
_partial("ix_notices_due", notices.c.next_try_at, where=text("next_try_at IS NOT NULL"))
_partial("ix_notices_sending", notices.c.claimed_at, where=SENDING)
_partial("ix_inbox_due", inbox.c.next_try_at, where=text("next_try_at IS NOT NULL"))
