"""What the biller said, written down.

The lock around fetch and write is an optimistic one: a reading is only written if the invoice has not been written since the
fetch began (docs/decisions/0004). `paid` and `void` are never left (rule 4 of facts/stripe.md).
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.rows import invoice as invoice_of
from gatekeeper.ledger.tables import accounts, contacts, customers, invoices, state
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Customer, Identity, Invoice, Reading

_FINAL: Final = frozenset({"paid", "void"})
# What a list does not show (it expands one level less), and what the ledger adds of its own
_NOT_LISTED: Final = frozenset({"processing_since_at", "processing_ended_at", "read_at", "pay_token", "account_id", "lineage"})


class Readings:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, reading: Reading, *, if_version: int | None) -> bool:
        """Write one invoice and its customer; False if the invoice was written since its version was asked for.

        `if_version`: what `Reader.invoice_version` said before the fetch.
        """
        try:
            with self._engine.begin() as connection:
                return _record(connection, reading, if_version)
        except IntegrityError:  # somebody else wrote the same invoice or account for the first time, at the same moment
            return False

    def record_page(self, readings: Sequence[Reading], reconcile_number: int) -> list[str]:
        """Write one page of the list of open invoices.

        Unknown invoices are added and unchanged ones marked as seen; the ids of those that differ from the ledger are
        returned, to be fetched one by one: a list may be older than a write that came in between (case 8).
        """
        try:
            with self._engine.begin() as connection:
                return _record_page(connection, readings, reconcile_number)
        except IntegrityError:  # one of them was written for the first time elsewhere, at the same moment
            return [reading.invoice.id for reading in readings]

    def record_customer(self, customer: Customer, now: datetime) -> None:
        """Write a customer that was read by itself; its open invoices follow it to its account."""
        with self._engine.begin() as connection:
            account_id = _record_customer(connection, customer, now)
            theirs = invoices.c.customer_id == customer.id
            connection.execute(
                update(invoices).where(theirs, invoices.c.account_id != account_id).values(account_id=account_id)
            )

    def begin_reconcile(self) -> int:
        """The number of the reconcile that begins now."""
        with self._engine.begin() as connection:
            raised = update(state).values(reconcile_number=state.c.reconcile_number + 1).returning(state.c.reconcile_number)
            return int(connection.execute(raised).scalar_one())

    def finish_reconcile(self, began_at: datetime) -> None:
        """The books have been read whole, as of `began_at`: what was held back for want of that is looked at again."""
        with self._engine.begin() as connection:
            row = connection.execute(select(state.c.watched_since_at, state.c.distrust)).one()
            connection.execute(
                update(state).values(watched_since_at=row.watched_since_at or began_at, reconciled_at=began_at, distrust="")
            )
            if row.distrust or row.watched_since_at is None:
                release(connection)

    def distrust(self, why: str) -> None:
        """The billing system cannot be believed until a reconcile succeeds: nothing climbs (cases 5-7)."""
        with self._engine.begin() as connection:
            connection.execute(update(state).where(state.c.distrust != why).values(distrust=why))

    def pin(self, identity: Identity) -> None:
        """Tie this ledger to one Stripe account and mode, for good."""
        with self._engine.begin() as connection:
            connection.execute(update(state).values(stripe_account=identity.account, livemode=identity.livemode))


def release(connection: Connection) -> None:
    """Look again at every account that something held back which has ended."""
    held_back = accounts.c.withheld
    connection.execute(update(accounts).where(held_back).values(touched=True, version=accounts.c.version + 1))


def _record_page(connection: Connection, readings: Sequence[Reading], reconcile_number: int) -> list[str]:
    ids = [reading.invoice.id for reading in readings]
    known = {row.id: invoice_of(row) for row in connection.execute(select(invoices).where(invoices.c.id.in_(ids)))}
    differing: list[str] = []
    seen: list[dict[str, Any]] = []
    for reading in readings:
        before = known.get(reading.invoice.id)
        if before is None:
            _add(connection, reading, reconcile_number)
        elif _alike(before, reading):
            seen.append({"b_id": before.id, "b_read_at": max(before.read_at, reading.invoice.read_at)})
        else:
            differing.append(before.id)
            seen.append({"b_id": before.id, "b_read_at": before.read_at})
    if seen:
        _mark_seen(connection, seen, reconcile_number)
    return differing


def _record(connection: Connection, reading: Reading, if_version: int | None) -> bool:
    row = connection.execute(select(invoices).where(invoices.c.id == reading.invoice.id).with_for_update()).first()
    if (row.version if row is not None else None) != if_version:
        return False
    if row is None:
        _add(connection, reading, seen_in=0)
        return True
    before = invoice_of(row)
    account_id = _record_customer(connection, reading.customer, reading.invoice.read_at)
    after = _merged(connection, before, replace(reading.invoice, account_id=account_id))
    connection.execute(update(invoices).where(invoices.c.id == after.id).values(**_columns(after), version=row.version + 1))
    if replace(after, read_at=before.read_at) != before:
        touch(connection, {before.account_id, account_id})
    elif after.read_at != before.read_at:
        # Nothing new but its freshness: a decision that waits for a fresh reading must not count on the older one
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(version=accounts.c.version + 1))
    return True


def _merged(connection: Connection, before: Invoice, after: Invoice) -> Invoice:
    """The new reading, with what the ledger keeps from before."""
    if before.status in _FINAL and after.status != before.status:
        return replace(before, read_at=after.read_at)
    ended_at = before.processing_ended_at
    if before.processing_since_at is not None and after.processing_since_at is None:
        ended_at = after.read_at
    return replace(after, pay_token=before.pay_token, lineage=_lineage(connection, after), processing_ended_at=ended_at)


def _add(connection: Connection, reading: Reading, seen_in: int) -> None:
    account_id = _record_customer(connection, reading.customer, reading.invoice.read_at)
    invoice = replace(
        reading.invoice,
        account_id=account_id,
        lineage=_lineage(connection, reading.invoice),
        pay_token=secrets.token_urlsafe(18),
    )
    connection.execute(insert(invoices).values(**_columns(invoice), seen_in=seen_in))
    touch(connection, {account_id})


def _lineage(connection: Connection, invoice: Invoice) -> str:
    """The id of the first of the chain of revisions that ends in this invoice; `invoice.lineage` names its predecessor."""
    if not invoice.lineage or invoice.lineage == invoice.id:
        return invoice.id
    first = connection.execute(select(invoices.c.lineage).where(invoices.c.id == invoice.lineage)).scalar()
    return first or invoice.lineage


def _columns(invoice: Invoice) -> dict[str, Any]:
    return {name: getattr(invoice, name) for name in INVOICE_FIELDS}


def _alike(before: Invoice, reading: Reading) -> bool:
    listed = [name for name in INVOICE_FIELDS if name not in _NOT_LISTED]
    same_account = before.account_id == account_of(reading.customer)
    return same_account and all(getattr(before, name) == getattr(reading.invoice, name) for name in listed)


def _mark_seen(connection: Connection, seen: Iterable[dict[str, Any]], reconcile_number: int) -> None:
    marked = update(invoices).where(invoices.c.id == bindparam("b_id"))
    connection.execute(marked.values(seen_in=reconcile_number, read_at=bindparam("b_read_at")), list(seen))


def account_of(customer: Customer) -> str:
    """The account of a customer; one that names none is kept under its own id, and held (`Facts.mapped`)."""
    return customer.account_id or customer.id


def _record_customer(connection: Connection, customer: Customer, now: datetime) -> str:
    """Write the customer, its account and its contacts, where they have changed; the account's id."""
    account_id = account_of(customer)
    values = {"account_id": account_id, "name": customer.name, "locale": customer.locale, "deleted": customer.deleted}
    row = connection.execute(select(customers).where(customers.c.id == customer.id)).first()
    if row is None:
        connection.execute(insert(customers).values(id=customer.id, **values))
    elif {name: getattr(row, name) for name in values} != values:
        connection.execute(update(customers).where(customers.c.id == customer.id).values(**values))
        touch(connection, {row.account_id})
    _record_account(connection, customer, account_id)
    _record_contacts(connection, customer, account_id, now)
    return account_id


