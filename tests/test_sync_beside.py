"""A reconcile goes on where it broke off, and reads more than the list: disputes, test clocks, payments seen in events."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from gatekeeper.billing.source import SourceUnavailable
from tests.kit.builders import DUE_AT, on
from tests.kit.rig import Rig, rigged


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rigged(database_url, tmp_path) as made:
        made.books.page_size = 2
        yield made


def break_off(rig: Rig, pages: int) -> None:
    """A reconcile ends after so many pages."""
    rig.books.breaks_at = pages
    with pytest.raises(SourceUnavailable):
        rig.sync.reconcile()
    rig.books.breaks_at = None
    rig.books.pages.clear()


# Going on


def test_a_reconcile_goes_on_behind_the_last_page_that_was_written(rig: Rig) -> None:
    bills = [rig.books.owe(f"account{number}") for number in range(7)]
    break_off(rig, 2)
    assert rig.ledger.reader.state().watched_since_at is None
    rig.clock.move(minutes=59)

    assert rig.sync.reconcile() == 0

    assert rig.books.pages == [bills[3], bills[5]]
    known = rig.ledger.reader.state()
    assert (known.reconcile_number, known.reconciled_at, known.watched_since_at) == (1, DUE_AT, DUE_AT)
    assert {row["seen_in"] for row in rig.ledger.rows("invoices")} == {1}


def test_a_reconcile_that_began_an_hour_ago_is_begun_anew(rig: Rig) -> None:
    for number in range(7):
        rig.books.owe(f"account{number}")
    break_off(rig, 2)
    rig.clock.move(hours=1)

    rig.sync.reconcile()

    assert rig.books.pages[0] == ""
    known = rig.ledger.reader.state()
    assert (known.reconcile_number, known.reconciled_at) == (2, rig.clock())


def test_a_crash_between_a_page_and_what_it_points_out_reads_that_page_again(rig: Rig) -> None:
    bills = [rig.books.owe(f"account{number}") for number in range(6)]
    rig.sync.reconcile()
    rig.books.change(bills[2], remaining_minor=7)
    rig.books.fails["invoice"] = "no answer"
    with pytest.raises(SourceUnavailable):
        rig.sync.reconcile()
    rig.books.fails.clear()
    rig.books.pages.clear()

    assert rig.sync.reconcile() == 1

    assert rig.books.pages == [bills[1], bills[3]]
    assert rig.ledger.reader.invoice(bills[2]).remaining_minor == 7
    assert rig.ledger.reader.state().distrust == ""


def test_what_a_reconcile_did_not_show_before_it_broke_off_is_no_absence(rig: Rig) -> None:
    bills = [rig.books.owe(f"account{number}") for number in range(5)]
    rig.sync.reconcile()
    rig.books.pay(bills[0])
    rig.books.asked.clear()
    break_off(rig, 1)
    rig.books.pay(bills[4])

    rig.sync.reconcile()

    assert sorted(rig.books.asked) == [bills[0], bills[4]]
    assert {one: rig.ledger.reader.invoice(one).status for one in bills} == {
        one: rig.books.invoices[one].status for one in bills
    }


def test_a_reconcile_breaks_off_as_often_as_it_likes_and_reads_every_page_once(rig: Rig) -> None:
    bills = [rig.books.owe(f"account{number}") for number in range(8)]
    for _ in range(3):
        break_off(rig, 1)
    rig.sync.reconcile()
    assert rig.books.pages == [bills[5]]
    assert len(rig.ledger.rows("invoices")) == 8


# Payments that an event alone has shown


def test_a_payment_that_no_reading_confirmed_is_read_by_the_next_reconcile(rig: Rig) -> None:
    one = rig.books.owe("acme")
    rig.sync.reconcile()
    rig.books.pay(one)
    rig.sync.settle_by_event(one)
    rig.books.asked.clear()

    rig.sync.reconcile()

    assert rig.books.asked == [one]
    assert rig.ledger.reader.unconfirmed("", 9) == []
    rig.sync.reconcile()
    assert rig.books.asked == [one]


def test_a_payment_that_was_none_is_owed_again_after_the_next_reconcile(rig: Rig) -> None:
    one = rig.books.owe("acme")
    rig.sync.reconcile()
    rig.sync.settle_by_event(one)
    assert rig.ledger.facts().invoices == ()

    rig.sync.reconcile()

    assert [invoice.id for invoice in rig.ledger.facts().invoices] == [one]


# Disputes


def disputes(rig: Rig) -> dict[str, bool]:
    """Each dispute of the account, and whether it is closed."""
    return {one.id: one.closed_at is not None for one in rig.ledger.facts().disputes}


def test_a_dispute_is_found_and_its_end_too_without_any_event(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.sync.reconcile()
    rig.clock.move(days=9)
    one = rig.books.dispute_payment("acme")
    rig.sync.reconcile()
    assert disputes(rig) == {one: False}
    rig.clock.move(days=70)
    rig.sync.reconcile()
    rig.books.dispute_payment("acme", closed_at=rig.clock())
    rig.sync.reconcile()
    assert disputes(rig) == {one: True}


def test_disputes_that_could_not_be_read_hide_nothing_else_and_are_said(rig: Rig) -> None:
    """And the reading that succeeds at last looks back far enough."""
    one = rig.books.owe("acme")
    rig.sync.reconcile()
    opened = rig.books.dispute_payment("acme")
    rig.books.pay(one)
    rig.books.owe("acme")
    rig.books.fails["disputes"] = "a fault of theirs"
    for _ in range(3):
        rig.clock.move(days=2)
        with structlog.testing.capture_logs() as logged:
            rig.sync.reconcile()
    assert rig.ledger.reader.invoice(one).status == "paid"
    assert rig.ledger.reader.state().distrust == "disputes could not be read: a fault of theirs"
    assert rig.ledger.reader.state().reconciled_at == rig.clock()
    assert [line["lacks"] for line in logged if line["log_level"] == "error"] == ["disputes"]
    assert disputes(rig) == {}

    rig.books.fails.clear()
    rig.sync.reconcile()
    assert disputes(rig) == {opened: False}
    assert rig.ledger.reader.state().distrust == ""


def test_a_dispute_that_the_books_do_not_show_any_more_stays_as_it_was(rig: Rig) -> None:
    rig.books.owe("acme")
    one = rig.books.dispute_payment("acme")
    rig.sync.reconcile()
    rig.books.open_disputes.clear()
    rig.sync.reconcile()
    assert disputes(rig) == {one: False}


# Test clocks


def live_by_clock(rig: Rig, account: str, clock_id: str = "clock_1") -> str:
    one = rig.books.owe(account)
    rig.books.live_by_clock(account, clock_id, on(40))
    return one


def test_an_account_on_a_test_clock_is_read_with_it_and_lives_in_its_time(rig: Rig) -> None:
    rig.books.owe("free")
    one = live_by_clock(rig, "acme")
    rig.sync.reconcile()
    facts = rig.ledger.facts()
    assert ([invoice.id for invoice in facts.invoices], facts.clock_at) == ([one], on(40))
    assert rig.ledger.facts("free").clock_at is None
    assert rig.books.asked == []


def test_when_a_test_clock_moves_its_account_is_touched(rig: Rig) -> None:
    live_by_clock(rig, "acme")
    live_by_clock(rig, "bolt", "clock_2")
    rig.sync.reconcile()
    rig.ledger.settle_all()
    rig.books.times["clock_1"] = on(60)
    rig.books.owe("acme")

    rig.sync.clock("clock_1")

    assert rig.ledger.touched() == {"acme"}
    assert rig.ledger.facts().clock_at == on(60)
    assert len(rig.ledger.facts().invoices) == 2


def test_the_time_of_a_test_clock_is_known_as_soon_as_a_customer_of_it_is(rig: Rig) -> None:
    rig.sync.reconcile()
    one = live_by_clock(rig, "acme")
    rig.sync.invoice(one)
    assert rig.ledger.facts().clock_at == on(40)


def test_test_clocks_that_could_not_be_read_hide_nothing_else_and_are_said(rig: Rig) -> None:
    one = live_by_clock(rig, "acme")
    rig.sync.reconcile()
    rig.books.pay(one)
    dispute = rig.books.dispute_payment("acme")
    rig.books.fails["clocks"] = "a fault of theirs"
    rig.sync.reconcile()
    assert rig.ledger.reader.invoice(one).status == "paid"
    assert disputes(rig) == {dispute: False}
    assert rig.ledger.reader.state().distrust == "test clocks could not be read: a fault of theirs"


def test_a_test_clock_that_is_deleted_takes_its_invoices_with_it_and_nobody_is_distrusted(rig: Rig) -> None:
    one = live_by_clock(rig, "acme")
    rig.sync.reconcile()
    rig.books.times.clear()
    rig.books.invoices.clear()
    rig.sync.reconcile()
    assert rig.ledger.reader.state().distrust == ""
    assert rig.ledger.reader.invoice(one).status == "open"


# Events that no longer come


def test_changes_without_events_are_said_once(rig: Rig) -> None:
    """Case 132: an endpoint that Stripe has disabled, a secret that was rolled."""
    bills = [rig.books.owe(f"account{number}") for number in range(3)]
    rig.sync.reconcile()
    said = []
    for one in bills:
        rig.clock.move(hours=7)
        rig.books.pay(one)
        with structlog.testing.capture_logs() as logged:
            rig.sync.reconcile()
        said += [line["event"] for line in logged if line["log_level"] == "warning"]
    assert said == ["events.missing"]
    assert rig.ledger.reader.state().unheard_since_at == DUE_AT + timedelta(hours=7)
