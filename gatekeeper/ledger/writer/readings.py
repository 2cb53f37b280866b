"""What the biller said, written down.

The lock around fetch and write is an optimistic one: a reading is only written if the invoice has not been written since the
fetch began (docs/decisions/0004).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, select, update

from gatekeeper.ledger.engine import take_turn
from gatekeeper.ledger.tables import invoices
from gatekeeper.ledger.writer.customers import TURN, account_of, known, record_customer
from gatekeeper.ledger.writer.invoices import FINAL, record_invoice
from gatekeeper.ledger.writer.pages import record_page
from gatekeeper.ledger.writer.reconciles import advance
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import Customer, Origin, Reading


class Readings:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, reading: Reading, *, if_version: int | None) -> bool:
        """Write one invoice and its customer; False if either was written since the invoice's version was asked for.

        `if_version`: what `Reader.invoice_version` said before the fetch.
        """
        with self._turn([reading.customer]) as (connection, _):
            return record_invoice(connection, reading, if_version)

    def record_page(self, readings: Sequence[Reading], reconcile_number: int, cursor: str = "") -> list[str]:
        """Write one page of the list of owing invoices.

        Unknown invoices are added and known ones marked as seen; the ids of those that differ from the ledger, or whose
        customer does, are returned, to be fetched one by one: a list may be older than a write that came in between (case 8).
        If nothing differs, a reconcile that breaks off after this page goes on behind its `cursor`.
        """
        with self._turn(reading.customer for reading in readings) as (connection, customers):
            differing = record_page(connection, {one.invoice.id: one for one in readings}, customers, reconcile_number)
            if cursor and not differing:
                advance(connection, reconcile_number, cursor)
            return differing

    def record_customer(self, customer: Customer, now: datetime) -> None:
        """Write a customer that was read by itself; its invoices follow it to its account."""
        with self._turn([customer]) as (connection, _):
            record_customer(connection, customer, now)

    def settle_by_event(self, invoice_id: str, at: datetime) -> str:
        """A signed event shows that it is paid: so it is, until a reading confirms it or knows better. The id of its account.

        Empty: it is no news of an invoice that the ledger does not hold, or holds as paid or void, or that is billed elsewhere.
        """
        settled = (invoices.c.id == invoice_id) & (invoices.c.origin == Origin.STRIPE.value) & invoices.c.status.not_in(FINAL)
        paid = {"status": "paid", "remaining_minor": 0, "settled_at": at, "confirmed": False}
        with self._engine.begin() as connection:
            take_turn(connection, TURN)
            account_ids = connection.execute(select(invoices.c.account_id).where(settled)).scalars().all()
            lock(connection, account_ids)
            connection.execute(update(invoices).where(settled).values(**paid, version=invoices.c.version + 1))
            touch(connection, account_ids)
            return account_ids[0] if account_ids else ""

    @contextmanager
    def _turn(self, customers: Iterable[Customer]) -> Iterator[tuple[Connection, Mapping[str, Customer]]]:
        """A transaction that has taken the accounts of these customers, and the customers as the ledger holds them.

        Readings are written one after the other, so that two cannot meet that see an invoice, customer or account for the first
        time, or move it. That costs little: they come no faster than Stripe answers.
        """
        read = list(customers)
        with self._engine.begin() as connection:
            take_turn(connection, TURN)
            before = known(connection, (customer.id for customer in read))
            lock(connection, map(account_of, [*read, *before.values()]))
            yield connection, before
