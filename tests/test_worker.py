"""The loop: what comes in is looked at, one fault stops nothing else, and what was held back goes on by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from gatekeeper.model import Reason, Standing
from gatekeeper.perform.notices import Postman
from gatekeeper.wiring.clock import ClockUnreadable
from tests.kit.rig import Post, Rig, rigged, running
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
    assert set(rig.standings().values()) == {SUSPENDED}


def test_a_round_takes_everybody_one_step_and_no_more(rig: Rig) -> None:
    """However late it comes (cases 27 and 29)."""
    rig.books.owe("acme")
    rig.clock.move(days=40)
    made = rig.worker()
    for days, standing in ((0, PAST_DUE), (0, PAST_DUE), (14, PAST_DUE), (40, SUSPENDED)):
        rig.clock.move(days=days)
        made.round()
        assert rig.standings() == {"acme": standing}
    steps = [row["step"] for row in rig.ledger.rows("notices", address="user@acme.example")]
    assert steps == ["reminder", "warning", "suspend"]


def test_an_event_of_a_payment_opens_access(rig: Rig) -> None:
    suspend(rig, "acme")
    made = rig.worker()
    rig.books.pay("in_acme_1")
    rig.event("in_acme_1", "invoice.paid")
    made.attend()
    assert rig.snapshot().standings == {}
    assert rig.waiting() == []


def test_events_about_one_object_are_one_look(rig: Rig) -> None:
    rig.books.owe("acme")
    made = rig.worker()
    for kind in ("invoice.created", "invoice.finalized", "invoice.updated"):
        rig.event("in_acme_1", kind)
    made.attend()
    assert rig.books.asked == ["in_acme_1"]


def test_an_event_that_cannot_be_worked_on_keeps_neither_the_others_nor_the_round(rig: Rig) -> None:
    suspend(rig, "acme")
    made = rig.worker()
    rig.books.pay("in_acme_1")
    read = rig.books.invoice

    def odd(invoice_id: str) -> Any:
        if invoice_id == "in_odd":
            raise KeyError("a field that was always there")
        return read(invoice_id)

    rig.books.invoice = odd
    rig.event("in_odd")
    rig.event("in_acme_1", "invoice.paid")
    made.attend()
    assert rig.standings() == {"acme": CURRENT}
    assert rig.waiting() == ["in_odd"]
    made.attend()
    rig.clock.move(seconds=2)
    rig.books.invoice = read
    made.attend()
    assert rig.waiting() == []


def test_a_stored_event_that_is_none_is_put_away(rig: Rig) -> None:
    made = rig.worker()
    rig.event("in_acme_1", body=b"{}")
    made.attend()
    assert rig.waiting() == []


def test_while_the_source_is_down_events_wait_ever_longer_and_then_are_looked_at(rig: Rig) -> None:
    suspend(rig, "acme")
    made = rig.worker()
    rig.books.pay("in_acme_1")
    rig.books.down = "no answer"
    rig.event("in_acme_1", "invoice.paid")
    for _ in range(20):
        made.attend()
        rig.clock.move(hours=1)
    (row,) = rig.ledger.rows("inbox")
    assert 10 < row["attempts"] <= 20
    assert rig.standings() == {"acme": SUSPENDED}
    rig.books.down = ""
    made.attend()
    assert rig.standings() == {"acme": CURRENT}


def test_what_was_held_back_goes_on_when_nothing_withholds_it_any_more(rig: Rig) -> None:
    """By `arm`, by a changed setting, by a flag that was removed: the ledger need not be told."""
    made = rig.worker()
    rig.why = Reason(code="dry_run")
    rig.books.owe("acme")
    rig.sync.reconcile()
    assert made.attend().withheld == [("acme", "reminder to accountant, reminder to user, standing past_due")]
    assert made.attend().accounts == 0
    rig.why = Reason(code="halted")
    assert made.attend().accounts == 1
    rig.why = None
    assert made.attend().changed == [("acme", PAST_DUE)]
    assert made.attend().accounts == 0


def test_a_first_round_says_again_what_earlier_ones_held_back(rig: Rig) -> None:
    rig.why = Reason(code="dry_run")
    rig.books.owe("acme")
    assert len(rig.worker().round().withheld) == 1
    assert len(rig.worker().round().withheld) == 1


def test_nothing_is_sent_while_something_withholds_it(rig: Rig) -> None:
    rig.books.owe("acme")
    post = Post(rig)
    made = rig.worker(postman=cast("Postman", post))
    rig.look()
    rig.why = Reason(code="halted")
    made.round()
    assert post.sent == []
    rig.why = None
    made.round()
    assert len(post.sent) == 2


def test_whoever_halts_the_house_while_a_letter_waits_for_its_turn_halts_the_letter(rig: Rig) -> None:
    rig.books.owe("acme")
    post = Post(rig)

    def turn() -> bool:
        rig.why = Reason(code="halted")
        return True

    rig.worker(postman=cast("Postman", post), turn_to_send=turn).round()

    assert post.sent == []


def test_a_house_that_stops_waits_for_no_turn_and_sends_nothing_more(rig: Rig) -> None:
    rig.books.owe("acme")
    post = Post(rig)

    rig.worker(postman=cast("Postman", post), turn_to_send=lambda: False).round()

    assert post.sent == []


def test_the_loop_does_everything_by_itself(rig: Rig) -> None:
    rig.books.owe("acme")
    with running(rig.worker()):
        for days, letters in ((0, 2), (14, 4)):
            rig.clock.move(days=days, minutes=1)
            until(lambda: _accepted(rig) == letters)  # noqa: B023 - it is called here and now
        rig.clock.move(days=5, minutes=1)
        until(lambda: rig.standings() == {"acme": SUSPENDED})
        rig.books.pay("in_acme_1")
        rig.clock.move(minutes=11)
        until(lambda: rig.snapshot().standings == {})


def _accepted(rig: Rig) -> int:
    return sum(row["state"] == "accepted" for row in rig.ledger.rows("notices"))


def test_after_a_reconcile_that_failed_the_next_comes_half_a_minute_later(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.books.down = "no answer"
    with running(rig.worker()):
        until(lambda: rig.ledger.reader.state().distrust == "no answer")
        rig.books.down = ""
        rig.clock.move(seconds=30)
        until(lambda: rig.ledger.reader.state().distrust == "")
        until(lambda: rig.standings() == {"acme": PAST_DUE})


def test_when_a_wrong_clock_is_set_right_the_books_are_read_at_once(rig: Rig) -> None:
    """And not when the time comes at which they seem to have been read."""
    rig.clock.move(days=20)
    with running(rig.worker()):
        until(lambda: rig.ledger.reader.state().reconciled_at == rig.clock())
        rig.clock.move(days=-20)
        until(lambda: rig.ledger.reader.state().reconciled_at == rig.clock())
        rig.books.down = "no answer"
        rig.clock.move(days=20)
        until(lambda: rig.ledger.reader.state().distrust == "no answer")
        rig.books.down = ""
        rig.clock.move(days=-20, minutes=10)
        until(lambda: rig.ledger.reader.state().distrust == "")


def test_a_fault_of_the_loop_is_said_once_and_so_is_its_end(rig: Rig) -> None:
    looks = 0

    def clock() -> Any:
        nonlocal looks
        looks += 1
        if looks < 8:
            raise ClockUnreadable("the file holds no instant")
        return rig.clock()

    with structlog.testing.capture_logs() as logged, running(rig.worker(clock=clock)):
        until(lambda: looks > 8)
    said = [(line["event"], line.get("job")) for line in logged if line.get("job")]
    assert said == [("job.failed", "turn"), ("job.recovered", "turn")]


@pytest.mark.parametrize("part", ["review", "publisher", "postman"])
def test_one_part_that_fails_does_not_end_the_loop(rig: Rig, part: str) -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise RuntimeError("a fault of ours")

        def send_one(self) -> bool:
            raise RuntimeError("a fault of ours")

    with running(rig.worker(**{part: Failing()})):
        rig.books.owe("acme")
        until(lambda: rig.ledger.reader.state().reconciled_at is not None)
        rig.clock.move(minutes=10)
        until(lambda: rig.ledger.reader.account("acme") is not None)


def test_in_the_middle_of_a_long_reconcile_a_payment_opens_access(rig: Rig) -> None:
    suspend(rig, "acme", "bolt")
    made = rig.worker()
    rig.sync.reconcile()
    for one in ("in_acme_1", "in_bolt_1"):
        rig.books.pay(one)
    seen: list[dict[str, Standing]] = []
    read = rig.books.invoice

    def slowly(invoice_id: str) -> Any:
        if invoice_id == "in_acme_1" and not seen:
            rig.event("in_bolt_1", "invoice.paid")
            made.wake()
        elif invoice_id == "in_bolt_1":
            seen.append(rig.standings())
        return read(invoice_id)

    rig.books.invoice = slowly
    made._reconcile()
    assert rig.standings()["bolt"] is CURRENT
    assert rig.snapshot().standings.get("bolt") is None


def test_who_is_locked_out_is_read_again_without_any_webhook(rig: Rig) -> None:
    suspend(rig, "acme", "bolt")
    made = rig.worker()
    rig.books.pay("in_acme_1")
    rig.books.asked.clear()
    made._poll_closed()
    made.attend()
    assert sorted(rig.books.asked) == ["in_acme_1", "in_bolt_1"]
    assert rig.standings() == {"acme": CURRENT, "bolt": SUSPENDED}
