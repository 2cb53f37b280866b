"""The biller's customers: whose accounts they are, and who of these is written to.

A customer without the id of an account is kept as an account of its own, which is held (`Facts.mapped`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from gatekeeper.ledger.engine import insert_new
from gatekeeper.ledger.tables import accounts, contacts, customers, invoices
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Audience, Customer


def account_of(customer: Customer) -> str:
    return customer.account_id or customer.id


def known(connection: Connection, customer_ids: Iterable[str]) -> dict[str, Customer]:
    """Those of these customers that the ledger holds, by id."""
    ids = set(customer_ids)
    sources = {_source(customer_id): customer_id for customer_id in ids}
    addresses: dict[str, list[tuple[Audience, str]]] = {}
    for row in connection.execute(select(contacts).where(contacts.c.source.in_(sources))):
        addresses.setdefault(sources[row.source], []).append((Audience(row.audience), row.address))
    return {
        row.id: Customer(
            id=row.id,
            account_id=row.account_id,
            name=row.name,
            locale=row.locale,
            addresses=tuple(sorted(addresses.get(row.id, ()))),
            deleted=row.deleted,
        )
        for row in connection.execute(select(customers).where(customers.c.id.in_(ids)))
    }


def as_kept(customer: Customer, before: Customer | None) -> Customer:
    """The customer as the ledger keeps it.

    Stripe's deleted customers have lost everything but their id. Their invoices are still owed: the account stays, and nobody
    can be written to.
    """
    if customer.deleted and before is not None:
        return replace(before, addresses=(), deleted=True)
    return replace(customer, addresses=tuple(sorted(set(customer.addresses))))


def record_customer(connection: Connection, customer: Customer, now: datetime) -> str:
    """Write down what has changed of a customer, whose accounts have been taken; the id of its account."""
    before = known(connection, [customer.id]).get(customer.id)
    after = as_kept(customer, before)
    account_id = account_of(after)
    if after == before:
        return account_id
    insert_new(connection, accounts, id=account_id)
    values = {"account_id": after.account_id, "name": after.name, "locale": after.locale, "deleted": after.deleted}
    if before is None:
        connection.execute(insert(customers).values(id=after.id, **values))
    else:
        connection.execute(update(customers).where(customers.c.id == after.id).values(**values))
        _move_invoices(connection, after.id, account_id)
    _write_contacts(connection, after, now)
    changed = {account_id} if before is None else {account_id, account_of(before)}
    for one in changed:
        _describe(connection, one)
    touch(connection, changed)
    return account_id


def _move_invoices(connection: Connection, customer_id: str, account_id: str) -> None:
    """Its invoices follow the customer. Who is just reading one of them may bring an older customer, and has to read again."""
    theirs = invoices.c.customer_id == customer_id
    connection.execute(update(invoices).where(theirs).values(account_id=account_id, version=invoices.c.version + 1))


def _write_contacts(connection: Connection, customer: Customer, now: datetime) -> None:
    source = _source(customer.id)
    connection.execute(delete(contacts).where(contacts.c.source == source))
    common = {"account_id": account_of(customer), "name": customer.name, "locale": customer.locale}
    people = [
        {"audience": audience.value, "address": address, "source": source, "set_at": now, **common}
        for audience, address in customer.addresses
    ]
    if people:
        connection.execute(insert(contacts), people)


def _describe(connection: Connection, account_id: str) -> None:
    """An account is called as the first of its customers that has a name, and is mapped if one of them names it."""
    theirs = or_(customers.c.account_id == account_id, customers.c.id == account_id)
    found = connection.execute(select(customers).where(theirs).order_by(customers.c.id)).all()
    members = [row for row in found if (row.account_id or row.id) == account_id]
    if members:
        named = next((row for row in members if row.name), members[0])
        mapped = any(row.account_id is not None for row in members)
        values = {"name": named.name, "locale": named.locale, "mapped": mapped}
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def _source(customer_id: str) -> str:
    return f"stripe:{customer_id}"
