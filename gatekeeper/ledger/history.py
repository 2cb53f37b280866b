"""The stored past of accounts, and whom a plan is about; read in batches, so that memory does not grow with the ledger."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, and_, func, select, true, union

from gatekeeper.ledger import rows
from gatekeeper.ledger.batches import batches
from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.gathering import HISTORY, LATE, gather_facts
from gatekeeper.ledger.indexes import NOT_CURRENT, OWING, PAID, VOID
from gatekeeper.ledger.tables import accounts, audit, cases, invoices, notices, state
from gatekeeper.model import Facts, Invoice, Standing, Step


@dataclass(frozen=True, slots=True)
class Stretch:
    """The accounts behind `after` and up to `last`, by id; `last` None: to the end."""

    after: str
    last: str | None

    def of(self, column: Column[Any]) -> ColumnElement[bool]:
        return and_(column > self.after, true() if self.last is None else column <= self.last)


@dataclass(frozen=True, slots=True)
class Billed:
    """As much of an invoice as tells whether its past may matter. `ended_at`: when it was settled; None: not yet."""

    due_at: datetime | None
    issued_at: datetime
    automatic: bool
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is stored of one account: its facts of today, and every invoice of it that may matter.

    `payments`: when its invoices with a due date were paid, in order, and how many of them up to then were late.
    """

    facts: Facts
    invoices: tuple[Invoice, ...]
    payments: tuple[tuple[datetime, ...], tuple[int, ...]]

    def paid_until(self, at: datetime) -> tuple[int, int]:
        """How many invoices were paid in time, and late, within the year before `at` (`Facts.paid_in_time`, `paid_late`)."""
        instants, late = self.payments
        first, beyond = bisect_left(instants, at - HISTORY), bisect_right(instants, at)
        was_late = late[beyond] - late[first]
        return beyond - first - was_late, was_late


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What really came of a stretch of accounts: to how many each letter went, and how standings went from `since` on.

    `standings`: for each account that was not `current` all the time, its standing at `since` and each later change of it.
    """

    told: Mapping[Step, int]
    standings: Mapping[str, Sequence[tuple[datetime, Standing]]]


class History:
    def __init__(self, engine: Engine) -> None:
        self._engine = for_reading(engine)

    def stretches(self, size: int) -> Iterator[Stretch]:
        """All accounts, `size` at a time."""
        after = ""
        while True:
            behind = select(accounts.c.id).where(accounts.c.id > after).order_by(accounts.c.id)
            with self._engine.connect() as connection:
                last = connection.execute(behind.offset(size - 1).limit(1)).scalar()
            yield Stretch(after, last)
            if last is None:
                return
            after = last

    def watched_since_at(self) -> datetime | None:
        with self._engine.connect() as connection:
            found: datetime | None = connection.execute(select(state.c.watched_since_at)).scalar()
        return found

    def policies_in_use(self) -> list[str]:
        """The versions of the policy that running cases began with."""
        used = select(cases.c.policy).join(accounts, accounts.c.case_id == cases.c.id).where(NOT_CURRENT, cases.c.policy != "")
        with self._engine.connect() as connection:
            return sorted(connection.execute(used.distinct()).scalars())

    def concerned(self, stretch: Stretch) -> list[Facts]:
        """The facts of the accounts that owe something or are not in good standing."""
        owing = select(invoices.c.account_id).where(OWING, stretch.of(invoices.c.account_id))
        standing = select(accounts.c.id).where(NOT_CURRENT, stretch.of(accounts.c.id))
        with self._engine.connect() as connection:
            ids = sorted(row[0] for row in connection.execute(union(owing, standing)))
            return [facts for some in batches(ids) for facts in gather_facts(connection, some)]

    def names(self, account_ids: Sequence[str]) -> dict[str, str]:
        with self._engine.connect() as connection:
            found = select(accounts.c.id, accounts.c.name)
            return {
                row.id: row.name
                for some in batches(account_ids)
                for row in connection.execute(found.where(accounts.c.id.in_(some)))
            }

    def past(self, stretch: Stretch, since: datetime, matters: Callable[[Billed], bool]) -> tuple[list[Past], int]:
        """The accounts with an invoice that was open since then and `matters`; how many invoices ended nobody knows when.

        Most invoices are paid before anything is due; only as much of them is read as shows that.
        """
        wanted: dict[str, list[str]] = defaultdict(list)
        payments: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
        unknown = 0
        with self._engine.connect() as connection:
            for row in connection.execute(_billed(stretch, since)):
                if row.status == "paid" and row.due_at is not None and row.settled_at is not None:
                    payments[row.account_id].append((row.settled_at, row.settled_at > row.due_at + LATE))
                if row.status != "open" and row.settled_at is None:
                    unknown += 1
                elif (row.settled_at is None or row.settled_at > since) and matters(_as_billed(row)):
                    wanted[row.account_id].append(row.id)
            return [
                Past(facts=facts, invoices=tuple(theirs), payments=_counted(payments[facts.account_id]))
                for some in batches(sorted(wanted))
                for facts, theirs in _with_invoices(connection, some, wanted)
            ], unknown

    def happened(self, stretch: Stretch, since: datetime) -> Happened:
        told = (
            select(notices.c.step, func.count(notices.c.account_id.distinct()))
            .where(stretch.of(notices.c.account_id), notices.c.accepted_at >= since)
            .group_by(notices.c.step)
        )
        changes = (
            select(audit.c.account_id, audit.c.at, audit.c.before, audit.c.after)
            .where(stretch.of(audit.c.account_id), audit.c.kind == "standing", audit.c.at >= since)
            .order_by(audit.c.account_id, audit.c.id)
        )
        closed = select(accounts.c.id, accounts.c.standing).where(NOT_CURRENT, stretch.of(accounts.c.id))
        standings: dict[str, list[tuple[datetime, Standing]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(changes):
                course = standings.setdefault(row.account_id, [(since, Standing(row.before))])
                course.append((row.at, Standing(row.after)))
            for account_id, standing in connection.execute(closed):
                standings.setdefault(account_id, [(since, Standing(standing))])
            counted = {Step(step): number for step, number in connection.execute(told)}
        return Happened(told=counted, standings=standings)


def _billed(stretch: Stretch, since: datetime) -> Any:
    """Every invoice of the stretch that was issued; of those that are settled only what a year before `since` still shows."""
    wanted = ("id", "account_id", "status", "created_at", "finalized_at", "due_at", "automatic", "settled_at")
    columns = [invoices.c[name] for name in wanted]
    theirs = stretch.of(invoices.c.account_id)
    young = invoices.c.settled_at.is_(None) | (invoices.c.settled_at >= since - HISTORY)
    # One question for each partial index
    return (
        select(*columns)
        .where(OWING, theirs)
        .union_all(
            select(*columns).where(PAID, theirs, young), select(*columns).where(VOID, theirs, invoices.c.settled_at > since)
        )
    )


def _as_billed(row: Row[Any]) -> Billed:
    return Billed(row.due_at, row.finalized_at or row.created_at, row.automatic, row.settled_at)


def _with_invoices(
    connection: Connection, account_ids: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Facts, list[Invoice]]]:
    ids = [invoice_id for account_id in account_ids for invoice_id in wanted[account_id]]
    found: dict[str, list[Invoice]] = defaultdict(list)
    for some in batches(ids):
        for row in connection.execute(select(invoices).where(invoices.c.id.in_(some)).order_by(invoices.c.id)):
            found[row.account_id].append(rows.invoice(row))
    for facts in gather_facts(connection, account_ids):
        yield facts, found[facts.account_id]


def _counted(payments: list[tuple[datetime, bool]]) -> tuple[tuple[datetime, ...], tuple[int, ...]]:
    payments.sort()
    late = [0]
    for _, was_late in payments:
        late.append(late[-1] + was_late)
    return tuple(at for at, _ in payments), tuple(late)
