"""Order does not matter: any order, doubling and loss of events ends, after one reconcile, in the ledger of a clean read.

The histories are made through the verbs of the stand-in; what is delivered is what its events point at, at any later moment.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.webhook import delivery
from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.records import Refused
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.sync import Sync
from tests.billing.reading import bill, debtor, reading_from
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import START, MovableClock

# What a ledger adds of its own, and what a list cannot show: see below
OWN = {"version", "read_at", "pay_token", "seen_in", "lineage"}
OWING = {"open", "uncollectible"}
NOT_LISTED = {"processing_since_at", "processing_ended_at"}
VERBS = (
    "bill", "bill_automatic", "draft", "finalize", "fail_payment", "part_pay", "pay", "pay_out_of_band", "void",
    "mark_uncollectible", "credit", "credit_all", "revise_up", "revise_down", "draft_revision", "start_processing",
    "succeed_processing", "fail_processing", "delete_draft", "dispute", "close_dispute", "refund", "change_address",
    "change_account",
)  # fmt: skip


class Street:
    """Books of three customers, and a ledger that hears of them what it is told to hear."""

    def __init__(self, standin: Standin, source: StripeBooks, clock: MovableClock, ledger: Ledger) -> None:
        self.standin, self.source, self.clock, self.ledger = standin, source, clock, ledger

    @property
    def books(self) -> Books:
        return self.standin.books

    def begin(self) -> None:
        """With empty books and an empty ledger."""
        self.clock.now = START
        self.standin.faults.clear()
        for table in ("customers", "invoices", "payments", "intents", "credit_notes", "events", "disputes", "charges"):
            getattr(self.books, table).clear()
        self.customers = [debtor(self.standin, f"account-{n}") for n in range(3)]
        self.forget()

    def forget(self) -> None:
        """Empty the ledger."""
        self.ledger.forget()
        self.sync = Sync(self.source, self.ledger.reader, self.ledger.writer, self.clock)

    def happens(self, verb: str, which: int) -> None:
        """One verb on one of the customers or invoices; one that does not fit is refused by the books, and changes nothing."""
        self.clock.move(hours=1)
        customer = self.customers[which % len(self.customers)]
        if verb == "bill":
            bill(self.standin, customer)
        elif verb == "bill_automatic":
            bill(self.standin, customer, due=None)
        elif verb == "draft":
            draft = self.books.create_invoice(customer, collection_method="send_invoice", days_until_due=7)
            self.books.add_line(draft.id, 1000)
        elif verb == "change_address":
            self.books.update_customer(customer, {"email": f"{which}@new.example", "preferred_locales": ["de"]})
        elif verb == "change_account":
            self.books.update_customer(customer, {"metadata": {"account_id": f"moved-{which % 2}"}, "name": f"Name {which}"})
        elif self.books.invoices:
            with contextlib.suppress(Refused):
                self._to_an_invoice(verb, list(self.books.invoices)[which % len(self.books.invoices)])

    def _to_an_invoice(self, verb: str, one: str) -> None:
        books = self.books
        match verb:
            case "close_dispute":
                books.close_dispute(list(books.disputes)[-1] if books.disputes else "", "lost")
            case "part_pay":
                books.part_pay(one, 300)
            case "pay_out_of_band":
                books.pay(one, out_of_band=True)
            case "credit":
                books.credit(one, 200)
            case "credit_all":
                books.credit(one, books.invoice(one).amount_remaining)
            case "revise_up":
                books.revise(one, amount=2000)
            case "revise_down":
                books.revise(one, amount=500)
            case "draft_revision":
                books.create_revision(one, days_until_due=7)
            case _:
                getattr(books, verb)(one)

    def hear(self, which: int) -> None:
        """One of the events so far is delivered: for the first time, or again."""
        if self.books.events:
            heard = list(self.books.events.values())[which % len(self.books.events)]
            points_at = delivery(json.dumps(heard).encode())
            if points_at.settles:
                self.sync.settle_by_event(points_at.invoice_id)
            if points_at.invoice_id:
                self.sync.invoice(points_at.invoice_id)
            if points_at.customer_id:
                self.sync.customer(points_at.customer_id)
            if points_at.dispute_id:
                self.sync.dispute(points_at.dispute_id)
            if points_at.related is not None:
                self.sync.invoice_of(*points_at.related)

    def hear_everything(self) -> None:
        for number in range(len(self.books.events)):
            self.hear(number)

    def reconcile_in_vain(self, skip: int) -> None:
        """It breaks off after so many requests."""
        self.standin.faults.add(Fault(kind="html", skip=skip))
        with contextlib.suppress(SourceUnavailable):
            self.sync.reconcile()
        self.standin.faults.clear()

    def owed(self) -> list[dict[str, Any]]:
        rows = [row for row in self.ledger.rows("invoices") if row["status"] in OWING]
        return [{name: value for name, value in row.items() if name not in OWN | NOT_LISTED} for row in rows]

    def people(self) -> dict[str, Any]:
        """The customers of open invoices, with their contacts."""
        payers = {row["customer_id"] for row in self.owed()}
        contacts = {
            (row["source"], row["account_id"], row["audience"], row["address"], row["name"], row["locale"])
            for row in self.ledger.rows("contacts")
            if row["source"].removeprefix("stripe:") in payers
        }
        return {"customers": [row for row in self.ledger.rows("customers") if row["id"] in payers], "contacts": contacts}

    def processing(self) -> dict[str, bool]:
        """Each open invoice, read by itself: whether a payment of it is on its way."""
        for row in self.owed():
            self.sync.invoice(row["id"])
        return {
            row["id"]: row["processing_since_at"] is not None for row in self.ledger.rows("invoices") if row["status"] in OWING
        }

    def disputes(self) -> list[tuple[str, Any]]:
        """Each dispute, and when it was closed."""
        return [(row["id"], row["customer_id"], row["closed_at"] is not None) for row in self.ledger.rows("disputes")]

    def chains_are_whole(self) -> bool:
        """What was said about the first of a chain of revisions is known to have been said about the one that is owed now."""
        rows = {row["id"]: row for row in self.ledger.rows("invoices")}
        for row in rows.values():
            first = self.books.invoices.get(row["id"])
            while first is not None and first.revises is not None:
                first = self.books.invoices[first.revises]
            if row["status"] in OWING and first is not None and first.id in rows and row["lineage"] != first.id:
                return False
        return True


@pytest.fixture
def street(database_url: str) -> Iterator[Street]:
    clock = MovableClock()
    with Standin(clock) as standin, opened(database_url) as ledger, reading_from(standin.url, clock) as source:
        ledger.hasten()
        yield Street(standin, source, clock, ledger)


which = st.integers(0, 40)
happening = st.tuples(st.just("happens"), st.sampled_from(VERBS), which)
everything = st.just(("hear_everything",))
beginning = st.tuples(st.just("happens"), st.sampled_from(("bill", "bill", "bill_automatic", "draft")), which)
hearing = st.tuples(st.just("hear"), which)
in_vain = st.tuples(st.just("reconcile_in_vain"), st.integers(0, 4))
middle = st.lists(happening | happening | hearing | everything | in_vain, max_size=12)
histories = st.tuples(st.lists(beginning, min_size=1, max_size=3), middle, st.lists(hearing, max_size=8)).map(
    lambda parts: [*parts[0], *parts[1], *parts[2]]
)

REVISED_TWICE = [("happens", "bill", 0), ("hear", 2), ("happens", "revise_up", 0), ("happens", "revise_down", 1)]
MOVED = [("happens", "bill", 0), ("hear", 0), ("happens", "change_account", 0), ("hear", 4), ("hear", 1)]


def ends_as_a_clean_read(street: Street, history: list[tuple[Any, ...]]) -> None:
    street.begin()
    for step, *arguments in history:
        getattr(street, step)(*arguments)
    street.sync.reconcile()
    heard = street.owed(), street.people(), street.processing(), street.owed(), street.disputes()
    assert street.chains_are_whole()
    assert street.ledger.reader.state().distrust == ""

    street.forget()
    street.sync.reconcile()
    clean = street.owed(), street.people(), street.processing(), street.owed(), street.disputes()
    assert heard == clean
    assert clean[0] == clean[3]
    assert {row["id"] for row in clean[0]} == {one.id for one in street.books.invoices.values() if one.status in OWING}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
@example(history=REVISED_TWICE)
@example(history=MOVED)
def test_whatever_was_heard_one_reconcile_ends_in_the_ledger_of_a_clean_read(
    street: Street, history: list[tuple[Any, ...]]
) -> None:
    ends_as_a_clean_read(street, history)


def test_no_change_is_lost_of_which_nobody_heard(street: Street) -> None:
    for first in ("bill", "bill_automatic", "draft"):
        for verb in VERBS:
            ends_as_a_clean_read(street, [("happens", first, 0), ("hear_everything",), ("happens", verb, 0)])


def test_no_change_is_lost_of_which_only_the_last_word_was_heard(street: Street) -> None:
    for first in ("bill", "bill_automatic"):
        for verb in VERBS:
            ends_as_a_clean_read(
                street, [("happens", first, 0), ("happens", verb, 0), ("hear", -1), ("hear", -2), ("hear", -1)]
            )
