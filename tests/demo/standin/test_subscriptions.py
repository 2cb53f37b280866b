"""Subscriptions, their first and later invoices, and what becomes of them when a card fails or their customer goes."""

import pytest
import stripe

from tests.kit.standin import Teller

_DAY = 86_400


def test_a_failed_attempt_at_the_card_counts_and_says_when_the_next_one_is(teller: Teller) -> None:
    own = teller.subscribe()
    assert (own.status, teller.shown()["status"]) == ("active", "paid")
    teller.sdk.customers.update(teller.customer, {"invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}})
    bill = teller.control("renew", subscription_id=own.id)
    now = int(teller.clock().timestamp())
    assert (bill["status"], bill["attempted"], bill["attempt_count"], bill["due_date"]) == ("open", True, 1, None)
    assert bill["next_payment_attempt"] == now + 3 * _DAY
    assert teller.sdk.subscriptions.retrieve(own.id).status == "past_due"
    last = teller.control("fail_payment", invoice_id=bill["id"], retry_in_days=None)
    assert (last["attempt_count"], last["next_payment_attempt"]) == (2, None)
    with pytest.raises(stripe.CardError) as declined:
        teller.sdk.invoices.pay(bill["id"])
    assert (declined.value.code, teller.shown(bill["id"])["attempt_count"]) == ("card_declined", 2)
    teller.sdk.invoices.pay(bill["id"], {"payment_method": "pm_card_visa"})
    assert teller.sdk.subscriptions.retrieve(own.id).status == "active"
    kinds = [event["type"] for event in teller.standin.books.events.values()]
    assert kinds.count("customer.subscription.updated") == 3


def test_a_first_charge_that_fails_leaves_the_subscription_incomplete_for_23_hours(teller: Teller) -> None:
    teller.sdk.customers.update(teller.customer, {"invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}})
    own = teller.subscribe()
    assert (own.status, teller.shown()["billing_reason"]) == ("incomplete", "subscription_create")
    assert teller.shown()["next_payment_attempt"] is None
    teller.clock.move(hours=23)
    assert teller.sdk.subscriptions.retrieve(own.id).status == "incomplete_expired"


def test_the_status_of_a_subscription_follows_its_latest_invoice_alone(teller: Teller) -> None:
    own = teller.subscribe(collection_method="send_invoice", days_until_due=7)
    assert (own.status, teller.shown()["status"]) == ("active", "open")
    teller.clock.move(days=8)
    assert teller.sdk.subscriptions.retrieve(own.id).status == "past_due"
    teller.control("renew", subscription_id=own.id)
    assert teller.sdk.subscriptions.retrieve(own.id).status == "active"


def test_the_first_invoice_stays_a_draft_where_the_books_are_told_so(teller: Teller) -> None:
    teller.standin.books.finalizes_first = False
    teller.subscribe(collection_method="send_invoice", days_until_due=7)
    assert teller.shown()["status"] == "draft"
    assert teller.sdk.invoices.send_invoice(teller.id).status == "open"


def test_ending_a_subscription_or_deleting_its_customer_forgives_nothing(teller: Teller) -> None:
    own = teller.subscribe(collection_method="send_invoice", days_until_due=7, metadata={"seats": "3"})
    other = teller.subscribe(collection_method="send_invoice", days_until_due=7)
    changed = teller.sdk.subscriptions.update(own.id, {"metadata": {"seats": "", "tier": "gold"}, "cancel_at_period_end": True})
    assert (changed.metadata.to_dict(), changed.cancel_at_period_end) == ({"tier": "gold"}, True)
    assert teller.sdk.subscriptions.cancel(own.id).status == "canceled"
    assert teller.sdk.customers.delete(teller.customer).deleted is True
    assert teller.sdk.subscriptions.retrieve(other.id).status == "canceled"
    assert teller.shown()["status"] == "open"
    assert [event["type"] for event in teller.standin.books.events.values()][-2:] == [
        "customer.subscription.deleted", "customer.deleted",
    ]  # fmt: skip
    with pytest.raises(stripe.InvalidRequestError):
        teller.sdk.customers.update(teller.customer, {"name": "Ghost"})


def test_one_paid_invoice_says_that_a_customer_with_older_debts_is_not_delinquent(teller: Teller) -> None:
    own = teller.subscribe()
    older = teller.standin.books.create_invoice(teller.customer, auto_advance=True)
    teller.standin.books.add_line(older.id, 100)
    teller.sdk.invoices.finalize_invoice(older.id)
    teller.control("fail_payment", invoice_id=older.id)
    assert teller.sdk.customers.retrieve(teller.customer).delinquent is True
    teller.control("renew", subscription_id=own.id)
    assert teller.sdk.customers.retrieve(teller.customer).delinquent is False


def test_a_period_ends_on_the_last_day_of_a_shorter_month(teller: Teller) -> None:
    teller.clock.move(days=29)  # 31 March
    own = teller.subscribe(collection_method="send_invoice", days_until_due=7)
    item = own["items"].data[0]
    assert (item.current_period_end - item.current_period_start) == 30 * _DAY
