"""Stripe's words into ours, for every kind of invoice that the stand-in can make, over real HTTP and the official SDK."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.shapes import Unreadable, read_list
from gatekeeper.billing.stripe.words import payment_page
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Invoice
from tests.billing.reading import MAPPER, bill, debtor, shown
from tests.kit.standin import START, MovableClock

DUE_AT = START + timedelta(days=7)


def plain(standin: Standin) -> str:
    return bill(standin, debtor(standin))


def automatic(standin: Standin) -> str:
    return bill(standin, debtor(standin), due=None)


def attempted(standin: Standin) -> str:
    return standin.books.fail_payment(automatic(standin), retry_in_days=3).id


def given_up(standin: Standin) -> str:
    return standin.books.fail_payment(automatic(standin), retry_in_days=None).id


def draft(standin: Standin) -> str:
    return standin.books.create_invoice(debtor(standin), collection_method="send_invoice", days_until_due=7).id


def credited(standin: Standin) -> str:
    standin.books.credit(one := plain(standin), 1000)
    return one


def out_of_band(standin: Standin) -> str:
    return standin.books.pay(plain(standin), out_of_band=True).id


def processing(standin: Standin) -> str:
    return standin.books.start_processing(plain(standin)).id


def processing_failed(standin: Standin) -> str:
    return standin.books.fail_processing(processing(standin)).id


def written_off(standin: Standin) -> str:
    return standin.books.mark_uncollectible(plain(standin)).id


def paid_after_all(standin: Standin) -> str:
    return standin.books.pay(written_off(standin)).id


def subscribed(standin: Standin, **terms: Any) -> str:
    price = standin.books.create_price(unit_amount=1000).id
    return standin.books.create_subscription(debtor(standin), price, **terms).latest_invoice or ""


def nothing_to_pay(standin: Standin) -> str:
    return bill(standin, debtor(standin), 0)


OPEN: dict[str, Any] = {"status": "open", "remaining_minor": 1000, "due_at": DUE_AT, "automatic": False, "attempted": False}
AUTOMATIC = OPEN | {"due_at": None, "automatic": True}
SETTLED = {"remaining_minor": 0, "owed": False}
PAID = SETTLED | {"status": "paid", "settled_at": START}
KINDS: dict[str, tuple[Callable[[Standin], str], dict[str, Any]]] = {
    "sent": (plain, OPEN | {"owed": True, "total_minor": 1000, "currency": "eur", "billing_reason": "manual"}),
    "automatic": (automatic, AUTOMATIC | {"next_attempt_at": None}),
    "automatic, attempted": (attempted, AUTOMATIC | {"attempted": True, "next_attempt_at": START + timedelta(days=3)}),
    "automatic, given up": (given_up, AUTOMATIC | {"attempted": True, "next_attempt_at": None}),
    "draft": (
        draft,
        {"status": "draft", "settled_at": None, "owed": False, "number": "", "finalized_at": None, "due_at": DUE_AT},
    ),
    "part-paid": (
        lambda s: s.books.part_pay(plain(s), 400).id,
        {"status": "open", "total_minor": 1000, "remaining_minor": 600, "owed": True, "processing_since_at": None},
    ),
    "credited to nothing": (credited, SETTLED | {"status": "open", "total_minor": 1000, "settled_at": None}),
    "credited in part": (
        lambda s: s.books.invoice(s.books.credit(plain(s), 250).invoice).id,
        {"status": "open", "remaining_minor": 750, "owed": True},
    ),
    "processing": (processing, {"status": "open", "owed": True, "attempted": True, "processing_since_at": START}),
    "processing failed": (processing_failed, {"status": "open", "owed": True, "processing_since_at": None}),
    "paid by card": (lambda s: s.books.pay(plain(s)).id, PAID),
    "paid out of band": (out_of_band, PAID | {"attempted": False}),
    "uncollectible": (
        written_off,
        {"status": "uncollectible", "remaining_minor": 1000, "owed": False, "settled_at": START},
    ),
    "uncollectible, then paid": (paid_after_all, PAID),
    "void": (lambda s: s.books.void(plain(s)).id, {"status": "void", "owed": False, "replaced_by": None, "settled_at": START}),
    "of nothing": (nothing_to_pay, PAID | {"total_minor": 0}),
    "subscription, sent": (
        lambda s: subscribed(s, collection_method="send_invoice", days_until_due=7),
        OPEN | {"billing_reason": "subscription_create", "owed": True},
    ),
    "subscription, automatic": (subscribed, SETTLED | {"status": "paid", "automatic": True}),
}


def invoice(source: StripeBooks, invoice_id: str) -> Invoice:
    reading = source.invoice(invoice_id)
    assert reading is not None
    return reading.invoice


@pytest.mark.parametrize("kind", KINDS)
def test_an_invoice_is_read_as_it_is(standin: Standin, source: StripeBooks, clock: MovableClock, kind: str) -> None:
    make, expected = KINDS[kind]
    one = invoice(source, make(standin))
    assert {name: getattr(one, name) for name in expected} == expected
    assert (one.created_at, one.read_at, one.lineage, one.account_id) == (START, clock(), one.id, "")
    assert (one.finalized_at, bool(one.number)) == ((None, False) if kind == "draft" else (START, True))


def test_when_it_was_settled_is_when_it_came_to_its_present_status(
    standin: Standin, source: StripeBooks, clock: MovableClock
) -> None:
    """One that was written off and then paid was settled by the payment."""
    one = written_off(standin)
    clock.move(days=40)
    assert invoice(source, one).settled_at == START
    standin.books.pay(one)
    assert invoice(source, one).settled_at == clock()
    document = shown(standin, f"/v1/invoices/{one}", "customer")
    times = document["status_transitions"] | {"paid_at": None}
    assert MAPPER.reading(document | {"status_transitions": times}, read_at=START).invoice.settled_at is None


@pytest.mark.parametrize("currency", ["eur", "jpy", "clp", "vnd", "kwd", "jod", "isk", "ugx"])
@pytest.mark.parametrize("amount", [1, 999, 1000, 123_456_789_000])
def test_an_amount_is_the_number_that_stripe_shows_whatever_the_currency(
    standin: Standin, source: StripeBooks, currency: str, amount: int
) -> None:
    """Case 21: of none, two or three decimals. What it means in francs or dinars is said where it is shown to people."""
    draft = standin.books.create_invoice(debtor(standin), currency=currency, collection_method="send_invoice", days_until_due=7)
    standin.books.add_line(draft.id, amount)
    one = invoice(source, standin.books.finalize(draft.id).id)
    assert (one.currency, one.total_minor, one.remaining_minor) == (currency, amount, amount)


def test_since_when_a_payment_is_on_its_way_is_the_moment_when_it_was_seen(
    standin: Standin, source: StripeBooks, clock: MovableClock
) -> None:
    one = plain(standin)
    clock.move(days=40)
    standin.books.start_processing(one)
    assert invoice(source, one).processing_since_at == clock()


def test_a_revised_invoice_and_its_successor_name_each_other(standin: Standin, source: StripeBooks) -> None:
    old = plain(standin)
    new = standin.books.revise(old, amount=900).id
    assert (invoice(source, old).replaced_by, invoice(source, new).lineage) == (new, old)
    assert (invoice(source, old).owed, invoice(source, new).owed) == (False, True)
    assert invoice(source, new).remaining_minor == 900


def test_a_list_shows_the_same_but_for_payments_on_their_way(standin: Standin, source: StripeBooks) -> None:
    made = [make(standin) for make, _ in KINDS.values()]
    listed = [reading for page in source.owing_invoices() for reading in page.readings]
    owing = {"open", "uncollectible"}
    single = [reading for one in made if (reading := source.invoice(one)) is not None and reading.invoice.status in owing]
    seen = {reading.invoice.id: reading for reading in listed}
    assert len(seen) == len(single) > 5
    for reading in single:
        if reading.invoice.processing_since_at is None:
            assert seen[reading.invoice.id] == reading
        else:
            assert seen[reading.invoice.id].invoice.processing_since_at is None


def test_a_status_that_stripe_adds_one_day_passes_and_is_not_owed(standin: Standin) -> None:
    document = shown(standin, f"/v1/invoices/{plain(standin)}", "customer")
    one = MAPPER.reading(document | {"status": "disputed"}, read_at=START).invoice
    assert (one.status, one.owed) == ("disputed", False)


@pytest.mark.parametrize("due", [-1, 0, 253_402_300_799])
def test_a_due_date_that_cannot_be_meant_is_read_as_it_is(standin: Standin, due: int) -> None:
    document = shown(standin, f"/v1/invoices/{plain(standin)}", "customer")
    read = MAPPER.reading(document | {"due_date": due}, read_at=START).invoice.due_at
    assert read == datetime(1970, 1, 1, tzinfo=START.tzinfo) + timedelta(seconds=due)


def test_of_an_attempted_invoice_the_payments_must_be_seen_before_anything_is_believed(standin: Standin) -> None:
    path = f"/v1/invoices/{processing(standin)}"
    hidden = shown(standin, path, "customer")
    assert "payments" not in hidden
    with pytest.raises(Unreadable, match="a payment may be on its way"):
        MAPPER.reading(hidden, read_at=START)
    unexpanded = shown(standin, path, "customer", "payments")
    with pytest.raises(Unreadable, match=r"payments\.data\.0\.payment\.payment_intent"):
        MAPPER.reading(unexpanded, read_at=START)
    renamed = shown(standin, path, "customer", "payments")
    renamed["payments"]["data"][0]["payment"].pop("payment_intent")
    with pytest.raises(Unreadable, match="payment_intent is missing"):
        MAPPER.reading(renamed, read_at=START)


@pytest.mark.parametrize(
    "document", [{}, [], {"data": {}, "has_more": False}, {"data": [], "has_more": True}, {"data": [{}], "has_more": True}]
)
def test_what_is_no_page_of_a_list_is_not_taken_for_one(document: Any) -> None:
    with pytest.raises(Unreadable, match="without an id in another shape"):
        read_list(document)


def test_a_payment_page_is_an_address_of_the_web(standin: Standin) -> None:
    document = shown(standin, f"/v1/invoices/{plain(standin)}")
    assert payment_page(document) == document["hosted_invoice_url"]
    for odd in ("javascript:alert(1)", "//evil.example", "https://x.example/\r\nSet-Cookie: a=b", "https://x.example/a b", 5):
        with pytest.raises(Unreadable, match="hosted_invoice_url"):
            payment_page(document | {"hosted_invoice_url": odd})
