"""The tables. Instants are stored in UTC, money as integers, and every change of an account's facts marks it `touched`."""

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
    String,
    Table,
    Text,
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
    return Column("account_id", String(128), nullable=False, index=True)


state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ledger_id", String(36), nullable=False),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("mode", String(16)),
    Column("stripe_account", String(64), nullable=False, default=""),
    Column("livemode", Boolean),
    Column("distrust", Text, nullable=False, default=""),
    Column("watched_since_at", Instant),
    Column("reconciled_at", Instant),
    Column("reconcile_number", BigInteger, nullable=False, default=0),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("locale", String(35)),
    Column("mapped", Boolean, nullable=False, default=True),
    Column("standing", String(16), nullable=False, default="current"),
    Column("standing_since_at", Instant),
    Column("case_id", _Id),
    Column("reasons", JSON, nullable=False, default=list),
    Column("review_at", Instant),
    Column("touched", Boolean, nullable=False, default=True),
    Column("withheld", Boolean, nullable=False, default=False),
    Column("reopened_at", Instant),
    Column("version", BigInteger, nullable=False, default=0),
    # Each index holds only the rows that a round asks for, so that a round costs what is due and not what exists
    Index("ix_accounts_touched", "id", sqlite_where=text("touched"), postgresql_where=text("touched")),
    Index(
        "ix_accounts_review_at",
        "review_at",
        sqlite_where=text("review_at IS NOT NULL"),
        postgresql_where=text("review_at IS NOT NULL"),
    ),
    Index(
        "ix_accounts_standing",
        "standing",
        sqlite_where=text("standing <> 'current'"),
        postgresql_where=text("standing <> 'current'"),
    ),
    Index("ix_accounts_withheld", "id", sqlite_where=text("withheld"), postgresql_where=text("withheld")),
)

customers = Table(
    "customers",
    metadata,
    Column("id", String(64), primary_key=True),
    _account(),
    Column("name", Text, nullable=False, default=""),
    Column("locale", String(35)),
    Column("deleted", Boolean, nullable=False, default=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("audience", String(16), nullable=False),
    Column("address", String(320), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("locale", String(35)),
    Column("source", String(80), nullable=False, index=True),
    Column("set_at", Instant, nullable=False),
    UniqueConstraint("account_id", "audience", "address", "source"),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", String(128), nullable=False),
    Column("customer_id", String(64), nullable=False, index=True),
    Column("number", String(64), nullable=False, default=""),
    Column("status", String(24), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("remaining_minor", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finalized_at", Instant),
    Column("due_at", Instant),
    Column("automatic", Boolean, nullable=False),
    Column("attempted", Boolean, nullable=False),
    Column("next_attempt_at", Instant),
    Column("billing_reason", String(40), nullable=False, default=""),
    Column("lineage", String(64), nullable=False),
    Column("replaced_by", String(64)),
    Column("processing_since_at", Instant),
    Column("processing_ended_at", Instant),
    Column("pay_token", String(32), nullable=False, unique=True),
    Column("read_at", Instant, nullable=False),
    Column("seen_in", BigInteger, nullable=False, default=0),
    Column("version", BigInteger, nullable=False, default=0),
    # `open` ones are asked for by account (facts) and by reconcile number (which of them vanished from the list)
    Index("ix_invoices_open", "account_id", sqlite_where=text("status = 'open'"), postgresql_where=text("status = 'open'")),
    Index("ix_invoices_seen_in", "seen_in", sqlite_where=text("status = 'open'"), postgresql_where=text("status = 'open'")),
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
    Column("step", String(16), nullable=False),
    Column("occasion", Integer, nullable=False),
    Column("audiences", JSON, nullable=False),
    Column("address", String(320), nullable=False),
    Column("state", String(16), nullable=False),
    Column("named", JSON, nullable=False),
    Column("suspend_on", Date),
    Column("message_id", String(255), nullable=False, unique=True),
    Column("planned_at", Instant, nullable=False),
    Column("claimed_at", Instant),
    Column("accepted_at", Instant),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("doubts", Integer, nullable=False, default=0),
    Column("detail", Text, nullable=False, default=""),
    # Rule 5: one notice per account, case, step and person, written before it is sent
    UniqueConstraint("case_id", "step", "occasion", "address"),
    Index(
        "ix_notices_due",
        "next_try_at",
        sqlite_where=text("next_try_at IS NOT NULL"),
        postgresql_where=text("next_try_at IS NOT NULL"),
    ),
    Index(
        "ix_notices_sending", "claimed_at", sqlite_where=text("state = 'sending'"), postgresql_where=text("state = 'sending'")
    ),
)

exemptions = Table(
    "exemptions",
    metadata,
    Column("id", _Id, primary_key=True),
    _account(),
    Column("until_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", String(120), nullable=False),
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
    Column("currency", String(3)),
    Column("by", String(120), nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("account_id", String(128), index=True),
    Column("kind", String(24), nullable=False),
    Column("before", String(24), nullable=False, default=""),
    Column("after", String(24), nullable=False, default=""),
    Column("case_id", _Id),
    Column("actor", String(120), nullable=False),
    Column("reasons", JSON, nullable=False, default=list),
    Index("ix_audit_after_at", "after", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("event_id", String(255), nullable=False, unique=True),
    Column("type", String(120), nullable=False),
    Column("object_id", String(255), nullable=False, default=""),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Index(
        "ix_inbox_due",
        "next_try_at",
        sqlite_where=text("next_try_at IS NOT NULL"),
        postgresql_where=text("next_try_at IS NOT NULL"),
    ),
)
