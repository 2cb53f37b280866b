"""What events point at is looked at, in any order; and whoever has paid is let in before anything is asked."""

import threading
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from gatekeeper.model import Standing
from tests.kit.builders import on
from tests.kit.rig import Rig, rigged, running
from tests.kit.running import until

CURRENT, PAST_DUE, SUSPENDED = Standing.CURRENT, Standing.PAST_DUE, Standing.SUSPENDED


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        yield made


def suspend(rig: Rig, *accounts: str) -> None:
    for account in accounts:
        rig.books.owe(account)
    rig.climb()
    rig.review.run(rig.clock())
    rig.publisher.run(rig.clock())
    assert set(rig.standings().values()) == {SUSPENDED}


@pytest.mark.parametrize("version", ["2020-03-02", "2026-10-28.endive"])
def test_a_payment_opens_access_while_stripe_gives_no_answer(rig: Rig, version: str) -> None:
    suspend(rig, "acme")
    made = rig.worker()
    rig.books.pay("in_acme_1")
    rig.books.down = "no answer"
    rig.event("in_acme_1", "invoice.paid", status="paid", api_version=version)

    assert made.attend().changed == [("acme", CURRENT)]

    assert rig.snapshot().standings == {}
    assert rig.ledger.reader.unconfirmed("", 9) == ["in_acme_1"]
    assert rig.waiting() == ["in_acme_1"]
    rig.books.down = ""
    rig.clock.move(hours=1)
    made.attend()
    assert (rig.ledger.reader.unconfirmed("", 9), rig.waiting()) == ([], [])


def test_a_payment_opens_access_before_the_events_in_front_of_it_are_looked_at(rig: Rig) -> None:
    """Each question may take half a minute while Stripe is slow; nobody who has paid waits for that."""
    suspend(rig, "acme", "bolt")
    rig.books.pay("in_acme_1")
    seen: list[dict[str, Standing]] = []
    read = rig.books.invoice

    def slowly(invoice_id: str) -> Any:
        seen.append(rig.snapshot().standings)
        return read(invoice_id)

    rig.books.invoice = slowly
    for _ in range(50):
        rig.event("in_bolt_1")
    rig.event("in_acme_1", "invoice.paid", status="paid")
    rig.worker().attend()
    assert seen[0] == {"bolt": SUSPENDED}


def test_a_payment_does_not_wait_for_a_question_that_stripe_leaves_hanging(rig: Rig) -> None:
    suspend(rig, "acme", "bolt")
    rig.books.pay("in_acme_1")
    asked, answered = threading.Event(), threading.Event()

    def hanging(invoice_id: str) -> Any:
        asked.set()
        assert answered.wait(30)
        return read(invoice_id)

    read, rig.books.invoice = rig.books.invoice, hanging
    rig.event("in_bolt_1")
    with running(rig.worker()) as made:
        assert asked.wait(30)
        rig.event("in_acme_1", "invoice.paid", status="paid")
        made.wake()
        until(lambda: rig.snapshot().standings == {"bolt": SUSPENDED}, seconds=30, what="acme is let in")
        assert not answered.is_set()
        answered.set()


def test_while_stripe_is_away_a_turn_gives_up_after_three_questions(rig: Rig) -> None:
    for number in range(9):
        rig.event(rig.books.owe(f"account{number}"))
    rig.books.down = "no answer"
    rig.worker().attend()
    assert sum(row["attempts"] for row in rig.ledger.rows("inbox")) == 3


@pytest.mark.parametrize("shown", ["open", "void", "uncollectible"])
def test_only_a_payment_is_taken_from_an_event(rig: Rig, shown: str) -> None:
    """A void invoice may have been replaced by another; only a reading tells."""
    suspend(rig, "acme")
    rig.books.down = "no answer"
    rig.event("in_acme_1", "invoice.updated", status=shown)
    rig.worker().attend()
    assert rig.standings() == {"acme": SUSPENDED}
    assert rig.ledger.reader.invoice("in_acme_1").status == "open"


def test_an_event_that_was_wrong_is_put_right_by_the_reading_after_it(rig: Rig) -> None:
    """What is closed does not close again by itself: the next case is a new one."""
    suspend(rig, "acme")
    made = rig.worker()
    rig.event("in_acme_1", "invoice.paid", status="paid")
    looked = made.attend()
    assert looked.changed[0] == ("acme", CURRENT)
    assert rig.ledger.reader.invoice("in_acme_1").status == "open"
    assert rig.standings() == {"acme": PAST_DUE}


def test_events_of_one_payment_come_in_any_order_and_leave_it_paid(rig: Rig) -> None:
    """Cases 1 and 3: what was said before the payment comes after it, and twice."""
    said = [
        ("invoice.finalized", "open"),
        ("invoice.payment_failed", "open"),
        ("invoice.paid", "paid"),
        ("invoice.paid", "paid"),
    ]
    for number, order in enumerate(permutations(said)):
        one = rig.books.owe(f"account{number}")
        rig.sync.invoice(one)
        made = rig.worker()
        rig.books.pay(one)
        for kind, status in order:
            rig.event(one, kind, status=status)
            made.attend()
            assert rig.ledger.reader.invoice(one).status == "paid"
    assert rig.ledger.rows("notices") == []


def test_an_event_about_a_payment_intent_leads_to_its_invoice(rig: Rig) -> None:
    one = rig.books.owe("acme")
    rig.event(f"payment_intent_{one}", "payment_intent.processing")
    rig.event("payment_intent_unknown", "payment_intent.processing")
    rig.worker().attend()
    assert rig.books.asked == [one]
    assert rig.waiting() == []


def test_an_event_about_a_dispute_makes_it_a_fact(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.sync.reconcile()
    rig.event(rig.books.dispute_payment("acme"), "charge.dispute.created")
    made = rig.worker()
    made.attend()
    assert [one.closed_at for one in rig.ledger.facts().disputes] == [None]
    rig.event(rig.books.dispute_payment("acme", closed_at=on(3)), "charge.dispute.closed")
    made.attend()
    assert [one.closed_at for one in rig.ledger.facts().disputes] == [on(3)]


def test_an_event_about_a_test_clock_moves_the_time_of_its_accounts(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.books.live_by_clock("acme", "clock_1", on(1))
    rig.sync.reconcile()
    made = rig.worker()
    rig.books.times["clock_1"] = on(40)
    rig.books.owe("acme")
    rig.event("clock_1", "test_helpers.test_clock.ready")
    made.attend()
    assert rig.ledger.facts().clock_at == on(40)
    assert len(rig.ledger.facts().invoices) == 2


def test_a_reconcile_forgets_events_that_are_long_done(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.event("in_acme_1")
    made = rig.worker()
    made.attend()
    rig.clock.move(days=31)
    made._reconcile()
    assert rig.ledger.rows("inbox") == []
