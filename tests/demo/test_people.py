"""The invented customers: that the demo has the variety that it promises, and a past that the stand-in accepts."""

from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.demo.people import PEOPLE, move_in
from gatekeeper.demo.standin.books import Books
from gatekeeper.wording.formats import exponent
from tests.kit.standin import MovableClock

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)


@pytest.fixture
def books() -> Books:
    clock = MovableClock(NOW)
    books = Books(clock)
    move_in(books, NOW, lambda at: setattr(clock, "now", at))
    assert clock.now == NOW
    return books


def test_the_customers_differ_in_what_matters() -> None:
    assert {exponent(who.currency) for who in PEOPLE} == {0, 2, 3}
    assert len({who.locale.partition("-")[0] for who in PEOPLE}) == 4
    assert [who.account_id for who in PEOPLE if who.user is None] == ["bright-dhow"]
    assert [who.account_id for who in PEOPLE if who.user == who.accountant] == ["brzask"]
    assert all(address.endswith(".example") for who in PEOPLE for address in (who.accountant, who.user) if address)


def test_every_invoice_falls_due_when_its_owner_says(books: Books) -> None:
    expected = {(who.name, NOW + due_in) for who in PEOPLE for due_in in who.due_in}
    sent = [it for it in books.invoices.values() if it.due_date is not None]

    assert {(it.customer_name, datetime.fromtimestamp(it.due_date or 0, UTC)) for it in sent} == expected
    assert {it.status for it in sent} == {"open"}


def test_a_card_that_failed_has_left_one_open_invoice_and_stripe_tries_again(books: Books) -> None:
    paid, failed = (it for it in books.invoices.values() if it.collection_method == "charge_automatically")

    assert (paid.status, failed.status, failed.attempt_count) == ("paid", "open", 1)
    assert failed.billing_reason == "subscription_cycle"
    assert datetime.fromtimestamp(failed.next_payment_attempt or 0, UTC) == NOW + timedelta(days=1)
