"""What the biller said, written down.

The lock around fetch and write is an optimistic one: a reading is only written if the invoice has not been written since the
fetch began (docs/decisions/0004). `paid` and `void` are never left (rule 4 of facts/stripe.md).
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select, update

from gatekeeper.ledger.engine import take_turn
from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.rows import invoice as invoice_of
from gatekeeper.ledger.tables import accounts, invoices, notices, state
from gatekeeper.ledger.writer.customers import account_of, as_kept, known, record_customer
from gatekeeper.ledger.writer.touch import lock, release, touch
from gatekeeper.model import Customer, Identity, Invoice, Reading

_FINAL: Final = frozenset({"paid", "void"})
_TURN: Final = 8402_0002
# What a list does not show (it expands one level less), and what the ledger adds of its own
_NOT_LISTED: Final = frozenset({"processing_since_at", "processing_ended_at", "read_at", "pay_token", "account_id", "lineage"})


class Readings:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, reading: Reading, *, if_version: int | None) -> bool:
        """Write one invoice and its customer; False if either was written since the invoice's version was asked for.

        `if_version`: what `Reader.invoice_version` said before the fetch.
        """
        with self._turn([reading.customer]) as connection:
            return _record(connection, reading, if_version)

    def record_page(self, readings: Sequence[Reading], reconcile_number: int) -> list[str]:
        """Write one page of the list of open invoices.

        Unknown invoices are added and known ones marked as seen; the ids of those that differ from the ledger, or whose
        customer does, are returned, to be fetched one by one: a list may be older than a write that came in between (case 8).
        """
        with self._turn(reading.customer for reading in readings) as connection:
            return _record_page(connection, {reading.invoice.id: reading for reading in readings}, reconcile_number)

    def record_customer(self, customer: Customer, now: datetime) -> None:
        """Write a customer that was read by itself; its invoices follow it to its account."""
        with self._turn([customer]) as connection:
            record_customer(connection, customer, now)

    def begin_reconcile(self) -> int:
        """The number of the reconcile that begins now."""
        with self._engine.begin() as connection:
            raised = update(state).values(reconcile_number=state.c.reconcile_number + 1).returning(state.c.reconcile_number)
            return int(connection.execute(raised).scalar_one())

    def finish_reconcile(self, began_at: datetime) -> None:
        """The books have been read whole, as of `began_at`: what was held back for want of that is looked at again."""
        with self._engine.begin() as connection:
            row = connection.execute(select(state.c.watched_since_at, state.c.distrust)).one()
            if row.distrust or row.watched_since_at is None:
                release(connection)
            connection.execute(
                update(state).values(watched_since_at=row.watched_since_at or began_at, reconciled_at=began_at, distrust="")
            )

    def distrust(self, why: str) -> None:
        """The billing system cannot be believed until a reconcile succeeds: nothing climbs (cases 5-7)."""
        with self._engine.begin() as connection:
            connection.execute(update(state).where(state.c.distrust != why).values(distrust=why))

    def pin(self, identity: Identity) -> None:
        """Tie this ledger to one Stripe account and mode, for good: a ledger that is tied stays so."""
        with self._engine.begin() as connection:
            untied = state.c.stripe_account == ""
            connection.execute(update(state).where(untied).values(stripe_account=identity.account, livemode=identity.livemode))

    @contextmanager
    def _turn(self, customers: Iterable[Customer]) -> Iterator[Connection]:
        """A transaction that has taken the accounts of these customers.

        Readings are written one after the other, so that two cannot meet that see an invoice, customer or account for the first
        time, or move it. That costs little: they come no faster than Stripe answers.
        """
        read = list(customers)
        with self._engine.begin() as connection:
            take_turn(connection, _TURN)
            before = known(connection, (customer.id for customer in read))
            lock(connection, map(account_of, [*read, *before.values()]))
            yield connection


def _record_page(connection: Connection, readings: Mapping[str, Reading], reconcile_number: int) -> list[str]:
    held = {row.id: invoice_of(row) for row in connection.execute(select(invoices).where(invoices.c.id.in_(readings)))}
    customers = known(connection, (reading.customer.id for reading in readings.values()))
    connection.execute(update(invoices).where(invoices.c.id.in_(held)).values(seen_in=reconcile_number))
    differing = []
    for invoice_id, reading in readings.items():
        before = customers.get(reading.customer.id)
        if before is None:
            record_customer(connection, reading.customer, reading.invoice.read_at)
        if invoice_id not in held:
            # What a list shows is no whole reading, and too little to suspend upon (rule 2): it does not count as a fresh one
            listed = replace(reading.invoice, read_at=reading.invoice.created_at)
            _add(connection, listed, account_of(before or reading.customer), reconcile_number)
        customer_differs = before is not None and as_kept(reading.customer, before) != before
        if customer_differs or (invoice_id in held and not _alike(held[invoice_id], reading.invoice)):
            differing.append(invoice_id)
    return differing


def _record(connection: Connection, reading: Reading, if_version: int | None) -> bool:
    row = connection.execute(select(invoices).where(invoices.c.id == reading.invoice.id)).first()
    if (None if row is None else row.version) != if_version:
        return False
    account_id = record_customer(connection, reading.customer, reading.invoice.read_at)
    if row is None:
        _add(connection, reading.invoice, account_id, seen_in=0)
        return True
    before = replace(invoice_of(row), account_id=account_id)
    after = _merged(connection, before, reading.invoice)
    connection.execute(update(invoices).where(invoices.c.id == after.id).values(**_columns(after), version=row.version + 1))
    if _shown(after) != _shown(before):
        touch(connection, [account_id])
    else:
        # Nothing new but its freshness: a decision that waits for a fresh reading must not count on the older one
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(version=accounts.c.version + 1))
    return True


def _add(connection: Connection, invoice: Invoice, account_id: str, seen_in: int) -> None:
    new = replace(
        invoice, account_id=account_id, lineage=_lineage(connection, invoice, account_id), pay_token=secrets.token_urlsafe(18)
    )
    connection.execute(insert(invoices).values(**_columns(new), seen_in=seen_in))
    if _shown(new) is not None:
        touch(connection, [account_id])


def _merged(connection: Connection, before: Invoice, after: Invoice) -> Invoice:
    """The new reading, with what the ledger keeps from before."""
    if before.status in _FINAL and after.status != before.status:
        return replace(before, read_at=after.read_at)
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
    return replace(invoice, read_at=invoice.created_at) if invoice.status == "open" else None


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


def _alike(before: Invoice, listed: Invoice) -> bool:
    return all(getattr(before, name) == getattr(listed, name) for name in INVOICE_FIELDS if name not in _NOT_LISTED)