def _record_account(connection: Connection, customer: Customer, account_id: str) -> None:
    row = connection.execute(select(accounts.c.name, accounts.c.locale).where(accounts.c.id == account_id)).first()
    if row is None:
        mapped = customer.account_id is not None
        connection.execute(insert(accounts).values(id=account_id, name=customer.name, locale=customer.locale, mapped=mapped))
    elif customer.name and (row.name, row.locale) != (customer.name, customer.locale):
        named = update(accounts).where(accounts.c.id == account_id).values(name=customer.name, locale=customer.locale)
        connection.execute(named)


def _record_contacts(connection: Connection, customer: Customer, account_id: str, now: datetime) -> None:
    """Replace the contacts that came from this customer, if they are not the same."""
    source = f"stripe:{customer.id}"
    found = connection.execute(select(contacts).where(contacts.c.source == source)).all()
    before = {(row.account_id, row.audience, row.address) for row in found}
    after = {(account_id, audience.value, address) for audience, address in customer.addresses}
    if before == after:
        return
    connection.execute(delete(contacts).where(contacts.c.source == source))
    for owner, audience, address in sorted(after):
        values = {"account_id": owner, "audience": audience, "address": address, "source": source, "set_at": now}
        connection.execute(insert(contacts).values(**values, name=customer.name, locale=customer.locale))
    touch(connection, {account_id, *(owner for owner, _, _ in before)})
