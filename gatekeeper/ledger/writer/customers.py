"""The biller's customers: whose accounts they are, and who of these is written to.

A customer without the id of an account is kept as an account of its own, which is held (`Facts.mapped`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from gatekeeper.ledger.engine import insert_all_new, insert_new
from gatekeeper.ledger.profiles import settled
from gatekeeper.ledger.tables import accounts, contacts, customers, invoices
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Audience, Contact, Customer

# Whoever may make accounts, customers or invoices takes its turn by this key (`take_turn`) before it takes accounts: two such
# writers could otherwise each wait for what the other has just made
TURN: Final = 8402_0002
# Fields of a customer that its row holds under the same name
_KEPT: Final = ("account_id", "name", "locale", "deleted", "country", "time_zone", "plan", "tags", "test_clock")


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
            addresses=tuple(sorted(addresses.get(row.id, ()))),
            **({name: getattr(row, name) for name in _KEPT} | {"tags": tuple(row.tags)}),
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
    return replace(customer, addresses=tuple(sorted(set(customer.addresses))), tags=tuple(sorted(set(customer.tags))))


def record_customer(connection: Connection, customer: Customer, now: datetime) -> str:
    """Write down what has changed of a customer, whose accounts have been taken; the id of its account."""
    before = known(connection, [customer.id]).get(customer.id)
    after = as_kept(customer, before)
    account_id = account_of(after)
    if after == before:
        return account_id
    if before is None:
        add_customers(connection, [customer], now)
        return account_id
    insert_new(connection, accounts, id=account_id)
    connection.execute(update(customers).where(customers.c.id == after.id).values(**_columns(after)))
    _move_invoices(connection, after.id, account_id)
    moved = (contacts.c.source == _source(after.id)) & (contacts.c.account_id != account_id)
    connection.execute(delete(contacts).where(moved))
    replace_contacts(connection, account_id, _source(after.id), _people(after), now)
    changed = {account_id, account_of(before)}
    describe(connection, changed)
    touch(connection, changed)
    return account_id


def add_customers(connection: Connection, new: Iterable[Customer], now: datetime) -> None:
    """Write customers that the ledger does not hold yet, whose accounts have been taken; in few statements, however many."""
    kept = [as_kept(customer, None) for customer in new]
    account_ids = sorted(set(map(account_of, kept)))
    insert_all_new(connection, accounts, [{"id": account_id} for account_id in account_ids])
    connection.execute(insert(customers), [_columns(one) for one in kept])
    people = [
        {
            "account_id": account_of(one),
            "audience": person.audience.value,
            "address": person.address,
            "name": person.name,
            "locale": person.locale,
            "source": _source(one.id),
            "set_at": now,
        }
        for one in kept
        for person in _people(one)
    ]
    if people:
        connection.execute(insert(contacts), people)
    describe(connection, account_ids)
    touch(connection, account_ids)


def replace_contacts(connection: Connection, account_id: str, source: str, people: Iterable[Contact], now: datetime) -> bool:
    """Have this source name these people of the account and no others; whether that changes anything.

    Who stays keeps the instant at which the source first named that address.
    """
    wanted = {
        (one.audience.value, one.address): {"name": one.name, "locale": one.locale}
        for one in sorted(people, key=lambda one: (one.audience, one.address))
    }
    theirs = (contacts.c.account_id == account_id) & (contacts.c.source == source)
    held = {(row.audience, row.address): row for row in connection.execute(select(contacts).where(theirs))}
    gone = [row.id for key, row in held.items() if key not in wanted]
    new = [key for key in wanted if key not in held]
    other = [key for key in wanted if key in held and wanted[key] != {"name": held[key].name, "locale": held[key].locale}]
    if gone:
        connection.execute(delete(contacts).where(contacts.c.id.in_(gone)))
    for key in other:
        connection.execute(update(contacts).where(contacts.c.id == held[key].id).values(**wanted[key]))
    for audience, address in new:
        row = {"account_id": account_id, "audience": audience, "address": address, "source": source, "set_at": now}
        connection.execute(insert(contacts).values(**row, **wanted[audience, address]))
    return bool(gone or new or other)


def describe(connection: Connection, account_ids: Iterable[str]) -> None:
    """Put together what all sources say of each account. It is mapped if one of its customers names it, or if it has none."""
    ids = set(account_ids)
    theirs = or_(customers.c.account_id.in_(ids), customers.c.id.in_(ids))
    members: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(select(customers).where(theirs).order_by(customers.c.id)):
        members.setdefault(row.account_id or row.id, []).append(row)
    asked = select(accounts.c.id, accounts.c.told, accounts.c.mapped, accounts.c.clock_id, accounts.c.clock_at)
    found = connection.execute(asked.where(accounts.c.id.in_(ids))).all()
    described = [{"described": row.id} | _described(row, members.get(row.id, ())) for row in found]
    if described:
        columns = [name for name in described[0] if name != "described"]
        written = update(accounts).where(accounts.c.id == bindparam("described"))
        connection.execute(written.values({name: bindparam(name) for name in columns}), described)


def _described(account: Row[*tuple[Any, ...]], members: Sequence[Row[Any]]) -> dict[str, Any]:
    values = settled(account.told, _of_stripe(members))
    clock_id = next((row.test_clock for row in members if row.test_clock), "") if members else account.clock_id
    return values | {
        "mapped": any(row.account_id is not None for row in members) if members else account.mapped,
        "clock_id": clock_id,
        # Of another clock the next reading of the clocks says the time
        "clock_at": account.clock_at if clock_id == account.clock_id else None,
    }


def _of_stripe(members: Sequence[Row[Any]]) -> dict[str, Any]:
    """What the customers of an account say of it: the first that has a name before the others, and all tags together."""
    in_order = sorted(members, key=lambda row: not row.name)
    fields = ("name", "locale", "country", "time_zone", "plan")
    said = {name: next((getattr(row, name) for row in in_order if getattr(row, name)), None) for name in fields}
    tags = sorted({tag for row in members for tag in row.tags})
    return {name: value for name, value in said.items() if value} | ({"tags": tags} if tags else {})


def _move_invoices(connection: Connection, customer_id: str, account_id: str) -> None:
    """Its invoices follow the customer. Who is just reading one of them may bring an older customer, and has to read again."""
    theirs = invoices.c.customer_id == customer_id
    connection.execute(update(invoices).where(theirs).values(account_id=account_id, version=invoices.c.version + 1))


def _columns(customer: Customer) -> dict[str, Any]:
    return {"id": customer.id} | {name: getattr(customer, name) for name in _KEPT} | {"tags": list(customer.tags)}


def _people(customer: Customer) -> list[Contact]:
    return [
        Contact(audience=audience, address=address, name=customer.name, locale=customer.locale)
        for audience, address in customer.addresses
    ]


def _source(customer_id: str) -> str:
    return f"stripe:{customer_id}"
