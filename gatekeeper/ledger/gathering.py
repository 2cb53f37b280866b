"""All that is known of some accounts, from every table, at one moment: the facts that the policy judges."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, Table, TextClause, bindparam, select

from gatekeeper.ledger import rows
from gatekeeper.ledger.indexes import OWING, PAID
from gatekeeper.ledger.instant import Instant
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
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Grouped = Mapping[str, Sequence[Row[Any]]]


_IDS: Final[BindParameter[str]] = bindparam("ids", expanding=True)


def _of(table: Table, *conditions: ColumnElement[bool] | TextClause, by: Sequence[str] = ("id",)) -> Select[Any]:
    """What a table holds of the accounts, in order."""
    return select(table).where(table.c.account_id.in_(_IDS), *conditions).order_by(*(table.c[name] for name in by))


# Each is built once: SQLAlchemy takes longer to build a statement than SQLite to answer it
_ACCOUNTS: Final = (
    select(accounts, cases.c.opened_at, cases.c.policy, cases.c.segment.label("case_segment"))
    .outerjoin(cases, cases.c.id == accounts.c.case_id)
    .where(accounts.c.id.in_(_IDS))
    .order_by(accounts.c.id)
)
_HOUSE: Final = select(state)
_OWED: Final = _of(invoices, OWING)
_PEOPLE: Final = _of(contacts, by=("audience", "address", "source"))
_WRITTEN: Final = _of(
    notices,
    notices.c.case_id.in_(bindparam("case_ids", expanding=True))
    | (notices.c.case_id.is_(None) & (notices.c.planned_at >= bindparam("since", type_=Instant))),
)
_EXEMPTED: Final = _of(exemptions)
_PROMISED: Final = _of(promises)
_DISPUTED: Final = (
    select(disputes, customers.c.account_id)
    .join(customers, customers.c.id == disputes.c.customer_id)
    .where(customers.c.account_id.in_(_IDS))
    .order_by(disputes.c.id)
)
_PAID_OF: Final = select(invoices.c.account_id, invoices.c.due_at, invoices.c.settled_at).where(
    invoices.c.account_id.in_(_IDS),
    PAID,
    invoices.c.due_at.is_not(None),
    invoices.c.settled_at >= bindparam("since", type_=Instant),
)


def gather_facts(connection: Connection, account_ids: Sequence[str]) -> list[Facts]:
    """The facts of these accounts, by id."""
    house = connection.execute(_HOUSE).one()
    ids = {"ids": list(account_ids)}
    found = connection.execute(_ACCOUNTS, ids).all()
    case_ids = [row.case_id for row in found if row.case_id is not None]

    def since(span: timedelta) -> datetime:
        return _ALWAYS if house.reconciled_at is None else house.reconciled_at - span

    def gather(chosen: Select[Any], **values: Any) -> _Grouped:
        grouped: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(chosen, ids | values):
            grouped[row.account_id].append(row)
        return grouped

    owed, people = gather(_OWED), gather(_PEOPLE)
    written = gather(_WRITTEN, case_ids=case_ids, since=since(_COURTESIES))
    exempted, promised, disputed = gather(_EXEMPTED), gather(_PROMISED), gather(_DISPUTED)
    paid = {account_id: _punctual(theirs) for account_id, theirs in gather(_PAID_OF, since=since(HISTORY)).items()}
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


def _punctual(paid: Sequence[Row[Any]]) -> tuple[int, int]:
    """How many of these paid invoices were paid in time, and late."""
    late = sum(row.settled_at > row.due_at + LATE for row in paid)
    return len(paid) - late, late
