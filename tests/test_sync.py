"""Stripe's books into a real ledger, over real HTTP: what is written is what was read, and absence is no evidence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import stripe

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Audience, Identity
from gatekeeper.policy.decide import decide
from gatekeeper.policy.explain import sentence
from gatekeeper.policy.rules import Rules
from gatekeeper.sync import Sync, WrongBooks
from tests.billing.reading import Answer, Between, between, bill, debtor, reading_from
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import MovableClock

ACCOUNT = "acct_standin"


@dataclass
class Office:
    """A stand-in, a ledger, and the sync between them, which can be watched and disturbed on the wire."""

    standin: Standin
    clock: MovableClock
    ledger: Ledger
    passing: Between
    source: StripeBooks

    def __post_init__(self) -> None:
        self.sync = self.sync_of()

    def sync_of(self, *, pinned_account: str = "", source: StripeBooks | None = None) -> Sync:
        return Sync(
            source or self.source, self.ledger.reader, self.ledger.writer.readings, self.clock, pinned_account=pinned_account
        )

    @property
    def reader(self) -> Reader:
        return self.ledger.reader

    def statuses(self) -> dict[str, str]:
        return {row["id"]: row["status"] for row in self.ledger.rows("invoices")}

    def asked(self) -> list[str]:
        """The paths of what was asked since this was last called, without what follows the question mark."""
        paths = [path.partition("?")[0].removeprefix("/v1/") for path in self.passing.paths]
        self.passing.paths.clear()
        return paths

    def addresses(self, account: str = "acme") -> set[str]:
        return {contact.address for contact in self.ledger.facts(account).contacts}


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    clock = MovableClock()
    with (
        Standin(clock) as standin,
        opened(database_url) as ledger,
        between(standin) as passing,
        reading_from(passing.url, clock) as source,
    ):
        yield Office(standin, clock, ledger, passing, source)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK repeats a failed request at once, and not after a second or two."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)


# The lock of an invoice around fetch and write


def test_a_payment_between_fetch_and_write_is_not_written_over(office: Office) -> None:
    """The answer "open" is on its way when somebody else reads "paid": the one that asked first must not write last."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()

    with reading_from(office.standin.url, office.clock) as beside:

        def overtaken(_path: str, answer: Answer) -> Answer:
            office.passing.alter = lambda _, later: later
            office.standin.books.pay(one)
            office.sync_of(source=beside).invoice(one)
            return answer

        office.passing.alter = overtaken
        office.asked()
        office.sync.invoice(one)
    assert office.statuses() == {one: "paid"}
    assert office.asked() == [f"invoices/{one}"] * 2


def test_an_invoice_that_changes_all_the_time_is_left_to_the_next_round(office: Office) -> None:
    one = bill(office.standin, debtor(office.standin), 100_000)
    office.sync.reconcile()
    with reading_from(office.standin.url, office.clock) as beside:
        other = office.sync_of(source=beside)

        def always_overtaken(_path: str, answer: Answer) -> Answer:
            office.standin.books.part_pay(one, 100)
            other.invoice(one)
            return answer

        office.passing.alter = always_overtaken
        office.asked()
        with pytest.raises(SourceUnavailable, match="changes faster than it can be read"):
            office.sync.invoice(one)
        assert len(office.asked()) == 8
    assert office.reader.invoice(one).remaining_minor == 99_200


