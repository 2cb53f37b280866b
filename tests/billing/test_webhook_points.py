"""What an event points at: every row of the table of events in facts/stripe.md, in every version, and in the thin form."""

from typing import Any

import pytest

from gatekeeper.billing.stripe.webhook import Delivery, delivery
from gatekeeper.demo.standin.events import thin
from gatekeeper.demo.standin.serve import Standin
from tests.billing import versions
from tests.billing.events import body, event, thin_event
from tests.billing.reading import bill, debtor
from tests.kit.standin import MovableClock

NOTHING: dict[str, Any] = {}
INVOICE, CUSTOMER, DISPUTE = {"invoice_id": "in_1"}, {"customer_id": "cus_1"}, {"dispute_id": "dp_1"}


def points(document: Any) -> dict[str, Any]:
    """The fields of the delivery that say what to look at."""
    found = delivery(body(document))
    plain = Delivery(event_id=found.event_id, kind=found.kind, livemode=found.livemode, account=found.account)
    names = ("invoice_id", "customer_id", "dispute_id", "clock_id", "related", "settles")
    return {name: getattr(found, name) for name in names if getattr(found, name) != getattr(plain, name)}


OF_INVOICES = [
    "created", "finalized", "sent", "updated", "finalization_failed", "will_be_due", "overdue", "payment_failed",
    "payment_action_required", "paid", "payment_succeeded", "overpaid", "voided", "marked_uncollectible", "deleted",
    "a_new_word",
]  # fmt: skip
OF_DISPUTES = ["created", "updated", "funds_withdrawn", "funds_reinstated", "closed"]
TABLE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *((f"invoice.{action}", {"id": "in_1"}, INVOICE) for action in OF_INVOICES),
    ("invoice.upcoming", {"object": "invoice", "customer": "cus_1"}, NOTHING),
    ("invoice.upcoming", {"object": "invoice", "id": "upcoming_in_1", "status": "paid"}, NOTHING),
    *(
        (f"invoice.{odd}", {"id": value}, NOTHING)
        for odd, value in [("paid", None), ("sent", {"id": "in_1"}), ("paid", "i" * 300)]
    ),
    ("invoice.paid", {"id": "in_\ud83d", "status": "paid"}, NOTHING),
    ("invoice.paid", {"status": "paid"}, NOTHING),
    ("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1", "status": "paid"}, INVOICE),
    ("invoice_payment.detached", {"id": "inpay_1", "invoice": None}, NOTHING),
    *((f"credit_note.{action}", {"id": "cn_1", "invoice": "in_1"}, INVOICE) for action in ("created", "updated", "voided")),
    *((f"customer.{action}", {"id": "cus_1"}, CUSTOMER) for action in ("created", "updated", "deleted")),
    *((f"customer.tax_id.{action}", {"id": "txi_1", "customer": "cus_1"}, CUSTOMER) for action in ("created", "updated")),
    ("customer.subscription.updated", {"id": "sub_1", "customer": "cus_1"}, CUSTOMER),
    ("customer.subscription.pending_update_expired", {"id": "sub_1", "customer": "cus_1"}, CUSTOMER),
    ("customer.subscription.deleted", {"id": "sub_1", "customer": None}, NOTHING),
    ("charge.refunded", {"id": "ch_1", "customer": "cus_1"}, CUSTOMER),
    ("charge.refunded", {"id": "ch_1", "customer": None}, NOTHING),
    ("refund.created", {"id": "re_1", "payment_intent": "pi_1"}, {"related": ("payment_intent", "pi_1")}),
    ("charge.refund.updated", {"id": "re_1", "payment_intent": "pi_1"}, {"related": ("payment_intent", "pi_1")}),
    ("refund.failed", {"id": "re_1", "charge": "ch_1", "payment_intent": None}, NOTHING),
    *((f"charge.dispute.{action}", {"id": "dp_1", "charge": "ch_1"}, DISPUTE) for action in OF_DISPUTES),
    ("payment_intent.processing", {"id": "pi_1", "customer": "cus_1"}, {"related": ("payment_intent", "pi_1")}),
    ("payment_intent.succeeded", {"id": "pi_1", "invoice": "in_1"}, INVOICE),
    ("payment_intent.payment_failed", {"id": "pi_1", "invoice": None}, NOTHING),
    ("test_helpers.test_clock.ready", {"id": "clock_1"}, {"clock_id": "clock_1"}),
    ("test_helpers.test_clock.deleted", {"id": "clock_1"}, {"clock_id": "clock_1"}),
    *((kind, {"id": "x_1"}, NOTHING) for kind in ("invoiceitem.created", "plan.created", "charge.succeeded", "invoice", "x")),
    ("something.new.altogether.and.more", {}, NOTHING),
]


