"""Ladders of any shape, disputes, test clocks, other billers, the brake's memory."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from gatekeeper.ledger.instant import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _word(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _json(name: str, default: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=default)


def _flag(name: str, default: sa.ColumnElement[bool]) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=default)


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    _add("state", _word("reconcile_cursor"), sa.Column("reconcile_began_at", Instant()), sa.Column("seen_at", Instant()))
    _add("state", sa.Column("unheard_since_at", Instant()))
    profile = ("country", "time_zone", "plan")
    _add("accounts", *map(_word, profile), _json("tags", "[]"), _word("segment"), _word("phone"), _json("told", "{}"))
    _add("accounts", _json("leaves_open", "[]"), _word("clock_id"))
    _add("accounts", sa.Column("clock_at", Instant()), sa.Column("directory_at", Instant()))
    _add("customers", *map(_word, profile), _json("tags", "[]"), _word("test_clock"))
    _add("invoices", sa.Column("settled_at", Instant()), _word("origin", "stripe"), _word("pay_url"))
    _add("invoices", _flag("confirmed", sa.true()))
    _add("cases", _word("policy"), sa.Column("segment", sa.Text()))
    _add("exemptions", _word("scope", "contact"), _flag("staff_hold", sa.false()))
    _new_tables()
    with op.batch_alter_table("notices") as notices:
        notices.alter_column("case_id", existing_type=_ID, nullable=True)
        notices.add_column(_word("name"))
        notices.add_column(_word("closes"))
        notices.drop_constraint("uq_notices_case_id_step_occasion_address", type_="unique")
        unique = ["case_id", "step", "name", "occasion", "address"]
        notices.create_unique_constraint("uq_notices_case_id_step_name_occasion_address", unique)
    _new_indexes()


def _new_tables() -> None:
    op.create_table(
        "policies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant()),
        sa.Column("read_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_disputes"),
    )
    op.create_index("ix_disputes_customer_id", "disputes", ["customer_id"])
    op.create_table(
        "brakes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.Column("released_at", Instant()),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_brakes"),
    )
    op.create_table(
        "days",
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("past_due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("on", name="pk_days"),
    )


def _new_indexes() -> None:
    owing = "status IN ('open', 'uncollectible')"
    op.drop_index("ix_invoices_open", "invoices")
    op.drop_index("ix_invoices_seen_in", "invoices")
    _partial("ix_invoices_owing", "invoices", ["account_id"], owing)
    _partial("ix_invoices_seen_in", "invoices", ["id", "seen_in"], owing)
    _partial("ix_invoices_paid", "invoices", ["account_id", "settled_at"], "status = 'paid'")
    _partial("ix_invoices_void", "invoices", ["account_id", "settled_at"], "status = 'void'")
    _partial("ix_invoices_unconfirmed", "invoices", ["id"], "NOT confirmed")
    _partial("ix_disputes_open", "disputes", ["id"], "closed_at IS NULL")
    _partial("ix_brakes_set", "brakes", ["id"], "released_at IS NULL")
