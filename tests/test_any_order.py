"""Order does not matter: any order, doubling and loss of events, whatever is reviewed, sent or down meanwhile, ends after one
reconcile in the ledger that one clean read of the same books gives.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.model import Audience, Contact, Facts, Reading
from tests.kit.builders import DUE_AT
from tests.kit.ledger import Ledger, opened
from tests.kit.rig import Rig

_ACCOUNTS: Final = ("acme", "bolt", "gone")


class History:
    """The books of three accounts change; the ledger hears of it what, when and how often it is told to."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.folder = ledger, folder

    def begin(self) -> None:
        self.ledger.forget()
        self.rig = Rig(self.ledger, self.folder)
        self.books = self.rig.books
        self.books.page_size = 2
        self.told_paid: set[str] = set()
        self.answers: list[Reading] = []
        self.events: list[tuple[str, str, dict[str, object]]] = []
        for account in _ACCOUNTS:
            self.books.owe(account)
        self.first = self.books.invoices | {}, self.books.customers | {}
        self.worker = self.rig.worker()
        self.rig.sync.reconcile()

    # What happens in the books

    def bill(self, which: int) -> None:
        self._tell(self.books.owe(_ACCOUNTS[which % 3], created_at=self.rig.clock()), "invoice.finalized")

    def bill_a_draft(self, which: int) -> None:
        self._tell(self.books.owe(_ACCOUNTS[which % 3], status="draft"), "invoice.created")

    def change(self, which: int, how: str) -> None:
        """Something happens to an invoice, if Stripe lets it."""
        one = list(self.books.invoices.values())[which % len(self.books.invoices)]
        change = _CHANGES[how](one)
        if change is not None:
            settled = {"settled_at": self.rig.clock()} if change.get("status") in {"paid", "void"} else {}
            self.books.change(one.id, **(change | settled))
            self._tell(one.id, "invoice.paid" if change.get("status") == "paid" else "invoice.updated")

    def revise(self, which: int) -> None:
        one = list(self.books.invoices.values())[which % len(self.books.invoices)]
        if one.status == "open" and one.lineage == one.id:
            newer = self.books.revise(one.id, remaining_minor=one.remaining_minor + which - 20)
            for told in (newer, one.id):
                self._tell(told, "invoice.updated")

    def dispute(self, which: int) -> None:
        account = _ACCOUNTS[which % 3]
        held = self.books.open_disputes.get(f"dp_{account}")
        closes = held is not None and held.dispute.closed_at is None
        self._tell(
            self.books.dispute_payment(account, closed_at=self.rig.clock() if closes else None), "charge.dispute.updated"
        )

    def change_customer(self, which: int, account: str, name: str, locale: str | None) -> None:
        customer_id = f"cus_{_ACCOUNTS[which % 2]}"
        people = ((Audience.ACCOUNTANT, f"{name}@new.example"),)
        changed = replace(
            self.books.customers[customer_id], account_id=account or None, name=name, locale=locale, addresses=people
        )
        self.books.customers[customer_id] = changed
        self._tell(customer_id, "customer.updated")

    def delete_customer(self) -> None:
        self.books.customers["cus_gone"] = replace(
            self.books.customers["cus_gone"], account_id=None, name="", addresses=(), deleted=True
        )
        self._tell("cus_gone", "customer.deleted")

    # What the house hears and does

    def hear(self, which: int) -> None:
        """Some event arrives: for the first time, or again, however old."""
        if self.events:
            object_id, kind, shows = self.events[which % len(self.events)]
            self.rig.event(object_id, kind, **shows)
            if shows.get("status") == "paid":
                self.told_paid.add(object_id)
        self.attend()

    def hear_an_old_answer(self, which: int) -> None:
        """Stripe shows an invoice as it was once: nothing that is confirmed as paid is owed again by that."""
        if self.answers:
            old = self.answers[which % len(self.answers)]
            version = self.ledger.reader.invoice_version(old.invoice.id)
            (before,) = self.ledger.rows("invoices", id=old.invoice.id) or [{"status": "unknown", "confirmed": False}]
            assert self.ledger.writer.readings.record(old, if_version=version)
            held = self.ledger.reader.invoice(old.invoice.id)
            assert held is not None
            if before["status"] in {"paid", "void"} and before["confirmed"]:
                assert held.status == before["status"]
            elif held.status != "paid":
                self.told_paid.discard(old.invoice.id)

    def attend(self) -> None:
        """A review plans no letter about an invoice whose payment we were told of."""
        known = {row["id"] for row in self.ledger.rows("notices")}
        self.worker.attend()
        lineages = {row["id"]: row["lineage"] for row in self.ledger.rows("invoices")}
        owed = {lineages[one] for one in lineages if one not in self.told_paid}
        for row in self.ledger.rows("notices"):
            assert row["id"] in known or row["step"] == "restored" or set(row["named"]) <= owed

    def post(self) -> None:
        self.rig.post()

    def outage(self, lasts: int) -> None:
        self.books.down = "no answer" if lasts else ""

    def reconcile_in_vain(self, pages: int) -> None:
        self.books.breaks_at = pages
        with contextlib.suppress(SourceUnavailable):
            self.rig.sync.reconcile()
        self.books.breaks_at = None

    def wait(self, minutes: int) -> None:
        self.rig.clock.move(minutes=minutes)

    def end(self) -> None:
        """Stripe answers again, and the books are read once; nothing that is paid is written about from now on."""
        self.books.down = ""
        self.rig.clock.move(hours=2)
        self.rig.sync.reconcile()
        assert self.statuses_are_true()
        self.told_paid |= {one.id for one in self.books.invoices.values() if one.status == "paid"}
        self.attend()
        owing = {one.customer_id for one in self.books.invoices.values() if one.status in {"open", "uncollectible"}}
        for customer_id in self.books.customers.keys() - owing:  # which no list of what is owed can show
            self.rig.sync.customer(customer_id)

    # What is known in the end

    def known(self) -> tuple[dict[str, Any], dict[str, bool]]:
        """What the facts show of each account that has something to it; and, as no list shows that, what is processing."""
        accounts = [row["id"] for row in self.ledger.rows("accounts")]
        shown = {facts.account_id: _seen(facts) for facts in self.ledger.reader.facts(accounts)}
        owing = [one.id for one in self.books.invoices.values() if one.status in {"open", "uncollectible"}]
        for invoice_id in owing:
            self.rig.sync.invoice(invoice_id)
        rows = [row for row in self.ledger.rows("invoices") if row["id"] in owing]
        processing = {row["id"]: row["processing_since_at"] is not None for row in rows}
        return {account: seen for account, seen in shown.items() if any(seen[:3])}, processing

    def statuses_are_true(self) -> bool:
        """Whether every invoice that the ledger holds is as it is, whatever it is; a draft that is gone may stay one."""
        rows = self.ledger.rows("invoices")
        return all(row["confirmed"] and row["status"] == self.books.invoices[row["id"]].status for row in rows)

    def read_cleanly(self) -> None:
        """An empty ledger that heard of the books when they began, and of what they are now."""
        final = self.books.invoices, self.books.customers
        disputes, self.books.open_disputes = self.books.open_disputes, {}
        self.ledger.forget()
        self.books.invoices, self.books.customers = self.first
        self.rig.sync.reconcile()
        self.books.invoices, self.books.customers = final
        self.books.open_disputes = disputes
        self.end()

    def _tell(self, object_id: str, kind: str) -> None:
        self.wait(1)
        shown = self.books.invoices.get(object_id)
        if shown is not None:
            customer = self.books.customers[shown.customer_id]
            self.answers.append(Reading(invoice=replace(shown, read_at=self.rig.clock()), customer=customer))
        self.events.append((object_id, kind, {} if shown is None else {"status": shown.status}))


