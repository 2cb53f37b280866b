"""A signed event of a payment is believed at once, and then confirmed by a reading, which alone is final."""

from itertools import permutations

import pytest
import structlog

from gatekeeper.model import Origin
from tests.kit.builders import invoice, on
from tests.kit.ledger import Ledger, past_due, reading


def settle(ledger: Ledger, invoice_id: str = "in_1") -> str:
    return ledger.writer.readings.settle_by_event(invoice_id, on(1))


@pytest.mark.parametrize("status", ["open", "uncollectible", "draft", "frozen"])
def test_an_event_of_a_payment_settles_an_invoice_at_once(ledger: Ledger, status: str) -> None:
    ledger.read(invoice(status=status))
    ledger.settle_all()
    stale = ledger.facts()

    assert settle(ledger) == "acme"

    kept = ledger.reader.invoice("in_1")
    assert (kept.status, kept.remaining_minor, kept.settled_at) == ("paid", 0, on(1))
    assert ledger.facts().invoices == ()
    assert ledger.touched() == {"acme"}
    assert ledger.reader.unconfirmed("", 9) == ["in_1"]
    assert ledger.writer.verdicts.record([(stale, past_due(), False)], on(1)) == []


def test_a_second_event_of_the_payment_is_no_news(ledger: Ledger) -> None:
    ledger.read(invoice())
    settle(ledger)
    before = ledger.dump()

    assert settle(ledger) == ""

    assert ledger.dump() == before


@pytest.mark.parametrize("status", ["paid", "void"])
def test_an_event_of_a_payment_changes_nothing_of_what_is_final(ledger: Ledger, status: str) -> None:
    ledger.read(invoice(status=status, remaining_minor=0))
    before = ledger.dump()

    assert settle(ledger) == ""
    assert settle(ledger, "in_unknown") == ""

    assert ledger.dump() == before


def test_a_reading_confirms_a_payment_for_good(ledger: Ledger) -> None:
    ledger.read(invoice())
    settle(ledger)
    ledger.read(invoice(status="paid", remaining_minor=0, settled_at=on(0.5)))
    assert ledger.reader.unconfirmed("", 9) == []
    assert ledger.reader.invoice("in_1").settled_at == on(0.5)

    ledger.read(invoice())

    assert ledger.reader.invoice("in_1").status == "paid"


def test_a_reading_that_was_asked_for_before_the_event_is_refused(ledger: Ledger) -> None:
    ledger.read(invoice())
    version = ledger.reader.invoice_version("in_1")
    settle(ledger)

    assert ledger.writer.readings.record(reading(), if_version=version) is False

    assert ledger.reader.invoice("in_1").status == "paid"


@pytest.mark.parametrize("status", ["open", "void", "uncollectible"])
def test_a_reading_that_was_asked_for_after_the_event_knows_better(ledger: Ledger, status: str) -> None:
    ledger.read(invoice(processing_since_at=on(0)))
    settle(ledger)
    ledger.settle_all()

    with structlog.testing.capture_logs() as logged:
        ledger.read(invoice(status=status, processing_since_at=on(2)))

    kept = ledger.reader.invoice("in_1")
    assert (kept.status, kept.processing_since_at) == (status, on(0))
    assert ledger.reader.unconfirmed("", 9) == []
    assert [(line["log_level"], line["invoice"]) for line in logged] == [("error", "in_1")]
    assert ledger.touched() == ({"acme"} if status != "void" else set())


def test_a_page_points_out_what_is_paid_by_an_event_alone(ledger: Ledger) -> None:
    ledger.read(invoice())
    settle(ledger)

    assert ledger.writer.readings.record_page([reading()], 1) == ["in_1"]

    assert ledger.reader.invoice("in_1").status == "paid"


def test_in_whatever_order_events_and_readings_are_written_a_payment_stays(ledger: Ledger) -> None:
    """Readings of before the payment lost their race for the lock, if anything was written since."""
    steps = ("event", "event", "open", "paid", "paid")
    for number, order in enumerate(sorted(set(permutations(steps)))):
        one = invoice(number)
        ledger.read(one)
        version = ledger.reader.invoice_version(one.id)
        for step in order:
            if step == "event":
                settle(ledger, one.id)
            elif step == "paid":
                ledger.read(invoice(number, status="paid", remaining_minor=0))
            else:
                ledger.writer.readings.record(reading(one), if_version=version)
        assert ledger.reader.invoice(one.id).status == "paid", order


def test_an_invoice_that_is_billed_elsewhere_is_never_stripes(ledger: Ledger) -> None:
    ledger.read(invoice(2))
    stated = invoice(origin=Origin.STATEMENT, lineage="in_1", pay_url="https://bank.example/1")
    ledger.writer.statements.record([stated], author="Ann", now=on(0))
    before = ledger.reader.invoice("in_1")

    ledger.read(invoice(status="void"))
    assert ledger.writer.readings.record_page([reading(invoice(remaining_minor=1))], 7) == []
    assert settle(ledger) == ""

    assert ledger.reader.invoice("in_1") == before
    assert ledger.reader.owing_not_seen_in(9, "", 9) == ["in_2"]
