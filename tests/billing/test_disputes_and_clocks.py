"""Disputes, test clocks and what is about an invoice: read where the key and the API allow it, and done without where not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from gatekeeper.billing.source import DisputeReading, SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.shapes import Unreadable
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Dispute
from tests.billing.reading import Answer, Between, bill, debtor, reading_from
from tests.kit.standin import START, MovableClock

_DAY = 86_400


def disputed(standin: Standin) -> tuple[str, str]:
    """A paid invoice whose payment was disputed: the dispute and the customer."""
    who = debtor(standin)
    return standin.books.dispute(standin.books.pay(bill(standin, who)).id).id, who


def test_a_dispute_is_read_with_whose_payment_it_is_about(standin: Standin, source: StripeBooks, clock: MovableClock) -> None:
    one, who = disputed(standin)
    opened = Dispute(id=one, opened_at=START)
    assert source.dispute(one) == DisputeReading(opened, who)
    clock.move(days=3)
    for status in ("won", "lost", "prevented", "warning_closed"):
        standin.books.close_dispute(one, status)
        assert source.dispute(one) == DisputeReading(Dispute(id=one, opened_at=START, closed_at=clock()), who)
    assert source.dispute("dp_none") is None


@pytest.mark.parametrize(
    "status", ["needs_response", "under_review", "warning_needs_response", "appeal_under_review", "new_word"]
)
def test_a_dispute_is_open_until_its_status_ends_it(standin: Standin, source: StripeBooks, status: str) -> None:
    one, _ = disputed(standin)
    standin.books.disputes[one].status = status
    found = source.dispute(one)
    assert found is not None
    assert found.dispute.closed_at is None


def test_disputes_are_listed_since_an_instant(standin: Standin, source: StripeBooks, clock: MovableClock) -> None:
    old, _ = disputed(standin)
    clock.move(days=30)
    new = [disputed(standin)[0] for _ in range(101)]
    pages = [[reading.dispute.id for reading in page] for page in source.disputes(START + timedelta(days=1))]
    assert pages == [new[:0:-1], [new[0]]]
    assert [reading.dispute.id for page in source.disputes(START) for reading in page] == [*new[::-1], old]


def test_a_payment_without_a_customer_is_a_dispute_of_nobody(standin: Standin, source: StripeBooks) -> None:
    one, _ = disputed(standin)
    standin.books.charges[standin.books.disputes[one].charge].customer = None
    assert source.dispute(one) == DisputeReading(Dispute(id=one, opened_at=START), "")


def test_a_dispute_of_another_shape_or_mode_is_not_believed(passing: Between, standin: Standin, watched: StripeBooks) -> None:
    one, _ = disputed(standin)
    for change in ({"charge": "ch_1"}, {"status": None}, {"created": "x"}, {"charge": {"id": "ch_1"}}):
        passing.document(lambda document, change=change: document | change)
        with pytest.raises(Unreadable, match="dispute"):
            watched.dispute(one)
    passing.document(lambda document: document | {"livemode": True})
    with pytest.raises(SourceUnavailable, match="of the other mode"):
        watched.dispute(one)


def test_what_a_payment_a_credit_note_or_an_intent_is_about(standin: Standin, source: StripeBooks) -> None:
    books, one = standin.books, bill(standin, debtor(standin))
    books.part_pay(one, 100)
    payment = next(it for it in books.payments_of(one) if it.status == "paid")
    stray = books.create_intent(amount=1, currency="eur", confirm=True).id
    assert source.invoice_of("invoice_payment", payment.id) == one
    assert source.invoice_of("credit_note", books.credit(one, 100).id) == one
    assert source.invoice_of("payment_intent", str(payment.intent)) == one
    assert source.invoice_of("payment_intent", stray) is None
    assert source.invoice_of("payment_intent", "pi_none") is None
    assert source.invoice_of("invoice_payment", "inpay_none") is None


def on_a_clock(standin: Standin, *, customers: int = 1) -> tuple[str, list[str]]:
    books = standin.books
    own = books.create_test_clock(books.now() + 7 * _DAY, name="rehearsal").id
    return own, [debtor(standin, f"acme-{number}", test_clock=own) for number in range(customers)]


def test_the_time_of_every_test_clock_is_known(standin: Standin, source: StripeBooks) -> None:
    assert source.clocks() == {}
    one, two = (on_a_clock(standin)[0] for _ in range(2))
    standin.books.advance(one, standin.books.now() + 40 * _DAY)
    assert source.clocks() == {one: START + timedelta(days=40), two: START + timedelta(days=7)}


def test_what_is_owed_by_those_who_live_by_a_test_clock_is_listed_for_them_alone(standin: Standin, source: StripeBooks) -> None:
    ordinary = bill(standin, debtor(standin))
    clock_id, members = on_a_clock(standin, customers=2)
    owed = [bill(standin, who) for who in members for _ in range(2)]
    lost = standin.books.mark_uncollectible(bill(standin, members[0])).id
    standin.books.pay(bill(standin, members[1]))
    assert [reading.invoice.id for page in source.owing_invoices() for reading in page.readings] == [ordinary]
    found = [reading for page in source.owing_invoices_of_clock(clock_id) for reading in page.readings]
    assert sorted(reading.invoice.id for reading in found) == sorted([*owed, lost])
    assert {reading.customer.test_clock for reading in found} == {clock_id}
    assert {page.cursor for page in source.owing_invoices_of_clock(clock_id)} == {""}
    one = source.invoice(owed[0])
    assert one is not None
    assert one.invoice.created_at == START + timedelta(days=7)


def test_a_test_clock_that_is_gone_has_nobody(standin: Standin, source: StripeBooks) -> None:
    clock_id, (who,) = on_a_clock(standin)
    bill(standin, who)
    standin.books.delete_test_clock(clock_id)
    assert list(source.owing_invoices_of_clock(clock_id)) == []
    assert source.clocks() == {}


def test_in_live_mode_nobody_asks_for_test_clocks(clock: MovableClock) -> None:
    key = "rk_live_standin"
    with Standin(clock, keys=[key], livemode=True) as standin, reading_from(standin.url, clock, key=key) as source:
        assert source.clocks() == {}
        assert list(source.owing_invoices_of_clock("clock_1")) == []
        assert standin.log.entries() == []


OPTIONAL: dict[str, tuple[Callable[[StripeBooks], Any], Any, str]] = {
    "a dispute": (lambda source: source.dispute("dp_1"), None, "disputes"),
    "disputes": (lambda source: list(source.disputes(datetime(2026, 1, 1, tzinfo=UTC))), [], "disputes"),
    "clocks": (lambda source: source.clocks(), {}, "test clocks"),
    "those of a clock": (lambda source: list(source.owing_invoices_of_clock("clock_1")), [], "test clocks"),
    "a payment's invoice": (lambda source: source.invoice_of("invoice_payment", "inpay_1"), None, "invoice_payments"),
    "a credit note's invoice": (lambda source: source.invoice_of("credit_note", "cn_1"), None, "credit_notes"),
    "an intent's invoice": (lambda source: source.invoice_of("payment_intent", "pi_1"), None, "payment_intents"),
}


@contextmanager
def logged() -> Iterator[list[str]]:
    """What the reader says it does without."""
    said = list[str]()
    with capture_logs() as lines:
        yield said
    said += [line["what"] for line in lines if line["event"] == "source.goes_without"]


@pytest.mark.parametrize("question", OPTIONAL)
def test_what_the_key_may_not_read_is_done_without_and_said_once(standin: Standin, source: StripeBooks, question: str) -> None:
    ask, nothing, what = OPTIONAL[question]
    standin.faults.add(Fault(kind="forbidden", times=None))
    with logged() as said:
        assert [ask(source) for _ in range(3)] == [nothing] * 3
    assert said == [what]


def test_what_could_be_read_again_and_then_no_more_is_said_again(standin: Standin, source: StripeBooks) -> None:
    with logged() as said:
        for denied in (True, True, False, True):
            standin.faults.clear()
            if denied:
                standin.faults.add(Fault(kind="forbidden", times=None))
            source.clocks()
    assert said == ["test clocks", "test clocks"]


@pytest.mark.parametrize("question", OPTIONAL)
def test_a_part_of_the_api_that_a_fake_lacks_is_done_without_in_test_mode_only(
    passing: Between, watched: StripeBooks, clock: MovableClock, question: str
) -> None:
    ask, nothing, what = OPTIONAL[question]
    passing.answer(Answer(404, b'{"error": {"type": "invalid_request_error", "message": "Unrecognized request URL"}}'))
    with logged() as said:
        assert [ask(watched) for _ in range(2)] == [nothing] * 2
    assert said == [what]
    if what != "test clocks":
        with reading_from(passing.url, clock, key="rk_live_standin") as source, pytest.raises(SourceUnavailable, match="404"):
            ask(source)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("question", OPTIONAL)
@pytest.mark.parametrize("kind", ["unauthorized", "rate_limited", "error", "html", "reset"])
def test_no_other_failure_passes_for_nothing(standin: Standin, source: StripeBooks, question: str, kind: Any) -> None:
    ask, _, _ = OPTIONAL[question]
    standin.faults.add(Fault(kind=kind, times=None))
    with pytest.raises(SourceUnavailable):
        ask(source)