def _if_owing(**change: object) -> Any:
    return lambda one: change if one.status in {"open", "uncollectible"} else None


_CHANGES: Final[dict[str, Any]] = {
    "finalize": lambda one: {"status": "open"} if one.status == "draft" else None,
    "fail": lambda one: {"attempted": True, "next_attempt_at": DUE_AT} if one.status == "open" else None,
    "pay a part": lambda one: {"remaining_minor": max(1, one.remaining_minor - 700)} if one.status == "open" else None,
    "credit all": lambda one: {"remaining_minor": 0} if one.status == "open" else None,
    "write off": lambda one: {"status": "uncollectible"} if one.status == "open" else None,
    "process": lambda one: {"processing_since_at": DUE_AT} if one.status == "open" else None,
    "fail to process": lambda one: {"processing_since_at": None} if one.status == "open" else None,
    "pay": _if_owing(status="paid", remaining_minor=0, processing_since_at=None),
    "void": _if_owing(status="void"),
}


_OWN: Final[dict[str, Any]] = {
    "read_at": DUE_AT,
    "pay_token": "",
    "processing_since_at": None,
    "processing_ended_at": None,
}


def _seen(facts: Facts) -> tuple[Any, ...]:
    """Without what each ledger has of its own: readings, tokens and standings, and when it first heard of something."""
    owed = tuple(replace(one, **_OWN) for one in facts.invoices)
    people = {replace(one, set_at=None) for one in facts.contacts}
    said = (facts.mapped, facts.distrust, facts.country, facts.time_zone, facts.plan, facts.tags, facts.clock_at)
    return owed, frozenset[Contact](people), facts.disputes, said


