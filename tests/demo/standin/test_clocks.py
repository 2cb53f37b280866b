"""Test clocks, driven by the official SDK: whoever lives by one is moved on with it, and by nothing else."""

from typing import Any

import pytest
import stripe

from tests.kit.standin import Teller

_DAY = 86_400


def now(teller: Teller) -> int:
    return int(teller.clock().timestamp())


def move_in(teller: Teller, **terms: Any) -> tuple[str, stripe.Subscription]:
    """A test clock of the present moment, with one customer who subscribes; the clock's id and the subscription."""
    own = teller.sdk.test_helpers.test_clocks.create({"frozen_time": now(teller), "name": "rehearsal"})
    teller.customer = teller.sdk.customers.create({"email": "ap@acme.example", "test_clock": own.id, **terms}).id
    return own.id, teller.subscribe(collection_method="send_invoice", days_until_due=7)


def test_a_test_clock_is_made_shown_listed_moved_and_deleted(teller: Teller) -> None:
    clocks = teller.sdk.test_helpers.test_clocks
    own, _ = move_in(teller)
    assert clocks.retrieve(own).frozen_time == now(teller)
    moved = clocks.advance(own, {"frozen_time": now(teller) + 3 * _DAY})
    assert (moved.frozen_time, moved.status) == (now(teller) + 3 * _DAY, "ready")
    assert [it.id for it in clocks.list({"limit": 100}).data] == [own]
    with pytest.raises(stripe.InvalidRequestError, match="only goes forwards"):
        clocks.advance(own, {"frozen_time": now(teller)})
    assert clocks.delete(own).deleted is True
    assert clocks.list().data == []
    assert teller.sdk.customers.retrieve(teller.customer).to_dict()["deleted"] is True
    with pytest.raises(stripe.InvalidRequestError, match="No such test_clock"):
        teller.sdk.customers.create({"test_clock": own})
    kinds = [event["type"] for event in teller.standin.books.events.values()]
    assert [kind.rpartition(".")[2] for kind in kinds if "test_clock" in kind] == ["created", "advancing", "ready", "deleted"]


def test_lists_leave_out_who_lives_by_a_test_clock_unless_they_are_asked_for(teller: Teller) -> None:
    ordinary = teller.customer
    own, subscription = move_in(teller)
    bill = teller.id
    api = teller.sdk
    assert [it.id for it in api.customers.list().data] == [ordinary]
    assert [it.id for it in api.customers.list({"test_clock": own}).data] == [teller.customer]
    assert api.invoices.list().data == api.invoices.list({"status": "open"}).data == []
    assert [it.id for it in api.invoices.list({"customer": teller.customer, "status": "open"}).data] == [bill]
    assert [it.id for it in api.invoices.list({"subscription": subscription.id}).data] == [bill]
    assert api.subscriptions.list({"status": "all"}).data == []
    assert [it.id for it in api.subscriptions.list({"customer": teller.customer}).data] == [subscription.id]
    assert (api.invoices.retrieve(bill).test_clock, subscription.test_clock) == (own, own)
    with pytest.raises(stripe.InvalidRequestError, match="No such test_clock"):
        api.customers.list({"test_clock": "clock_none"})


def test_periods_end_and_invoices_fall_due_in_the_time_of_the_clock(teller: Teller) -> None:
    own, subscription = move_in(teller)
    begun = now(teller)
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": begun + 8 * _DAY})
    assert teller.sdk.subscriptions.retrieve(subscription.id).status == "past_due"
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": begun + 63 * _DAY})
    bills = teller.sdk.invoices.list({"customer": teller.customer}).data
    assert [it.created for it in bills] == [begun + 61 * _DAY, begun + 31 * _DAY, begun]
    assert all(it.status == "open" and it.due_date == it.created + 7 * _DAY for it in bills)
    teller.sdk.invoices.pay(bills[0].id)
    assert teller.sdk.invoices.retrieve(bills[0].id).status_transitions.paid_at == begun + 63 * _DAY
    assert now(teller) == begun
    kinds = [event["type"] for event in teller.standin.books.events.values()]
    assert kinds.count("invoice.finalized") == 3


def test_a_declined_card_is_tried_again_until_stripe_gives_up(teller: Teller) -> None:
    own = teller.sdk.test_helpers.test_clocks.create({"frozen_time": now(teller)}).id
    teller.customer = teller.sdk.customers.create({"test_clock": own}).id
    subscription = teller.subscribe()
    declining = {"invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}}
    teller.sdk.customers.update(teller.customer, declining)
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": now(teller) + 32 * _DAY})
    (bill, _) = teller.sdk.invoices.list({"customer": teller.customer}).data
    assert (bill.attempt_count, bill.next_payment_attempt) == (1, bill.created + 3 * _DAY)
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": now(teller) + 50 * _DAY})
    bill = teller.sdk.invoices.retrieve(bill.id)
    assert (bill.attempt_count, bill.next_payment_attempt, bill.status) == (4, None, "open")
    teller.sdk.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": now(teller) + 90 * _DAY})
    assert teller.sdk.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_card_that_is_good_again_pays_at_the_next_try(teller: Teller) -> None:
    own = teller.sdk.test_helpers.test_clocks.create({"frozen_time": now(teller)}).id
    terms = {"test_clock": own, "invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}}
    teller.customer = teller.sdk.customers.create(terms).id
    draft = teller.sdk.invoices.create({"customer": teller.customer})
    teller.sdk.invoice_items.create({"customer": teller.customer, "invoice": draft.id, "amount": 1000, "currency": "eur"})
    teller.sdk.invoices.finalize_invoice(draft.id)
    teller.control("fail_payment", invoice_id=draft.id)
    teller.sdk.customers.update(teller.customer, {"invoice_settings": {"default_payment_method": "pm_card_visa"}})
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": now(teller) + 4 * _DAY})
    paid = teller.sdk.invoices.retrieve(draft.id)
    assert (paid.status, paid.status_transitions.paid_at) == ("paid", now(teller) + 3 * _DAY)


def test_everybody_else_goes_on_in_ordinary_time(teller: Teller) -> None:
    ordinary = teller.customer
    own, _ = move_in(teller)
    teller.sdk.test_helpers.test_clocks.advance(own, {"frozen_time": now(teller) + 90 * _DAY})
    assert teller.sdk.invoices.create({"customer": ordinary}).created == now(teller)
    assert teller.sdk.invoices.create({"customer": teller.customer}).created == now(teller) + 90 * _DAY
