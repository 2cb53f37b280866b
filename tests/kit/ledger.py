"""A real ledger on an empty database, and what a test wants to write into it in one line."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, delete, event, select, update

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.migrate import migrate
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.tables import metadata, state
from gatekeeper.ledger.writer import Writer, open_writer
from gatekeeper.model import Audience, Customer, Facts, Invoice, PlannedNotice, Reading, Standing, Step, Verdict
from tests.kit.builders import ACCOUNTANT, DUE_AT, USER, invoice, on

DOMAIN: Final = "gatekeeper.example"

# What may change of an open invoice, each for itself
CHANGES_OF_AN_INVOICE: Final[dict[str, dict[str, object]]] = {
    "status": {"status": "uncollectible"},
    "amount": {"remaining_minor": 4000},
    "due date": {"due_at": on(3)},
    "next attempt": {"next_attempt_at": on(1)},
    "attempted": {"attempted": True},
    "number": {"number": "A-1b"},
    "successor": {"replaced_by": "in_2"},
}


@dataclass(frozen=True, slots=True)
class Ledger:
    url: str
    engine: Engine
    reader: Reader
    writer: Writer

    def read(self, *invoices: Invoice, customer: Customer | None = None) -> None:
        """These invoices have been read from the biller, one after the other, and nobody came in between."""
        for one in invoices:
            version = self.reader.invoice_version(one.id)
            known = reading(one, replace(customer or a_customer(), id=one.customer_id))
            assert self.writer.readings.record(known, if_version=version)

    def reconciled(self, at: datetime) -> None:
        """A reconcile that began then has come to its end."""
        self.writer.reconciles.finish(self.writer.reconciles.begin(at))

    def forget(self) -> None:
        """Everything, but for which ledger it is."""
        with self.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name != "state":
                    connection.execute(delete(table))
            nullable = {column.name: None for column in state.columns if column.nullable and column.name != "id"}
            untied = {"stripe_account": "", "distrust": "", "reconcile_cursor": "", "reconcile_number": 0}
            connection.execute(update(state).values(**nullable, **untied))

    def hasten(self) -> None:
        """Nobody pulls the plug here, and many histories are written."""
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF").close())
            self.engine.dispose()

    def facts(self, account_id: str = "acme") -> Facts:
        (found,) = self.reader.facts([account_id])
        return found

    def judge(self, verdict: Verdict, now: datetime = DUE_AT, *, account_id: str = "acme", withheld: bool = False) -> bool:
        """Write a verdict on the account's facts; whether its standing changed."""
        return self.writer.verdicts.record([(self.facts(account_id), verdict, withheld)], now) == [account_id]

    def settle_all(self) -> None:
        """No account is due because it was touched."""
        while due := self.reader.due_accounts(datetime.min.replace(tzinfo=DUE_AT.tzinfo), 1000):
            judged = [(facts, Verdict(standing=facts.standing, reasons=()), False) for facts in self.reader.facts(due)]
            self.writer.verdicts.record(judged, DUE_AT)

    def touched(self) -> set[str]:
        """The accounts that the next round will look at because something about them has changed."""
        return {row["id"] for row in self.rows("accounts") if row["touched"]}

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        """The rows of a table in the order of their keys, those with these values."""
        chosen = metadata.tables[table]
        asked = select(chosen).where(*(chosen.c[name] == value for name, value in equal.items()))
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(asked.order_by(*chosen.primary_key))]

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that the ledger holds."""
        return {name: self.rows(name) for name in metadata.tables}


@contextmanager
def opened(url: str, *, announced: bool = False) -> Iterator[Ledger]:
    """A ledger of this version on the database of `url`; `announced`: changes of standing are told to the product."""
    engine = open_engine(url)
    try:
        migrate(engine)
        yield Ledger(url, engine, Reader(engine), open_writer(engine, message_domain=DOMAIN, announced=announced))
    finally:
        engine.dispose()


def a_customer(**changes: Any) -> Customer:
    """The customer of account `acme`, with an accountant and a user."""
    people = ((Audience.ACCOUNTANT, ACCOUNTANT), (Audience.USER, USER))
    return replace(Customer(id="cus_1", account_id="acme", name="Acme", locale="de", addresses=people), **changes)


def reading(shown: Invoice | None = None, customer: Customer | None = None) -> Reading:
    return Reading(invoice=shown or invoice(), customer=customer or a_customer())


def planned(step: Step = Step.REMINDER, address: str = ACCOUNTANT, **changes: Any) -> PlannedNotice:
    """A notice to the accountant about the first invoice."""
    made = PlannedNotice(step=step, occasion=1, audiences=(Audience.ACCOUNTANT,), address=address, named=("in_1",))
    return made._replace(**changes)


def past_due(*notices: PlannedNotice, **changes: Any) -> Verdict:
    return Verdict(standing=Standing.PAST_DUE, reasons=(), notices=notices)._replace(**changes)


def current(*notices: PlannedNotice) -> Verdict:
    return Verdict(standing=Standing.CURRENT, reasons=(), notices=notices)


def suspended(**changes: Any) -> Verdict:
    return Verdict(standing=Standing.SUSPENDED, reasons=())._replace(**changes)


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile: each statement and its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def at_once(*works: Callable[[], object]) -> list[Any]:
    """Run these at the same moment, each in a thread of its own; what they returned. The first fault is raised."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        start.wait(timeout=30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
