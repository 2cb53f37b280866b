"""What each change leads to, as the API shows it, and which events it leaves: one sentence a row, over HTTP throughout."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.kit.standin import Teller

_DAY = 86_400
Story = Callable[[Teller], object]


def part_pay(it: Teller) -> None:
    it.control("part_pay", invoice_id=it.id, amount=400)


def attach(it: Teller) -> None:
    terms = {"amount": 400, "currency": "eur", "customer": it.customer, "payment_method": "pm_card_visa", "confirm": True}
    intent = it.sdk.payment_intents.create(terms)
    it.sdk.invoices.attach_payment(it.id, {"payment_intent": intent.id})


def credit(it: Teller, amount: int) -> None:
    it.sdk.credit_notes.create({"invoice": it.id, "amount": amount})


def uncollectible_then(it: Teller, verb: str) -> None:
    it.sdk.invoices.mark_uncollectible(it.id)
    it.sdk.invoices.pay(it.id) if verb == "pay" else it.sdk.invoices.void_invoice(it.id)


def process(it: Teller, outcome: str) -> None:
    it.control("start_processing", invoice_id=it.id)
    if outcome:
        it.control(f"{outcome}_processing", invoice_id=it.id)


def paid_then_credited(it: Teller) -> None:
    it.sdk.invoices.pay(it.id)
    credit(it, 300)


_PAID = ["payment_intent.succeeded", "invoice_payment.paid", "invoice.updated", "invoice.paid", "invoice.payment_succeeded"]
_PART = ["payment_intent.succeeded", "invoice_payment.paid", "invoice.updated"]

# what happens | what the invoice then shows (status, due, paid, remaining, beyond) | which events tell of it
CHANGES: dict[str, tuple[Story, tuple[str, int, int, int], dict[str, Any], list[str]]] = {
    "a payment by card pays it": (
        lambda it: it.sdk.invoices.pay(it.id), ("paid", 1000, 1000, 0), {"attempted": True, "attempt_count": 1}, _PAID,
    ),
    "a transfer booked by the accountant pays it, without a word of a payment": (
        lambda it: it.sdk.invoices.pay(it.id, {"paid_out_of_band": True}),
        ("paid", 1000, 1000, 0), {"amount_paid_off_stripe": 1000, "attempted": False}, ["invoice.updated", "invoice.paid"],
    ),
    "a part payment leaves it open": (part_pay, ("open", 1000, 400, 600), {}, _PART),
    "a payment attached through the API does the same": (attach, ("open", 1000, 400, 600), {}, _PART),
    "two part payments settle it": (
        lambda it: (part_pay(it), it.control("part_pay", invoice_id=it.id, amount=600)),
        ("paid", 1000, 1000, 0), {"amount_overpaid": 0}, _PART + _PAID,
    ),
    "too much money pays it and is counted apart": (
        lambda it: it.control("part_pay", invoice_id=it.id, amount=1250),
        ("paid", 1000, 1000, 0), {"amount_overpaid": 250}, [*_PAID, "invoice.overpaid"],
    ),
    "voiding it ends it with the debt still written on it": (
        lambda it: it.sdk.invoices.void_invoice(it.id), ("void", 1000, 0, 1000), {}, ["invoice.updated", "invoice.voided"],
    ),
    "an uncollectible one keeps its debt": (
        lambda it: it.sdk.invoices.mark_uncollectible(it.id),
        ("uncollectible", 1000, 0, 1000), {}, ["invoice.updated", "invoice.marked_uncollectible"],
    ),
    "an uncollectible one can still be paid": (
        lambda it: uncollectible_then(it, "pay"),
        ("paid", 1000, 1000, 0), {}, ["invoice.updated", "invoice.marked_uncollectible", *_PAID],
    ),
    "an uncollectible one can still be voided": (
        lambda it: uncollectible_then(it, "void"),
        ("void", 1000, 0, 1000), {},
        ["invoice.updated", "invoice.marked_uncollectible", "invoice.updated", "invoice.voided"],
    ),
    "a credit note lowers what is due": (
        lambda it: credit(it, 300), ("open", 700, 0, 700), {"pre_payment_credit_notes_amount": 300, "total": 1000},
        ["credit_note.created", "invoice.updated"],
    ),
    "a credit note over all of it leaves it open with nothing remaining": (
        lambda it: credit(it, 1000), ("open", 0, 0, 0), {}, ["credit_note.created", "invoice.updated"],
    ),
    "a credit note after the payment gives money back and reopens nothing": (
        paid_then_credited, ("paid", 1000, 1000, 0), {"post_payment_credit_notes_amount": 300},
        [*_PAID, "credit_note.created", "invoice.updated"],
    ),
    "a bank debit under way leaves it open": (
        lambda it: process(it, ""), ("open", 1000, 0, 1000), {"attempted": True, "attempt_count": 1},
        ["payment_intent.processing", "invoice.updated"],
    ),
    "a bank debit that arrives pays it": (
        lambda it: process(it, "succeed"), ("paid", 1000, 1000, 0), {},
        ["payment_intent.processing", "invoice.updated", *_PAID],
    ),
    "a bank debit that bounces leaves it owed": (
        lambda it: process(it, "fail"), ("open", 1000, 0, 1000), {"attempt_count": 1},
        ["payment_intent.processing", "invoice.updated", "payment_intent.payment_failed", "invoice.updated",
         "invoice.payment_failed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", CHANGES)
def test_a_change_leads_to_what_stripe_documents(teller: Teller, sentence: str) -> None:
    story, amounts, beyond, kinds = CHANGES[sentence]
    teller.owe()
    before = len(teller.standin.books.events)
    story(teller)
    shown = teller.shown()
    assert tuple(shown[name] for name in ("status", "amount_due", "amount_paid", "amount_remaining")) == amounts
    assert {name: shown[name] for name in beyond} == beyond
    assert [event["type"] for event in list(teller.standin.books.events.values())[before:]] == kinds


def test_a_finalized_invoice_is_numbered_due_and_carries_the_customer_of_that_moment(teller: Teller) -> None:
    draft = teller.sdk.invoices.create({"customer": teller.customer, "collection_method": "send_invoice", "days_until_due": 7})
    assert (draft.status, draft.number, draft.hosted_invoice_url) == ("draft", None, None)
    teller.clock.move(days=1)
    teller.sdk.invoice_items.create({"customer": teller.customer, "invoice": draft.id, "amount": 1, "currency": "eur"})
    teller.sdk.customers.update(teller.customer, {"email": "then@acme.example"})
    teller.sdk.invoices.finalize_invoice(draft.id)
    teller.sdk.customers.update(teller.customer, {"email": "new@acme.example"})
    shown = teller.shown(draft.id)
    now = int(teller.clock().timestamp())
    assert (shown["status"], shown["due_date"]) == ("open", now + 7 * _DAY)
    assert shown["status_transitions"]["finalized_at"] == now
    assert shown["number"].endswith("-0001")
    assert shown["customer_email"] == "then@acme.example"
    assert [it["is_default"] for it in shown["payments"]["data"]] == [True]


def test_an_invoice_of_nothing_is_paid_as_soon_as_it_is_finalized(teller: Teller) -> None:
    draft = teller.sdk.invoices.create({"customer": teller.customer})
    done = teller.sdk.invoices.finalize_invoice(draft.id)
    assert (done.status, done.attempted, done.attempt_count) == ("paid", True, 0)


def test_payments_show_which_money_is_on_its_way_has_come_or_never_will(teller: Teller) -> None:
    teller.owe()
    assert teller.intents() == [("open", "requires_payment_method")]
    part_pay(teller)
    process(teller, "")
    assert teller.intents() == [("open", "processing"), ("paid", "succeeded")]
    teller.control("fail_processing", invoice_id=teller.id)
    assert teller.intents() == [("open", "requires_payment_method"), ("paid", "succeeded")]
    teller.sdk.invoices.pay(teller.id, {"paid_out_of_band": True})
    assert teller.intents() == [("canceled", "canceled"), ("paid", "succeeded"), ("paid", "")]


def test_a_revision_voids_the_old_invoice_and_each_names_the_other(teller: Teller) -> None:
    old = teller.owe()
    new = teller.control("revise", invoice_id=old, amount=800)
    assert (new["status"], new["amount_due"], new["from_invoice"]) == ("open", 800, {"action": "revision", "invoice": old})
    assert (teller.shown(old)["status"], teller.shown(old)["latest_revision"]) == ("void", new["id"])
    draft = teller.sdk.invoices.create({
        "from_invoice": {"action": "revision", "invoice": new["id"]}, "days_until_due": 9,
    })  # fmt: skip
    assert teller.shown(new["id"])["status"] == "open"
    teller.sdk.invoices.finalize_invoice(draft.id)
    assert teller.shown(new["id"])["latest_revision"] == draft.id


def test_a_credit_note_over_everything_pays_the_invoice_where_the_books_are_told_so(teller: Teller) -> None:
    teller.owe()
    teller.standin.books.full_credit_pays = True
    credit(teller, 1000)
    assert teller.shown()["status"] == "paid"


def test_a_draft_that_is_deleted_is_not_found_any_more(teller: Teller) -> None:
    draft = teller.sdk.invoices.create({"customer": teller.customer})
    assert teller.sdk.invoices.delete(draft.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        teller.sdk.invoices.retrieve(draft.id)


REFUSED: dict[str, Story] = {
    "a paid invoice is paid again": lambda it: (it.sdk.invoices.pay(it.id), it.sdk.invoices.pay(it.id)),
    "a void invoice is paid": lambda it: (it.sdk.invoices.void_invoice(it.id), it.sdk.invoices.pay(it.id)),
    "a paid invoice is voided": lambda it: (it.sdk.invoices.pay(it.id), it.sdk.invoices.void_invoice(it.id)),
    "a paid invoice is given up": lambda it: (it.sdk.invoices.pay(it.id), it.sdk.invoices.mark_uncollectible(it.id)),
    "an open invoice is finalized again": lambda it: it.sdk.invoices.finalize_invoice(it.id),
    "an open invoice gets another line": lambda it: it.sdk.invoice_items.create(
        {"customer": it.customer, "invoice": it.id, "amount": 1, "currency": "eur"}
    ),
    "more is credited than was billed": lambda it: credit(it, 1001),
    "a due date lies in the past": lambda it: it.sdk.invoices.create(
        {"customer": it.customer, "collection_method": "send_invoice", "due_date": int(it.clock().timestamp()) - 1}
    ),
    "an invoice that is sent has no due date": lambda it: it.sdk.invoices.create(
        {"customer": it.customer, "collection_method": "send_invoice"}
    ),
    "an automatic invoice is sent by hand": lambda it: it.sdk.invoices.send_invoice(
        it.sdk.invoices.create({"customer": it.customer}).id
    ),
    "a subscription that is sent has no term": lambda it: it.subscribe(collection_method="send_invoice"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_stripe_refuses_is_refused_and_changes_nothing(teller: Teller, sentence: str) -> None:
    teller.owe()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        REFUSED[sentence](teller)
    assert refusal.value.http_status == 400
    assert refusal.value.user_message


def test_a_request_repeated_under_its_idempotency_key_is_answered_again_and_done_once(teller: Teller) -> None:
    twice = [teller.sdk.customers.create({"name": "Once"}, {"idempotency_key": "k1"}).id for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(teller.standin.books.customers) == 2


def test_an_updated_event_says_what_was_there_before(teller: Teller) -> None:
    teller.sdk.customers.update(teller.customer, {"email": "new@acme.example"})
    *_, event = teller.standin.books.events.values()
    assert (event["type"], event["data"]["previous_attributes"]) == ("customer.updated", {"email": "ap@acme.example"})
    assert event["request"]["id"].startswith("req_")
    assert event["request"]["idempotency_key"]


def test_the_payment_page_has_another_address_at_every_reading_pays_and_expires(teller: Teller) -> None:
    first, second = (teller.shown(teller.id or teller.owe())["hosted_invoice_url"] for _ in range(2))
    assert first != second
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert "€10.00" in browser.get(first).text
        teller.clock.move(days=37, seconds=-1)
        assert "Pay now" in browser.get(second).text
        teller.clock.move(seconds=1)
        assert "expired" in browser.get(second).text
        assert browser.post(second).status_code == 200
        assert teller.shown()["status"] == "open"
        assert "Nothing is left to pay" in browser.post(teller.shown()["hosted_invoice_url"]).text
        assert browser.get(f"{teller.standin.url}/i/nonsense").status_code == 404
    assert teller.shown()["status"] == "paid"


def test_changes_leave_no_event_while_stripe_fails_to_generate_them(teller: Teller) -> None:
    teller.owe()
    before = len(teller.standin.books.events)
    for on in (False, True):
        httpx.post(f"{teller.standin.url}/_control/switches", json={"events": on}, trust_env=False)
        part_pay(teller)
    assert len(teller.standin.books.events) == before + 3