def test_a_list_that_is_older_than_a_payment_reopens_nothing(office: Office) -> None:
    """Case 8: it was asked for before the payment and comes after it."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    with reading_from(office.standin.url, office.clock) as beside:

        def overtaken(path: str, answer: Answer) -> Answer:
            if path.startswith("/v1/invoices?"):
                office.standin.books.pay(one)
                office.sync_of(source=beside).invoice(one)
            return answer

        office.passing.alter = overtaken
        office.sync.reconcile()
    assert office.statuses() == {one: "paid"}


# Revisions


def test_the_successor_is_written_before_the_invoice_that_it_replaces(office: Office) -> None:
    """A debt that moved is at no moment a debt forgiven."""
    old = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    new = office.standin.books.revise(old, amount=900).id
    office.standin.faults.add(Fault(kind="error", times=3, path=f"/v1/invoices/{new}"))
    with pytest.raises(SourceUnavailable):
        office.sync.invoice(old)
    assert office.statuses() == {old: "open"}
    office.sync.invoice(old)
    assert office.statuses() == {old: "void", new: "open"}
    assert office.reader.invoice(new).lineage == old


def test_a_successor_that_is_known_as_a_draft_is_read_again_first(office: Office) -> None:
    old = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    draft = office.standin.books.create_revision(old, days_until_due=7).id
    office.sync.invoice(draft)
    office.standin.books.finalize(draft)
    office.standin.faults.add(Fault(kind="error", times=3, path=f"/v1/invoices/{draft}"))
    with pytest.raises(SourceUnavailable):
        office.sync.invoice(old)
    assert office.statuses() == {old: "open", draft: "draft"}
    office.sync.invoice(old)
    assert office.statuses() == {old: "void", draft: "open"}


@pytest.mark.parametrize("order", [(0,), (1,), (2,), (0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_a_chain_of_revisions_is_one_debt_in_whatever_order_it_is_read(office: Office, order: tuple[int, ...]) -> None:
    first = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    second = office.standin.books.revise(first, amount=800).id
    third = office.standin.books.revise(second, amount=1200).id
    chain = (first, second, third)
    for one in order:
        office.sync.invoice(chain[one])
    office.sync.reconcile()
    assert office.statuses() == {first: "void", second: "void", third: "open"}
    assert {row["lineage"] for row in office.ledger.rows("invoices")} == {first}
    assert [invoice.remaining_minor for invoice in office.ledger.facts().invoices] == [1200]


def test_revisions_that_lead_in_a_circle_come_to_an_end(office: Office) -> None:
    first, second = (bill(office.standin, debtor(office.standin)) for _ in range(2))
    circle = {first: second, second: first}
    office.passing.document(lambda document: document | {"latest_revision": circle.get(document["id"])})
    office.sync.invoice(first)
    assert set(office.statuses()) == {first, second}


# What a list does not show


def test_whatever_vanished_from_the_list_is_read_by_itself(office: Office) -> None:
    who = debtor(office.standin)
    paid, void, lost, credited, still = (bill(office.standin, who) for _ in range(5))
    office.sync.reconcile()
    office.standin.books.pay(paid, out_of_band=True)
    office.standin.books.void(void)
    office.standin.books.mark_uncollectible(lost)
    office.standin.books.credit(credited, 1000)
    assert office.sync.reconcile() == 4
    assert office.statuses() == {paid: "paid", void: "void", lost: "uncollectible", credited: "open", still: "open"}
    assert [invoice.id for invoice in office.ledger.facts().invoices if invoice.owed] == [still]
    assert office.sync.reconcile() == 0


def test_an_empty_list_restores_nobody_who_still_owes(office: Office) -> None:
    """Case 5: everything is read again by itself, and is open."""
    owed = {bill(office.standin, debtor(office.standin, f"account-{n}")): "open" for n in range(3)}
    office.sync.reconcile()
    office.standin.faults.add(Fault(kind="empty", path="/v1/invoices"))
    assert office.sync.reconcile() == 3
    assert office.statuses() == owed


def test_404_for_everything_changes_nothing(office: Office) -> None:
    """Case 6, behind the right account: nothing is evidence for or against, and nothing is freshly read."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    office.sync.invoice(one)
    before = office.ledger.rows("invoices"), office.ledger.rows("accounts")
    hidden = office.standin.books.invoices.copy()
    office.standin.books.invoices.clear()
    office.clock.move(hours=1)
    office.sync.reconcile()
    office.sync.invoice(one)
    after = office.ledger.rows("invoices"), office.ledger.rows("accounts")
    assert after == before
    office.standin.books.invoices.update(hidden)


