"""One invoice as the biller showed it, into its row. Each function works in the transaction of its caller.

`paid` and `void` are never left once a reading has shown them (rule 4 of facts/stripe.md).
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import structlog
from sqlalchemy import Connection, insert, select, update

from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.rows import invoice as invoice_of
from gatekeeper.ledger.tables import accounts, invoices, notices
from gatekeeper.ledger.writer.customers import record_customer
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Invoice, Origin, Reading

FINAL: Final = frozenset({"paid", "void"})
OWING_STATUSES: Final = frozenset({"open", "uncollectible"})

log = structlog.get_logger(__name__)


def record_invoice(connection: Connection, reading: Reading, if_version: int | None) -> bool:
    """Write one reading, whose accounts have been taken; False if the row is not of this version any more."""
    row = connection.execute(select(invoices).where(invoices.c.id == reading.invoice.id)).first()
    if (None if row is None else row.version) != if_version:
        return False
    if row is not None and row.origin != Origin.STRIPE.value:
        log.error("invoice.billed_elsewhere", invoice=row.id)
        return True
    account_id = record_customer(connection, reading.customer, reading.invoice.read_at)
    if row is None:
        add_invoices(connection, [(reading.invoice, account_id)], seen_in=0)
        return True
    before = replace(invoice_of(row), account_id=account_id)
    after = _merged(connection, before, reading.invoice, confirmed=row.confirmed)
    written = update(invoices).where(invoices.c.id == after.id)
    connection.execute(written.values(**_columns(after), confirmed=True, version=row.version + 1))
    if _shown(after) != _shown(before):
        touch(connection, [account_id])
    else:
        # Nothing new but its freshness: a decision that waits for a fresh reading must not count on the older one
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(version=accounts.c.version + 1))
    return True


def add_invoices(connection: Connection, added: Iterable[tuple[Invoice, str]], seen_in: int) -> None:
    """Write invoices that the ledger does not hold yet, each with the account that it belongs to."""
    new = [
        replace(
            invoice,
            account_id=account_id,
            lineage=_lineage(connection, invoice, account_id),
            pay_token=secrets.token_urlsafe(18),
        )
        for invoice, account_id in added
    ]
    if new:
        connection.execute(insert(invoices), [_columns(one) | {"seen_in": seen_in} for one in new])
        touch(connection, {one.account_id for one in new if _shown(one) is not None})


def _merged(connection: Connection, before: Invoice, after: Invoice, *, confirmed: bool) -> Invoice:
    """The new reading, with what the ledger keeps from before."""
    if before.status in FINAL and after.status != before.status:
        if confirmed:
            return replace(before, read_at=after.read_at)
        log.error("invoice.not_paid_after_all", invoice=after.id, status=after.status)
    since_at, ended_at = after.processing_since_at, before.processing_ended_at
    if before.processing_since_at is not None:
        if since_at is None:
            ended_at = after.read_at
        else:  # the biller does not say since when; we keep when it was first seen
            since_at = before.processing_since_at
    return replace(
        after,
        account_id=before.account_id,
        lineage=_lineage(connection, after, before.account_id),
        pay_token=before.pay_token,
        processing_since_at=since_at,
        processing_ended_at=ended_at,
    )


def _shown(invoice: Invoice) -> Invoice | None:
    """What the facts of its account show of an invoice, but for its freshness."""
    return replace(invoice, read_at=invoice.created_at) if invoice.status in OWING_STATUSES else None


def _lineage(connection: Connection, invoice: Invoice, account_id: str) -> str:
    """The id of the first of the chain of revisions that ends in this invoice; `invoice.lineage` names its predecessor."""
    if not invoice.lineage or invoice.lineage == invoice.id:
        return invoice.id
    first = connection.execute(select(invoices.c.lineage).where(invoices.c.id == invoice.lineage)).scalar() or invoice.lineage
    _move_lineage(connection, account_id, invoice.id, first)
    return first


def _move_lineage(connection: Connection, account_id: str, before: str, after: str) -> None:
    """Revisions of `before` that came here earlier took it for the first of its chain, and so did what was said of them."""
    later = update(invoices).where(invoices.c.lineage == before, invoices.c.id != before).values(lineage=after)
    if connection.execute(later).rowcount == 0:
        return
    for row in connection.execute(select(notices.c.id, notices.c.named).where(notices.c.account_id == account_id)).all():
        if before in row.named:
            named = list(dict.fromkeys(after if lineage == before else lineage for lineage in row.named))
            connection.execute(update(notices).where(notices.c.id == row.id).values(named=named))
    touch(connection, [account_id])


def _columns(invoice: Invoice) -> dict[str, Any]:
    return {name: getattr(invoice, name) for name in INVOICE_FIELDS}