@pytest.fixture
def history(database_url: str, tmp_path: Path) -> Iterator[History]:
    with opened(database_url) as ledger:
        ledger.hasten()
        yield History(ledger, tmp_path)


def _does(name: str, *arguments: Any) -> Any:
    return st.tuples(st.just(name), st.tuples(*arguments))


which = st.integers(0, 40)
change = _does("change", which, st.sampled_from(sorted(_CHANGES)))
hear = _does("hear", which)
happens = st.one_of(
    change,
    change,
    change,
    _does("bill", which),
    _does("bill_a_draft", which),
    _does("revise", which),
    _does("dispute", which),
    _does(
        "change_customer",
        which,
        st.sampled_from(["acme", "bolt", "new", ""]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "de"]),
    ),
    _does("delete_customer"),
)
goes_on = st.one_of(
    _does("hear_an_old_answer", which),
    _does("attend"),
    _does("post"),
    _does("outage", st.booleans()),
    _does("wait", which),
    _does("reconcile_in_vain", st.integers(0, 3)),
)
histories = st.lists(st.one_of(happens, happens, hear, hear, goes_on), max_size=25)

PAID_WHILE_STRIPE_IS_AWAY = [("outage", (1,)), ("change", (0, "pay")), ("hear", (0,)), ("attend", ())]
PAID_AFTER_ALL = [("change", (0, "write off")), ("hear", (0,)), ("change", (0, "pay")), ("hear", (0,))]
AN_OLD_ANSWER_AFTER_THE_PAYMENT = [
    ("change", (0, "fail")),
    ("change", (0, "pay")),
    ("hear", (1,)),
    ("hear_an_old_answer", (0,)),
]
REVISED_UNHEARD = [("revise", (0,)), ("hear", (1,)), ("change", (3, "pay")), ("hear", (0,))]


def test_whatever_was_heard_one_reconcile_ends_in_the_ledger_of_a_clean_read(history: History) -> None:
    examples = 60 if history.ledger.engine.dialect.name == "sqlite" else 12

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(steps=histories)
    @example(steps=PAID_WHILE_STRIPE_IS_AWAY)
    @example(steps=PAID_AFTER_ALL)
    @example(steps=AN_OLD_ANSWER_AFTER_THE_PAYMENT)
    @example(steps=REVISED_UNHEARD)
    def ends_as_a_clean_read(steps: list[tuple[str, tuple[Any, ...]]]) -> None:
        history.begin()
        for name, arguments in steps:
            getattr(history, name)(*arguments)
        history.end()
        heard = history.known()
        history.read_cleanly()
        assert heard == history.known()

    ends_as_a_clean_read()
