"""The partial indexes, each with its condition.

A condition is, word for word, part of the questions that its index answers: SQLite uses a partial index for no other. Such an
index holds only the rows that a round asks for: a round costs what is due, not what exists (case 78).
"""

from typing import Any

from sqlalchemy import Column, Index, TextClause, text

from gatekeeper.ledger.hook_table import hooks
from gatekeeper.ledger.tables import accounts, brakes, disputes, inbox, invoices, notices

TOUCHED = text("touched")
WITHHELD = text("withheld")
NOT_CURRENT = text("standing <> 'current'")
CHANGED = text("changed_in > 0")
OWING = text("status IN ('open', 'uncollectible')")
PAID = text("status = 'paid'")
UNCONFIRMED = text("NOT confirmed")
VOID = text("status = 'void'")
SENDING = text("state = 'sending'")
DISPUTED = text("closed_at IS NULL")
BRAKE_SET = text("released_at IS NULL")


def _partial(name: str, *columns: Column[Any], where: TextClause) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial("ix_accounts_touched", accounts.c.id, where=TOUCHED)
_partial("ix_accounts_withheld", accounts.c.id, where=WITHHELD)
_partial("ix_accounts_standing", accounts.c.standing, where=NOT_CURRENT)
_partial("ix_accounts_changed_in", accounts.c.changed_in, where=CHANGED)
_partial("ix_accounts_review_at", accounts.c.review_at, where=text("review_at IS NOT NULL"))
_partial("ix_invoices_owing", invoices.c.account_id, where=OWING)
_partial("ix_invoices_paid", invoices.c.account_id, invoices.c.settled_at, where=PAID)
_partial("ix_invoices_void", invoices.c.account_id, invoices.c.settled_at, where=VOID)
_partial("ix_invoices_seen_in", invoices.c.id, invoices.c.seen_in, where=OWING)
_partial("ix_invoices_unconfirmed", invoices.c.id, where=UNCONFIRMED)
_partial("ix_disputes_open", disputes.c.id, where=DISPUTED)
_partial("ix_brakes_set", brakes.c.id, where=BRAKE_SET)
_partial("ix_notices_due", notices.c.next_try_at, where=text("next_try_at IS NOT NULL"))
_partial("ix_notices_sending", notices.c.claimed_at, where=SENDING)
_partial("ix_inbox_due", inbox.c.next_try_at, where=text("next_try_at IS NOT NULL"))
_partial("ix_hooks_open", hooks.c.account_id, hooks.c.id, where=text("next_try_at IS NOT NULL"))
_partial("ix_hooks_given_up", hooks.c.id, where=text("state = 'given_up'"))
