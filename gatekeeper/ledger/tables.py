"""The tables. Instants are stored in UTC, money as integers, and every change of an account's facts marks it `touched`.

Texts have no longest length: much of what is kept comes from others, and a long word would stop a whole page of readings.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from gatekeeper.ledger.instant import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself only in a column that is exactly INTEGER
Id = BigInteger().with_variant(Integer, "sqlite")


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
    # Where a reconcile that broke off goes on, and when it began
    Column("reconcile_cursor", Text, nullable=False, default="", server_default=""),
    Column("reconcile_began_at", Instant),
    # Since when reconciles find changes of which no event has told (case 132)
    Column("unheard_since_at", Instant),
    # The latest instant that a worker has lived through: time before it is a clock that was set back (case 28)
    Column("seen_at", Instant),
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
    Column("case_id", Id),
    Column("reasons", JSON, nullable=False, default=list),
    Column("review_at", Instant),
    Column("touched", Boolean, nullable=False, default=True),
    Column("withheld", Boolean, nullable=False, default=False),
    Column("reopened_at", Instant),
    Column("version", BigInteger, nullable=False, default=0),
    Column("country", Text, nullable=False, default="", server_default=""),
    Column("time_zone", Text, nullable=False, default="", server_default=""),
    Column("plan", Text, nullable=False, default="", server_default=""),
    Column("tags", JSON, nullable=False, default=list, server_default="[]"),
    Column("segment", Text, nullable=False, default="", server_default=""),
    Column("phone", Text, nullable=False, default="", server_default=""),
    # What the product said of this account over the API or in its directory, which goes before what Stripe says
    Column("told", JSON, nullable=False, default=dict, server_default="{}"),
    Column("leaves_open", JSON, nullable=False, default=list, server_default="[]"),
    Column("clock_id", Text, nullable=False, default="", server_default=""),
    Column("clock_at", Instant),
    Column("directory_at", Instant),
)

customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, index=True),
    Column("name", Text, nullable=False, default=""),
    Column("locale", Text),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("country", Text, nullable=False, default="", server_default=""),
    Column("time_zone", Text, nullable=False, default="", server_default=""),
    Column("plan", Text, nullable=False, default="", server_default=""),
    Column("tags", JSON, nullable=False, default=list, server_default="[]"),
    Column("test_clock", Text, nullable=False, default="", server_default=""),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
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
    Column("settled_at", Instant),
    Column("origin", Text, nullable=False, default="stripe", server_default="stripe"),
    Column("pay_url", Text, nullable=False, default="", server_default=""),
    # False: paid by the word of an event alone, which no reading has confirmed yet
    Column("confirmed", Boolean, nullable=False, default=True, server_default=true()),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True),
    _account(),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("policy", Text, nullable=False, default="", server_default=""),
    Column("segment", Text),
)

policies = Table(
    "policies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("read_at", Instant, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Id, primary_key=True),
    _account(),
    Column("case_id", Id, ForeignKey("cases.id")),
    Column("step", Text, nullable=False),
    Column("name", Text, nullable=False, default="", server_default=""),
    Column("closes", Text, nullable=False, default="", server_default=""),
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
    # The first deferral in a row of tries: from then on it is tried for three days
    Column("deferred_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("doubts", Integer, nullable=False, default=0),
    Column("detail", Text, nullable=False, default=""),
    # Rule 5: one notice per account, case, step and person, written before it is sent. Message-IDs are made of these too, and
    # of a courtesy, which has no case, of what it names
    UniqueConstraint("case_id", "step", "name", "occasion", "address"),
)

exemptions = Table(
    "exemptions",
    metadata,
    Column("id", Id, primary_key=True),
    _account(),
    Column("until_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("scope", Text, nullable=False, default="contact", server_default="contact"),
    Column("staff_hold", Boolean, nullable=False, default=False, server_default=false()),
)

promises = Table(
    "promises",
    metadata,
    Column("id", Id, primary_key=True),
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
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("account_id", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False, default=""),
    Column("after", Text, nullable=False, default=""),
    Column("case_id", Id),
    Column("actor", Text, nullable=False),
    Column("reasons", JSON, nullable=False, default=list),
    Index("ix_audit_after_at", "after", "at"),
)

brakes = Table(
    "brakes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("params", JSON, nullable=False, default=dict),
    Column("set_at", Instant, nullable=False),
    Column("released_at", Instant),
    Column("author", Text, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
)

# One row a day: the baseline against which the anomaly stop compares
days = Table(
    "days",
    metadata,
    Column("on", Date, primary_key=True),
    Column("accounts", BigInteger, nullable=False),
    Column("past_due", BigInteger, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("object_id", Text, nullable=False, default=""),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
)
