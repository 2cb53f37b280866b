"""Order does not matter: whatever came twice, late or never, after one clean read the ledger is what that read shows."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from gatekeeper.model import Audience, Customer, Invoice, Reading
from tests.kit.builders import DUE_AT, invoice, on
from tests.kit.ledger import Ledger, a_customer

PICK = st.integers(0, 99)
ADDRESSES = ((Audience.ACCOUNTANT, "a@x.example"), (Audience.USER, "a@x.example"), (Audience.USER, "b@x.example"))


class World:
    """One biller's books in a ledger that holds several: every id begins with the name of the world."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.ledger = ledger
        self.name = name

    def read(self, reading: Reading) -> None:
        own = self._own(reading)
        assert self.ledger.writer.readings.record(own, if_version=self.ledger.reader.invoice_version(own.invoice.id))

    def read_customer(self, customer: Customer) -> None:
        self.ledger.writer.readings.record_customer(self._own_customer(customer), DUE_AT)

    def read_list(self, readings: list[Reading], number: int) -> list[str]:
        differing = self.ledger.writer.readings.record_page([self._own(reading) for reading in readings], number)
        return [invoice_id.removeprefix(self.name) for invoice_id in differing]

    def read_whole(self, books: "Books") -> None:
        """A reconcile, as `sync` does it, and each customer."""
        number = self.ledger.writer.readings.begin_reconcile()
        for invoice_id in self.read_list(books.open(), number):
            self.read(books.reading(invoice_id))
        for invoice_id in self.ledger.reader.open_not_seen_in(number, self.name, 1000):
            if invoice_id.startswith(self.name):
                self.read(books.reading(invoice_id.removeprefix(self.name)))
        for customer in books.customers.values():
            self.read_customer(customer)

    def seen(self) -> dict[str, Any]:
        """What the ledger knows of each account of this world that has something to it."""
        ids = [row.id for row in self.ledger.reader.accounts() if row.id.startswith(self.name)]
        found = {}
        for facts in self.ledger.reader.facts(ids):
            account = self.ledger.reader.account(facts.account_id)
            owed = tuple(self._common(one) for one in facts.invoices)
            if owed or facts.contacts:
                found[self._bare(facts.account_id)] = (account.name, account.locale, facts.mapped, facts.contacts, owed)
        return found

    def _own(self, reading: Reading) -> Reading:
        shown = reading.invoice
        ids = {"id": self.name + shown.id, "customer_id": self.name + shown.customer_id, "lineage": self.name + shown.lineage}
        replaced_by = None if shown.replaced_by is None else self.name + shown.replaced_by
        return Reading(invoice=replace(shown, **ids, replaced_by=replaced_by), customer=self._own_customer(reading.customer))

    def _own_customer(self, customer: Customer) -> Customer:
        account_id = None if customer.account_id is None else self.name + customer.account_id
        return replace(customer, id=self.name + customer.id, account_id=account_id)

    def _common(self, one: Invoice) -> tuple[Any, ...]:
        ids = (one.id, one.customer_id, one.account_id, one.lineage, one.replaced_by or "")
        return (*map(self._bare, ids), one.status, one.remaining_minor, one.number, one.due_at)

    def _bare(self, name: str) -> str:
        return name.removeprefix(self.name)


class Books:
    """What the biller has, now and at every earlier moment."""

    def __init__(self) -> None:
        self.customers = {name: a_customer(id=name, account_id="x", name=name) for name in ("cus_1", "cus_2")}
        self.invoices: dict[str, Invoice] = {}
        self.answers: list[Reading] = []
        self.lists: list[list[Reading]] = [[]]
        self.known_customers: list[Customer] = list(self.customers.values())

    def reading(self, invoice_id: str) -> Reading:
        shown = self.invoices[invoice_id]
        return Reading(invoice=shown, customer=self.customers[shown.customer_id])

    def open(self) -> list[Reading]:
        return [self.reading(one.id) for one in self.invoices.values() if one.status == "open"]

    def put(self, *changed: Invoice) -> None:
        for one in changed:
            self.invoices[one.id] = one
        self.answers.extend(self.reading(one.id) for one in changed)
        self.lists.append(self.open())

    def put_customer(self, customer: Customer) -> None:
        self.customers[customer.id] = customer
        self.known_customers.append(customer)
        self.answers.extend(self.reading(one.id) for one in self.invoices.values() if one.customer_id == customer.id)
        self.lists.append(self.open())