@pytest.mark.parametrize("kind", ["error", "html", "unauthorized"])
def test_a_list_that_breaks_off_changes_nothing_that_it_did_not_show(office: Office, kind: str) -> None:
    """Case 7. What it did show is written: the newest are on its first page."""
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(110)]
    office.sync.reconcile()
    settled = [*bills[:2], *bills[-2:]]
    for one in settled:
        office.standin.books.pay(one)
    on_its_pages = bills[5], bills[-20]
    for one in on_its_pages:
        office.standin.books.part_pay(one, 100)
    office.standin.faults.add(Fault(kind=kind, times=3, skip=2, path="/v1/invoices"))
    with pytest.raises(SourceUnavailable):
        office.sync.reconcile()
    assert set(office.statuses().values()) == {"open"}
    assert [office.reader.invoice(one).remaining_minor for one in on_its_pages] == [1000, 900]
    office.standin.faults.clear()
    office.sync.reconcile()
    assert {one for one, status in office.statuses().items() if status == "paid"} == set(settled)


def test_five_hundred_open_invoices_are_five_questions_and_one_for_each_that_vanished(office: Office) -> None:
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(500)]
    assert office.sync.reconcile() == 0
    assert office.asked() == ["account", *["invoices"] * 5]
    for one in bills[::100]:
        office.standin.books.pay(one)
    assert office.sync.reconcile() == 5
    assert office.asked() == ["account", *["invoices"] * 5, *[f"invoices/{one}" for one in sorted(bills[::100])]]


def test_between_two_pages_and_two_single_readings_there_is_time_for_others(office: Office) -> None:
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(101)]
    office.sync.reconcile()
    for one in bills[:3]:
        office.standin.books.pay(one)
    pauses: list[int] = []
    office.sync.reconcile(between=lambda: pauses.append(1))
    assert len(pauses) == 1 + 3


# Whose books


def test_the_books_that_are_seen_first_are_pinned(office: Office) -> None:
    assert office.reader.state().identity is None
    office.sync.reconcile()
    assert office.reader.state().identity == Identity(account=ACCOUNT, livemode=False)


def untouched_by(office: Office, read: Callable[[], object], match: str) -> str:
    """Reading raises WrongBooks and leaves every table as it was, but for the distrust, which is handed back."""
    before = office.ledger.dump()
    with pytest.raises(WrongBooks, match=match):
        read()
    after = office.ledger.dump()
    distrust = after["state"][0]["distrust"]
    assert {name: rows for name, rows in after.items() if name != "state"} == {
        name: rows for name, rows in before.items() if name != "state"
    }
    assert after["state"][0] | {"distrust": ""} == before["state"][0] | {"distrust": ""}
    return str(distrust)


def test_another_account_than_the_settings_name_is_not_read(office: Office) -> None:
    bill(office.standin, debtor(office.standin))
    sync = office.sync_of(pinned_account="acct_other")
    text = f"the key opens account {ACCOUNT}, but stripe.account is acct_other"
    assert untouched_by(office, sync.reconcile, text) == text
    untouched_by(office, lambda: sync.invoice("in_1"), text)
    untouched_by(office, lambda: sync.customer("cus_1"), text)
    assert office.reader.state().identity is None
    assert set(office.asked()) == {"account"}


