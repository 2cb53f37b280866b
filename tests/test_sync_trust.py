"""Whose books are read, and when they are believed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Identity
from gatekeeper.policy.decide import decide
from gatekeeper.policy.explain import sentence
from gatekeeper.policy.rules import Rules
from gatekeeper.sync import WrongBooks
from tests.billing.reading import bill, debtor, reading_from
from tests.kit.office import Office, opened_office

ACCOUNT = "acct_standin"
# What every reconcile asks for beside the invoices
ASIDE = ["test_helpers/test_clocks", "disputes"]


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with opened_office(database_url) as made:
        yield made


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
    office.ledger.writer.reconciles.pin(Identity(account=ACCOUNT, livemode=True))
    distrust = untouched_by(
        office, office.sync.reconcile, "kept for the live books of acct_standin, but the key opens the test books"
    )
    assert distrust


def test_the_books_are_verified_again_at_every_reconcile(office: Office) -> None:
    office.sync.reconcile()
    office.sync.invoice("in_1")
    assert office.asked() == ["account", "invoices", "invoices", *ASIDE, "invoices/in_1"]
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