@pytest.mark.parametrize(("kind", "about", "found"), TABLE)
def test_an_event_points_at_what_it_is_about(kind: str, about: dict[str, Any], found: dict[str, Any]) -> None:
    assert points(event(kind, about)) == found
    assert delivery(body(event(kind, about))).kind == kind


SETTLED = INVOICE | {"settles": True}
OF_INTENT = {"related": ("payment_intent", "pi_1")}


@pytest.mark.parametrize("version", versions.VERSIONS)
def test_events_of_every_api_version_point_at_the_same(version: str) -> None:
    named = "top" in versions.VERSIONS[version]
    bodies: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("invoice.paid", versions.invoice(version), SETTLED),
        ("invoice.updated", versions.invoice(version), SETTLED),
        ("invoice.payment_failed", versions.invoice(version, status="open"), INVOICE),
        ("invoice.voided", versions.invoice(version, status="void"), INVOICE),
        ("invoice.marked_uncollectible", versions.invoice(version, status="uncollectible"), INVOICE),
        ("invoice.deleted", versions.invoice(version, status="deleted"), INVOICE),
        ("credit_note.created", versions.credit_note(version), INVOICE),
        ("payment_intent.processing", versions.payment_intent(version), INVOICE if named else OF_INTENT),
        ("charge.refunded", versions.charge(version), CUSTOMER),
        ("charge.refund.updated", versions.refund(version), OF_INTENT | ({} if named else CUSTOMER)),
        ("charge.dispute.created", versions.dispute(version), DISPUTE),
        ("customer.subscription.updated", versions.subscription(version), CUSTOMER),
    ]
    for kind, about, found in bodies:
        assert points(event(kind, about, api_version=version)) == found, kind
        assert points(event(kind, about, api_version=None)) == found, kind


def test_only_a_snapshot_that_shows_the_invoice_as_paid_settles_it() -> None:
    """`void` can be a revision, whose debt goes on; and of a thin event nothing is shown."""
    for status in ("open", "void", "uncollectible", "draft", "deleted", "Paid", None, True, ["paid"]):
        assert "settles" not in points(event("invoice.paid", {"id": "in_1", "status": status}))
    assert "settles" not in points(event("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1", "status": "paid"}))
    odd = thin_event("invoice.paid") | {"data": {"object": {"id": "in_1", "status": "paid"}}, "status": "paid"}
    odd["related_object"]["status"] = "paid"
    assert "settles" not in points(odd)


def test_a_thin_event_points_at_what_its_snapshot_does_or_at_what_leads_there() -> None:
    """Of every event that the stand-in can leave: a thin one shows nothing but the id of its own object."""
    with Standin(MovableClock()) as standin:
        books = standin.books
        one, two, three = (bill(standin, debtor(standin)) for _ in range(3))
        books.part_pay(one, 100)
        books.credit(one, 100)
        books.start_processing(one)
        books.pay(two)
        books.close_dispute(books.dispute(two).id, "lost")
        books.refund(two)
        books.void(three)
        books.update_customer(books.invoice(one).customer, {"name": "Acme"})
        books.create_test_clock(books.now())
        made = list(books.events.values())
    seen = set()
    for snapshot in made:
        about, short = points(snapshot), points(thin(snapshot))
        kind, about_id = snapshot["type"], snapshot["data"]["object"]["id"]
        seen.add(kind.split(".")[0])
        about.pop("settles", None)
        if kind.startswith(("invoice_payment.", "credit_note.")):
            assert about["invoice_id"]
            assert short == {"related": (kind.split(".")[0], about_id)}
        elif kind == "charge.refunded":
            assert (about["customer_id"], short) == (books.invoice(two).customer, NOTHING)
        else:
            assert short == about, kind
    assert seen == {"invoice", "invoice_payment", "credit_note", "payment_intent", "charge", "customer", "test_helpers"}


def test_a_thin_event_without_an_object_of_v1_points_at_nothing() -> None:
    assert points(thin_event(related_object=None)) == NOTHING
    assert points(thin_event("v2.core.account.updated")) == NOTHING
    assert delivery(body(thin_event())).kind == "v1.invoice.paid"