class AnyOrder(RuleBasedStateMachine):
    """The books change; the noisy world hears of it by chance, the clean one once, at the end."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        super().__init__()
        self.books = Books()
        self.noisy, self.clean = World(ledger, f"noisy{number}-"), World(ledger, f"clean{number}-")
        self.numbers = count(1)

    def some(self, which: Callable[[Invoice], bool], pick: int) -> Invoice | None:
        found = [one for one in self.books.invoices.values() if which(one)]
        return found[pick % len(found)] if found else None

    @rule(customer=st.sampled_from(["cus_1", "cus_2"]))
    def issue(self, customer: str) -> None:
        number = next(self.numbers)
        self.books.put(invoice(number, customer_id=customer, created_at=on(number), account_id=""))

    @rule(pick=PICK, amount=st.integers(1, 5000))
    def pay_a_part(self, pick: int, amount: int) -> None:
        if one := self.some(lambda one: one.status == "open", pick):
            self.books.put(replace(one, remaining_minor=amount))

    @rule(pick=PICK, status=st.sampled_from(["paid", "void", "uncollectible"]))
    def settle(self, pick: int, status: str) -> None:
        if one := self.some(lambda one: one.status in {"open", "uncollectible"}, pick):
            self.books.put(replace(one, status=status, remaining_minor=0 if status == "paid" else one.remaining_minor))

    @rule(pick=PICK)
    def revise(self, pick: int) -> None:
        if one := self.some(lambda one: one.status == "open" and one.lineage == one.id, pick):
            number = next(self.numbers)
            newer = replace(one, id=f"in_{number}", lineage=one.id, created_at=on(number))
            self.books.put(newer, replace(one, status="void", replaced_by=newer.id))

    @rule(
        customer=st.sampled_from(["cus_1", "cus_2"]),
        account=st.sampled_from(["x", "y", None]),
        name=st.sampled_from(["", "One", "Two"]),
        locale=st.sampled_from([None, "de"]),
        people=st.sets(st.sampled_from(ADDRESSES)),
    )
    def change_a_customer(
        self, customer: str, account: str | None, name: str, locale: str | None, people: set[tuple[Audience, str]]
    ) -> None:
        after = Customer(id=customer, account_id=account, name=name, locale=locale, addresses=tuple(people))
        self.books.put_customer(after)

    @precondition(lambda self: self.books.answers)
    @rule(pick=PICK)
    def hear_some_answer(self, pick: int) -> None:
        self.noisy.read(self.books.answers[pick % len(self.books.answers)])

    @rule(pick=PICK)
    def hear_of_some_customer(self, pick: int) -> None:
        self.noisy.read_customer(self.books.known_customers[pick % len(self.books.known_customers)])

    @rule(pick=PICK)
    def hear_some_list(self, pick: int) -> None:
        self.noisy.read_list(self.books.lists[pick % len(self.books.lists)], 0)

    def teardown(self) -> None:
        self.noisy.read_whole(self.books)
        self.clean.read_whole(self.books)

        assert self.noisy.seen() == self.clean.seen()


def test_one_clean_read_ends_every_confusion(ledger: Ledger) -> None:
    numbers = count()
    few = settings(
        max_examples=30, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=False
    )

    run_state_machine_as_test(lambda: AnyOrder(ledger, next(numbers)), settings=few)
