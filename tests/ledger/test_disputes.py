"""What is called back in question, and the clocks that accounts live by."""

from datetime import datetime

import pytest

from gatekeeper.model import Dispute
from tests.kit.builders import invoice, on
from tests.kit.ledger import Ledger, a_customer


def show(ledger: Ledger, *, closed: datetime | None = None, read: float = 1, customer: str = "cus_1") -> None:
    dispute = Dispute(id="dp_1", opened_at=on(0), closed_at=closed)
    ledger.writer.disputes.record([(dispute, customer)], on(read))


def test_a_dispute_is_a_fact_of_its_account_while_it_lasts_and_after(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.settle_all()

    show(ledger)
    assert ledger.facts().disputes == (Dispute(id="dp_1", opened_at=on(0)),)
    assert ledger.reader.open_disputes() == ["dp_1"]
    assert ledger.touched() == {"acme"}

    show(ledger, closed=on(3), read=4)
    assert ledger.facts().disputes == (Dispute(id="dp_1", opened_at=on(0), closed_at=on(3)),)
    assert ledger.reader.open_disputes() == []


def test_a_dispute_that_says_nothing_new_touches_nobody(ledger: Ledger) -> None:
    ledger.read(invoice())
    show(ledger)
    ledger.settle_all()

    show(ledger, read=9)

    assert ledger.touched() == set()


def test_of_two_answers_about_a_dispute_the_one_that_was_asked_for_later_counts(ledger: Ledger) -> None:
    ledger.read(invoice())
    show(ledger, closed=on(3), read=4)

    show(ledger, read=2)

    assert ledger.facts().disputes[0].closed_at == on(3)


def test_a_dispute_finds_its_account_when_the_customer_is_read(ledger: Ledger) -> None:
    show(ledger)
    ledger.read(invoice())
    assert [one.id for one in ledger.facts().disputes] == ["dp_1"]

    ledger.writer.readings.record_customer(a_customer(account_id="other"), on(2))
    assert [one.id for one in ledger.facts("other").disputes] == ["dp_1"]
    assert ledger.facts().disputes == ()


def test_a_dispute_whose_customer_the_biller_stops_showing_stays_with_it(ledger: Ledger) -> None:
    ledger.read(invoice())
    show(ledger)
    show(ledger, closed=on(3), read=4, customer="")

    assert ledger.facts().disputes[0].closed_at == on(3)


def test_an_account_whose_customer_lives_by_a_test_clock_lives_in_its_time(ledger: Ledger) -> None:
    ledger.read(invoice(), customer=a_customer(test_clock="clock_1"))
    ledger.read(invoice(2, customer_id="cus_2"), customer=a_customer(account_id="free"))
    assert [ledger.reader.lacks_time(account) for account in ("acme", "free", "nobody")] == [True, False, False]
    ledger.settle_all()

    ledger.writer.clocks.record({"clock_1": on(40), "clock_2": on(90)})

    assert (ledger.facts().clock_at, ledger.facts("free").clock_at) == (on(40), None)
    assert ledger.touched() == {"acme"}
    assert not ledger.reader.lacks_time("acme")
    assert [ledger.reader.test_clock_of(one) for one in ("in_1", "in_2", "in_9")] == ["clock_1", "", ""]


@pytest.mark.parametrize("times", [{"clock_1": on(40)}, {"clock_1": on(39)}, {}])
def test_a_test_clock_never_goes_back_and_stands_still_when_it_is_gone(ledger: Ledger, times: dict[str, datetime]) -> None:
    ledger.read(invoice(), customer=a_customer(test_clock="clock_1"))
    ledger.writer.clocks.record({"clock_1": on(40)})
    ledger.settle_all()

    ledger.writer.clocks.record(times)

    assert ledger.facts().clock_at == on(40)
    assert ledger.touched() == set()


def test_a_customer_that_leaves_its_test_clock_lives_in_ours(ledger: Ledger) -> None:
    ledger.read(invoice(), customer=a_customer(test_clock="clock_1"))
    ledger.writer.clocks.record({"clock_1": on(40)})

    ledger.writer.readings.record_customer(a_customer(), on(1))

    assert ledger.facts().clock_at is None