def test_the_key_of_another_account_is_noticed_before_any_write(office: Office) -> None:
    """Case 6: every invoice of ours is a 404 there."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    with Standin(office.clock, account="acct_other") as other, reading_from(other.url, office.clock) as source:
        bill(other, debtor(other, "stranger"))
        sync = office.sync_of(source=source)
        distrust = untouched_by(
            office, sync.reconcile, "kept for the test books of acct_standin, but the key opens the test books of acct_other"
        )
        untouched_by(office, lambda: office.sync_of(source=source).invoice(one), "acct_other")
        assert {entry.path for entry in other.log.entries()} == {"/v1/account"}
    assert "acct_other" in distrust


def test_a_test_key_on_a_live_ledger_is_noticed(office: Office) -> None:
    office.ledger.writer.readings.pin(Identity(account=ACCOUNT, livemode=True))
    distrust = untouched_by(
        office, office.sync.reconcile, "kept for the live books of acct_standin, but the key opens the test books"
    )
    assert distrust


def test_the_books_are_verified_again_at_every_reconcile(office: Office) -> None:
    office.sync.reconcile()
    office.sync.invoice("in_1")
    assert office.asked() == ["account", "invoices", "invoices/in_1"]
    office.passing.document(lambda document: document | ({"id": "acct_other"} if document["object"] == "account" else {}))
    with pytest.raises(WrongBooks):
        office.sync.reconcile()
    with pytest.raises(WrongBooks):
        office.sync.invoice("in_1")


# Distrust


def reasons(office: Office, now: datetime) -> str:
    """What `why` says of the account."""
    verdict = decide(office.ledger.facts(), Rules(), now)
    return "\n".join(sentence(reason, str, str) for reason in verdict.reasons)


def test_a_failed_reconcile_is_said_until_one_succeeds(office: Office) -> None:
    bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    office.clock.move(days=8)
    assert "cannot be believed" not in reasons(office, office.clock())
    office.ledger.settle_all()
    office.standin.faults.add(Fault(kind="unauthorized", path="/v1/invoices"))
    with pytest.raises(SourceUnavailable):
        office.sync.reconcile()
    assert "Stripe refuses the key (401); put a valid one into stripe.api_key" in office.reader.state().distrust
    assert "cannot be believed at the moment: Stripe refuses the key" in reasons(office, office.clock())
    office.sync.reconcile()
    assert office.reader.state().distrust == ""
    assert "cannot be believed" not in reasons(office, office.clock())


def test_before_the_books_were_read_whole_nothing_is_believed(office: Office) -> None:
    one = bill(office.standin, debtor(office.standin))
    office.sync.invoice(one)
    assert office.ledger.facts().distrust == "the books have not been read whole yet"
    office.sync.reconcile()
    assert office.ledger.facts().distrust == ""


def test_a_reconcile_counts_as_of_its_beginning(office: Office) -> None:
    bill(office.standin, debtor(office.standin))
    began_at = office.clock()
    office.sync.reconcile(between=lambda: office.clock.move(minutes=7))
    assert office.reader.state().reconciled_at == office.reader.state().watched_since_at == began_at
    office.clock.move(hours=1)
    office.sync.reconcile()
    assert office.reader.state().watched_since_at == began_at
    assert office.reader.state().reconciled_at == office.clock()


def test_a_list_is_no_fresh_reading_and_a_single_one_is(office: Office) -> None:
    """Rule 2 of the design: suspension needs the invoice itself, at most a minute old."""
    one = bill(office.standin, debtor(office.standin))
    office.clock.move(days=8)
    office.sync.reconcile()
    assert office.reader.invoice(one).read_at < office.clock() - timedelta(days=7)
    office.sync.invoice(one)
    assert office.reader.invoice(one).read_at == office.clock()


def test_a_payment_on_its_way_counts_from_when_it_was_first_seen(office: Office) -> None:
    """So that a hold for it comes to an end, and so that its end is known."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    office.clock.move(days=20)
    office.standin.books.start_processing(one)
    office.sync.invoice(one)
    first_seen_at = office.clock()
    office.clock.move(days=3)
    office.sync.invoice(one)
    office.sync.reconcile()
    assert office.reader.invoice(one).processing_since_at == first_seen_at
    office.standin.books.fail_processing(one)
    office.sync.invoice(one)
    assert office.reader.invoice(one).processing_since_at is None
    assert office.reader.invoice(one).processing_ended_at == office.clock()


# Customers


