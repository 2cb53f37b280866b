"""Disputes and refunds: the money leaves again, and the invoice stays paid."""

import pytest
import stripe

from tests.kit.standin import START, Teller


def kinds(teller: Teller) -> list[str]:
    return [event["type"] for event in teller.standin.books.events.values()]


def test_a_dispute_names_its_charge_and_the_charge_its_customer_and_the_invoice_stays_paid(teller: Teller) -> None:
    teller.sdk.invoices.pay(teller.owe())
    made = teller.control("dispute", invoice_id=teller.id)
    shown = teller.sdk.disputes.retrieve(made["id"], {"expand": ["charge"]}).to_dict()
    assert (shown["status"], shown["created"]) == ("needs_response", int(START.timestamp()))
    assert (shown["charge"]["customer"], shown["charge"]["disputed"]) == (teller.customer, True)
    assert teller.sdk.charges.retrieve(made["charge"]).payment_intent == made["payment_intent"]
    assert teller.sdk.payment_intents.retrieve(made["payment_intent"]).latest_charge == made["charge"]
    assert teller.shown()["status"] == "paid"
    assert teller.control("close_dispute", dispute_id=made["id"], status="lost")["status"] == "lost"
    assert [kind for kind in kinds(teller) if "dispute" in kind] == [
        "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed",
    ]  # fmt: skip


def test_disputes_are_listed_by_time_charge_and_intent(teller: Teller) -> None:
    teller.sdk.invoices.pay(teller.owe())
    one = teller.control("dispute", invoice_id=teller.id, status="warning_needs_response")
    teller.clock.move(days=1)
    teller.sdk.invoices.pay(teller.owe())
    two = teller.control("dispute", invoice_id=teller.id)
    now = int(teller.clock().timestamp())

    def found(**params: object) -> list[str]:
        return [it.id for it in teller.sdk.disputes.list(params).data]

    assert found() == [two["id"], one["id"]]
    assert found(created={"gte": now}) == [two["id"]]
    assert found(charge=one["charge"]) == found(payment_intent=one["payment_intent"]) == [one["id"]]
    assert kinds(teller).count("charge.dispute.funds_withdrawn") == 1


def test_a_refund_leaves_the_invoice_paid(teller: Teller) -> None:
    teller.sdk.invoices.pay(teller.owe())
    assert teller.control("refund", invoice_id=teller.id, amount=300)["refunded"] is False
    assert teller.control("refund", invoice_id=teller.id)["refunded"] is True
    assert teller.shown()["status"] == "paid"
    assert kinds(teller)[-1] == "charge.refunded"


def test_what_was_not_paid_through_stripe_cannot_be_disputed(teller: Teller) -> None:
    books = teller.standin.books
    one = teller.owe()
    for _ in range(2):
        with pytest.raises(Exception, match="No payment of this invoice went through Stripe"):
            books.dispute(one)
        if books.invoice(one).status == "open":
            teller.sdk.invoices.pay(one, {"paid_out_of_band": True})
    with pytest.raises(stripe.InvalidRequestError):
        teller.sdk.disputes.retrieve("dp_none")
