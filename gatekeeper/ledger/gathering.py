"""All that is known of some accounts, from every table, at one moment: the facts that the policy judges."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from gatekeeper.ledger import rows
from gatekeeper.ledger.indexes import OWING, PAID
from gatekeeper.ledger.tables import (
    accounts,
    cases,
    contacts,
    customers,
    disputes,
    exemptions,
    invoices,
    notices,
    promises,
    state,
)
from gatekeeper.model import Facts, Standing

HISTORY: Final = timedelta(days=366)
_COURTESIES: Final = timedelta(days=90)
# Banks book slowly: a payment that comes this much after the due date says nothing about who pays
LATE: Final = timedelta(days=3)

_Grouped = Mapping[str, Sequence[Row[Any]]]


def gather_facts(connection: Connection, account_ids: Sequence[str]) -> list[Facts]:
    """The facts of these accounts, by id."""
    house = connection.execute(select(state)).one()
    theirs = select(accounts, cases.c.opened_at, cases.c.policy, cases.c.segment.label("case_segment"))
    found = connection.execute(
        theirs.outerjoin(cases, cases.c.id == accounts.c.case_id).where(accounts.c.id.in_(account_ids)).order_by(accounts.c.id)
    ).all()

    def gather(table: Table, *conditions: Any, by: Sequence[str] = ("id",)) -> _Grouped:
        grouped: dict[str, list[Row[Any]]] = defaultdict(list)
        chosen = select(table).where(table.c.account_id.in_(account_ids), *conditions)
        for row in connection.execute(chosen.order_by(*(table.c[name] for name in by))):
            grouped[row.account_id].append(row)
        return grouped

    case_ids = [row.case_id for row in found if row.case_id is not None]
    of_case = notices.c.case_id.in_(case_ids)
    courtesies = notices.c.case_id.is_(None)
    if house.reconciled_at is not None:
        courtesies &= notices.c.planned_at >= house.reconciled_at - _COURTESIES
    owed = gather(invoices, OWING)
    people = gather(contacts, by=("audience", "address", "source"))
    written = gather(notices, of_case | courtesies)
    exempted, promised = gather(exemptions), gather(promises)
    disputed, paid = _disputes(connection, account_ids), _payments(connection, account_ids, house)
    return [
        Facts(
            account_id=row.id,
            standing=Standing(row.standing),
            invoices=tuple(rows.invoice(item) for item in owed.get(row.id, ())),
            contacts=tuple(rows.contact(item) for item in people.get(row.id, ())),
            case_id=row.case_id,
            case_opened_at=row.opened_at,
            notices=tuple(rows.notice(item) for item in written.get(row.id, ())),
            exemptions=tuple(rows.exemption(item) for item in exempted.get(row.id, ())),
            promises=tuple(rows.promise(item) for item in promised.get(row.id, ())),
            reopened_at=row.reopened_at,
            mapped=row.mapped,
            distrust=rows.distrust_of(house),
            watched_since_at=house.watched_since_at,
            version=row.version,
            standing_since_at=row.standing_since_at,
            disputes=tuple(rows.dispute(item) for item in disputed.get(row.id, ())),
            country=row.country,
            time_zone=row.time_zone,
            plan=row.plan,
            tags=tuple(row.tags),
            segment=row.segment,
            paid_in_time=paid.get(row.id, (0, 0))[0],
            paid_late=paid.get(row.id, (0, 0))[1],
            policy=row.policy or "",
            case_segment=row.case_segment,
            clock_at=row.clock_at,
            directory_at=row.directory_at,
        )
        for row in found
    ]


def _disputes(connection: Connection, account_ids: Sequence[str]) -> _Grouped:
    """The disputes of all customers of each account."""
    grouped: dict[str, list[Row[Any]]] = defaultdict(list)
    of_accounts = customers.c.account_id.in_(account_ids)
    chosen = select(disputes, customers.c.account_id).join(customers, customers.c.id == disputes.c.customer_id)
    for row in connection.execute(chosen.where(of_accounts).order_by(disputes.c.id)):
        grouped[row.account_id].append(row)
    return grouped


def _payments(connection: Connection, account_ids: Sequence[str], house: Row[Any]) -> dict[str, tuple[int, int]]:
    """How many invoices of each account were paid in time, and late, within the last year."""
    counted: dict[str, tuple[int, int]] = {}
    theirs = select(invoices.c.account_id, invoices.c.due_at, invoices.c.settled_at)
    known: list[Any] = [
        invoices.c.account_id.in_(account_ids),
        PAID,
        invoices.c.due_at.is_not(None),
        invoices.c.settled_at.is_not(None),
    ]
    if house.reconciled_at is not None:
        known.append(invoices.c.settled_at >= house.reconciled_at - HISTORY)
    for row in connection.execute(theirs.where(*known)):
        in_time, late = counted.get(row.account_id, (0, 0))
        is_late = row.settled_at > row.due_at + LATE
        counted[row.account_id] = (in_time + (not is_late), late + is_late)
    return counted