def test_the_current_address_is_used_and_not_the_frozen_one(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.standin.books.update_customer(who, {"email": "new@acme.example"})
    assert office.standin.books.invoice(one).customer_email == "ap@acme.example"
    office.sync.reconcile()
    assert office.addresses() == {"new@acme.example", "user@acme.example"}


@pytest.mark.parametrize("how", ["an event", "a list"])
def test_a_change_of_the_customer_changes_the_contacts(office: Office, how: str) -> None:
    bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.update_customer(
        who, {"email": "new@acme.example", "metadata": {"user_email": "a@x.example,b@x.example"}}
    )
    if how == "an event":
        office.sync.customer(who)
    else:
        office.sync.reconcile()
    contacts = {(contact.audience, contact.address) for contact in office.ledger.facts().contacts}
    assert contacts == {
        (Audience.ACCOUNTANT, "new@acme.example"),
        (Audience.USER, "a@x.example"),
        (Audience.USER, "b@x.example"),
    }


def test_the_invoices_of_a_customer_that_moves_move_with_it(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.update_customer(who, {"metadata": {"account_id": "renamed"}})
    office.sync.customer(who)
    assert office.reader.invoice(one).account_id == "renamed"
    assert office.ledger.facts().invoices == ()


def test_a_deleted_customer_still_owes_and_nobody_of_it_can_be_written_to(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.delete_customer(who)
    office.sync.customer(who)
    office.sync.reconcile()
    office.sync.invoice(one)
    facts = office.ledger.facts()
    assert ([invoice.id for invoice in facts.invoices], facts.contacts) == ([one], ())


def test_a_customer_without_an_account_is_one_of_its_own_and_held(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin, metadata={}))
    office.sync.reconcile()
    facts = office.ledger.facts(who)
    assert ([invoice.id for invoice in facts.invoices], facts.mapped) == ([one], False)
    office.standin.books.update_customer(who, {"metadata": {"account_id": "acme"}})
    office.sync.reconcile()
    assert office.ledger.facts().mapped
    assert [invoice.id for invoice in office.ledger.facts().invoices] == [one]


def test_two_customers_of_one_account_are_one_debtor(office: Office) -> None:
    both = {bill(office.standin, debtor(office.standin, email=f"{n}@acme.example")) for n in (1, 2)}
    office.sync.reconcile()
    assert {invoice.id for invoice in office.ledger.facts().invoices} == both
    assert {"1@acme.example", "2@acme.example"} <= office.addresses()


def test_where_the_customer_is_the_account_a_deleted_one_keeps_it(office: Office) -> None:
    with reading_from(office.standin.url, office.clock, mapper=Mapper(account_id_from="id", contacts_from={})) as source:
        one = bill(office.standin, who := debtor(office.standin))
        office.standin.books.delete_customer(who)
        office.sync_of(source=source).invoice(one)
    assert office.reader.invoice(one).account_id == who
    assert office.ledger.facts(who).mapped


def test_a_customer_that_there_is_not_changes_nothing(office: Office) -> None:
    before = office.ledger.rows("customers")
    office.sync.customer("cus_none")
    assert office.ledger.rows("customers") == before


def test_hostile_names_are_kept_on_every_database(office: Office) -> None:
    """One customer's name must not stop the reading of the others."""
    bill(office.standin, debtor(office.standin, name="A\0c\ud83dme"))
    bill(office.standin, debtor(office.standin, "other"))
    office.sync.reconcile()
    assert {row["name"] for row in office.ledger.rows("customers")} == {"Ac?me", "Other"}


def test_what_cannot_be_read_stops_the_reconcile_and_is_named(office: Office) -> None:
    one = bill(office.standin, debtor(office.standin))

    def renamed(document: Any) -> None:
        for invoice in document.get("data", ()):
            invoice["amount_left"] = invoice.pop("amount_remaining")

    office.passing.document(renamed)
    with pytest.raises(SourceUnavailable, match=rf"invoice {one} .*\(amount_remaining: Field required\)"):
        office.sync.reconcile()
    assert office.statuses() == {}
    assert one in office.reader.state().distrust
