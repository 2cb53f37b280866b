"""One page of the list of owing invoices, in a few statements however many it shows. A list only adds, and points out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.rows import invoice as invoice_of
from gatekeeper.ledger.tables import invoices
from gatekeeper.ledger.writer.customers import account_of, add_customers, as_kept
from gatekeeper.ledger.writer.invoices import add_invoices
from gatekeeper.model import Customer, Invoice, Origin, Reading

# What a list does not show (it expands one level less), and what the ledger adds of its own
_NOT_LISTED: Final = frozenset({"processing_since_at", "processing_ended_at", "read_at", "pay_token", "account_id", "lineage"})
_LISTED: Final = tuple(name for name in INVOICE_FIELDS if name not in _NOT_LISTED)
_LONG_BEFORE: Final = timedelta(days=1)


def record_page(
    connection: Connection, readings: Mapping[str, Reading], customers: Mapping[str, Customer], reconcile_number: int
) -> list[str]:
    """Write one page, whose accounts have been taken; the ids of what differs from the ledger.

    `customers`: those of the page that the ledger holds, by id.
    """
    rows = connection.execute(select(invoices).where(invoices.c.id.in_(readings))).all()
    held = {row.id: invoice_of(row) for row in rows}
    _add(connection, [one for invoice_id, one in readings.items() if invoice_id not in held], customers, reconcile_number)
    unseen = [row.id for row in rows if row.seen_in != reconcile_number]
    if unseen:
        connection.execute(update(invoices).where(invoices.c.id.in_(unseen)).values(seen_in=reconcile_number))
    return [
        invoice_id
        for invoice_id, reading in readings.items()
        if not _is_kept(customers.get(reading.customer.id), reading.customer)
        or (invoice_id in held and not _is_alike(held[invoice_id], reading.invoice))
    ]


def _add(connection: Connection, readings: Sequence[Reading], customers: Mapping[str, Customer], reconcile_number: int) -> None:
    unknown = {reading.customer.id: reading.customer for reading in readings if reading.customer.id not in customers}
    if unknown:
        add_customers(connection, unknown.values(), max(reading.invoice.read_at for reading in readings))
    # What a list shows is no whole reading, and too little to act upon (rule 2): it counts as an old one, also of an invoice
    # that was made within this minute
    added = [
        (
            replace(reading.invoice, read_at=reading.invoice.created_at - _LONG_BEFORE),
            account_of(customers.get(reading.customer.id, reading.customer)),
        )
        for reading in readings
    ]
    add_invoices(connection, added, reconcile_number)


def _is_kept(before: Customer | None, shown: Customer) -> bool:
    """Whether the ledger holds the customer as it is shown, or did not hold it yet."""
    return before is None or as_kept(shown, before) == before


def _is_alike(before: Invoice, listed: Invoice) -> bool:
    if before.origin is not Origin.STRIPE:
        return True
    return all(getattr(before, name) == getattr(listed, name) for name in _LISTED)
