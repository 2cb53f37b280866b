"""A round looks at whoever is due, writes down what follows, and suspends nobody without a fresh reading and the brake."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gatekeeper import review
from gatekeeper.model import Audience, Invoice, NoticeState, Outcome, Reason, Standing, Step
from gatekeeper.policy.brake import Caps, Cause
from gatekeeper.policy.rules import Rules
from gatekeeper.sync import Sync
from tests.kit.builders import DUE_AT
from tests.kit.ledger import at_once, opened
from tests.kit.rig import Rig, rigged

CURRENT, PAST_DUE, SUSPENDED = Standing.CURRENT, Standing.PAST_DUE, Standing.SUSPENDED
DRY_RUN, HALTED = Reason(code="dry_run"), Reason(code="halted")


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rigged(database_url, tmp_path) as made:
        yield made


def changes_of(rig: Rig, account: str) -> list[tuple[str, str]]:
    """Every change of standing in the audit."""
    return [(row["before"], row["after"]) for row in rig.ledger.rows("audit", account_id=account, kind="standing")]


def test_from_an_overdue_invoice_to_the_suspension_and_back(rig: Rig) -> None:
    paid, owed = rig.books.owe("acme"), rig.books.owe("bolt")
    rig.climb()
    assert rig.standings() == {"acme": PAST_DUE, "bolt": PAST_DUE}
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": SUSPENDED, "bolt": SUSPENDED}
    rig.books.pay(paid)
    rig.sync.invoice(paid)
    assert rig.review.run(rig.clock()).changed == [("acme", CURRENT)]
    assert rig.standings() == {"acme": CURRENT, "bolt": SUSPENDED}
    assert changes_of(rig, "acme") == [("current", "past_due"), ("past_due", "suspended"), ("suspended", "current")]
    assert owed in rig.books.asked


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "_BATCH", 5)


def test_more_accounts_than_fit_in_one_batch_are_all_looked_at(rig: Rig, small_batches: None) -> None:
    for number in range(12):
        rig.books.owe(f"account{number}")
    assert rig.look().accounts == 12
    assert set(rig.standings().values()) == {PAST_DUE}
    assert rig.review.run(rig.clock()).accounts == 0


class _Refusing(dict[str, int]):
    """Thresholds that fail for one currency, as a fault in the policy would."""

    def get(self, currency: str, default: Any = None) -> Any:
        if currency == "xau":
            raise ArithmeticError("no such currency")
        return super().get(currency, default)


def test_an_account_that_cannot_be_judged_stops_nobody_and_is_looked_at_an_hour_later(
    database_url: str, tmp_path: Path
) -> None:
    thresholds: Mapping[str, int] = _Refusing()
    with rigged(database_url, tmp_path, rules=Rules(thresholds_minor=thresholds)) as rig:
        odd = rig.books.owe("acme", currency="xau")
        rig.books.owe("bolt")
        rig.look()
        assert rig.standings() == {"acme": CURRENT, "bolt": PAST_DUE}
        assert rig.codes("acme") == ["undecided"]
        rig.clock.move(minutes=59)
        assert rig.review.run(rig.clock()).accounts == 0
        rig.books.invoices[odd] = replace(rig.books.invoices[odd], currency="eur")
        rig.sync.invoice(odd)
        assert rig.review.run(rig.clock()).changed == [("acme", PAST_DUE)]


def test_an_account_whose_rows_cannot_be_read_stops_nobody_and_is_looked_at_an_hour_later(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.books.owe("bolt")
    rig.sync.reconcile()
    _update(rig, "UPDATE contacts SET audience = 'director' WHERE account_id = 'acme' AND audience = 'user'")
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": CURRENT, "bolt": PAST_DUE}
    rig.clock.move(minutes=59)
    rig.sync.customer("cus_bolt")
    assert rig.review.run(rig.clock()).accounts == 0
    _update(rig, "UPDATE contacts SET audience = 'user' WHERE audience = 'director'")
    rig.clock.move(minutes=1)
    assert rig.review.run(rig.clock()).changed == [("acme", PAST_DUE)]


def _update(rig: Rig, statement: str) -> None:
    with rig.ledger.engine.begin() as connection:
        connection.exec_driver_sql(statement)


# The brake


def release(rig: Rig) -> None:
    assert rig.ledger.writer.brakes.release(list(Cause), reason="right", author="Ann", now=rig.clock())


def test_of_more_suspensions_than_the_cap_none_is_begun_and_each_says_why(rig: Rig) -> None:
    for number in range(11):
        rig.books.owe(f"account{number}")
    rig.climb()
    rig.books.asked.clear()
    looked = rig.review.run(rig.clock())
    assert set(rig.standings().values()) == {PAST_DUE}
    assert looked.changed == []
    assert sorted(looked.withheld) == sorted((f"account{number}", "standing suspended") for number in range(11))
    assert rig.books.asked == []
    for number in range(11):
        assert rig.codes(f"account{number}")[-2:] == ["would", "brake"]
        assert "suspended" not in rig.codes(f"account{number}")
    assert rig.review.run(rig.clock()).accounts == 0
    rig.clock.move(minutes=10)
    assert len(rig.review.run(rig.clock()).withheld) == 11


def test_exactly_as_many_as_the_cap_are_all_suspended(rig: Rig) -> None:
    for number in range(10):
        rig.books.owe(f"account{number}")
    rig.climb()
    rig.review.run(rig.clock())
    assert set(rig.standings().values()) == {SUSPENDED}


def test_what_the_brake_holds_waits_for_a_person_and_then_goes_on_at_once(database_url: str, tmp_path: Path) -> None:
    with rigged(database_url, tmp_path, caps=Caps(per_hour=2, per_day=3)) as rig:
        for number in range(5):
            rig.books.owe(f"account{number}")
        rig.climb()
        for _ in range(3):
            rig.look()
            rig.clock.move(days=1)
        assert set(rig.standings().values()) == {PAST_DUE}
        release(rig)
        rig.look()
        assert set(rig.standings().values()) == {SUSPENDED}


def test_of_two_workers_that_both_saw_room_no_more_close_than_the_cap(database_url: str, tmp_path: Path) -> None:
    """The second one asks for its whole batch before the first has closed anything."""
    caps = Caps(per_hour=4, per_day=9)
    with rigged(database_url, tmp_path, caps=caps) as rig, opened(database_url) as other:
        for number in range(8):
            rig.books.owe(f"account{number}")
        rig.climb()
        both = [rig.review, rig.another_review(other, caps=caps)]
        halves = [[f"account{number}" for number in half] for half in (range(4), range(4, 8))]
        at_once(*(lambda one=one, half=half: one.run(rig.clock(), half) for one, half in zip(both, halves, strict=True)))
        # Fewer, where one was done before the other asked: a batch that does not fit is held as a whole
        suspended = [standing for standing in rig.standings().values() if standing is SUSPENDED]
        assert len(suspended) <= 4
        rig.review.run(rig.clock())
        assert len(rig.ledger.rows("audit", after="suspended")) == len(suspended)


def test_suspensions_that_fill_several_batches_are_held_as_a_whole(rig: Rig, small_batches: None) -> None:
    for number in range(11):
        rig.books.owe(f"account{number}")
    rig.climb()
    for _ in range(3):
        rig.review.run(rig.clock())
    assert set(rig.standings().values()) == {PAST_DUE}


def test_who_pays_while_the_brake_holds_is_not_written_down_as_held(rig: Rig) -> None:
    for number in range(11):
        rig.books.owe(f"account{number}")
    rig.climb()
    rig.review.run(rig.clock())
    rig.books.pay("in_account3_1")
    rig.look()
    assert rig.standings()["account3"] is CURRENT
    release(rig)
    rig.review.run(rig.clock())
    assert {account for account, standing in rig.standings().items() if standing is SUSPENDED} == {
        f"account{number}" for number in range(11) if number != 3
    }


def test_restorations_are_never_capped(database_url: str, tmp_path: Path) -> None:
    with rigged(database_url, tmp_path, caps=Caps(per_hour=50, per_day=50)) as rig:
        for number in range(25):
            rig.books.owe(f"account{number}")
        rig.climb()
        rig.review.run(rig.clock())
        for number in range(25):
            rig.books.pay(f"in_account{number}_1")
        rig.sync.reconcile()
        few = rig.another_review(caps=Caps(per_hour=0, per_day=0))
        assert len(few.run(rig.clock()).changed) == 25
        assert set(rig.standings().values()) == {CURRENT}


# Fresh evidence


def test_nobody_is_suspended_on_a_reading_that_is_older_than_a_minute(rig: Rig) -> None:
    owed = rig.books.owe("acme")
    rig.climb()
    rig.clock.move(seconds=61)
    rig.books.asked.clear()
    rig.review.run(rig.clock())
    assert rig.books.asked == [owed]
    assert rig.standings() == {"acme": SUSPENDED}


def test_a_payment_between_two_readings_prevents_the_suspension(rig: Rig) -> None:
    owed = rig.books.owe("acme")
    rig.climb()
    rig.clock.move(seconds=61)
    rig.books.pay(owed)
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": CURRENT}
    assert changes_of(rig, "acme") == [("current", "past_due"), ("past_due", "current")]


def test_while_the_source_is_down_nobody_is_suspended_and_afterwards_they_are(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    rig.clock.move(seconds=61)
    rig.books.down = "no answer"
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": PAST_DUE}
    assert rig.codes("acme")[-2:] == ["would", "distrust"]
    assert rig.review.run(rig.clock()).accounts == 0
    rig.books.down = ""
    rig.clock.move(minutes=1)
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": SUSPENDED}


def test_a_reading_that_took_longer_than_a_minute_is_not_fresh(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    rig.clock.move(seconds=61)

    def slowly(invoice_id: str) -> None:
        rig.sync.invoice(invoice_id)
        rig.clock.move(seconds=61)

    rig.review._read_again = slowly
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": PAST_DUE}
    rig.review._read_again = rig.sync.invoice
    rig.clock.move(minutes=1)
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": SUSPENDED}


def test_one_account_whose_reading_fails_in_an_unforeseen_way_does_not_keep_the_others(rig: Rig) -> None:
    for account in ("acme", "bolt"):
        rig.books.owe(account)
    rig.climb()
    rig.clock.move(seconds=61)

    def read(invoice_id: str) -> None:
        if invoice_id == "in_acme_1":
            raise RuntimeError("a fault of ours")
        rig.sync.invoice(invoice_id)

    rig.review._read_again = read
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": PAST_DUE, "bolt": SUSPENDED}


def test_somebody_halts_in_the_middle_of_a_batch_and_no_further_account_is_suspended(rig: Rig) -> None:
    for number in range(6):
        rig.books.owe(f"account{number}")
    rig.climb()
    rig.clock.move(seconds=61)

    def read(invoice_id: str) -> None:
        rig.sync.invoice(invoice_id)
        if len([one for one in rig.standings().values() if one is SUSPENDED]) == 2:
            rig.why = HALTED

    rig.review._read_again = read
    rig.review.run(rig.clock())
    assert sorted(rig.standings().values()) == [PAST_DUE] * 3 + [SUSPENDED] * 3


# Dry run and halt


@pytest.mark.parametrize("why", [DRY_RUN, HALTED])
def test_while_something_withholds_nothing_climbs_and_nothing_is_written_but_what_would_be(rig: Rig, why: Reason) -> None:
    rig.why = why
    rig.books.owe("acme")
    rig.publisher.run(rig.clock())
    published = rig.snapshot_path.read_bytes()
    looked = rig.look()
    assert looked.withheld == [("acme", "reminder to accountant, reminder to user, standing past_due")]
    assert rig.codes("acme")[-2:] == ["would", why.code]
    assert rig.standings() == {"acme": CURRENT}
    for table in ("cases", "notices", "audit"):
        assert rig.ledger.rows(table) == []
    rig.publisher.run(rig.clock())
    assert rig.snapshot_path.read_bytes() == published


def test_while_something_withholds_a_payment_opens_access_all_the_same(rig: Rig) -> None:
    paid = rig.books.owe("acme")
    rig.climb()
    rig.review.run(rig.clock())
    rig.why = HALTED
    rig.books.pay(paid)
    rig.look()
    assert rig.standings() == {"acme": CURRENT}


def test_a_withheld_suspension_is_not_looked_at_again_and_again(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    rig.clock.move(seconds=61)
    rig.why = HALTED
    assert rig.review.run(rig.clock()).withheld == [("acme", "standing suspended")]
    assert rig.review.run(rig.clock()).accounts == 0
    assert rig.books.asked == []


def test_nobody_is_said_to_be_suspended_who_is_not(rig: Rig) -> None:
    owed = rig.books.owe("acme")
    rig.climb()
    rig.sync.invoice(owed)  # nothing has to be read first
    rig.why = HALTED
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": PAST_DUE}
    assert rig.codes("acme")[-2:] == ["would", "halted"]
    assert "suspended" not in rig.codes("acme")


def test_arming_does_exactly_what_the_dry_run_said(rig: Rig) -> None:
    """Every account stands somewhere else on the ladder when the dry run begins (case 129)."""
    for number in range(4):
        rig.books.owe(f"account{number}", due_at=DUE_AT + timedelta(days=5 * number))
    for _ in range(19):
        rig.look()
        rig.post()
        rig.clock.move(days=1)
    rig.why = DRY_RUN
    said = dict(rig.look().withheld)
    before = {row["id"] for row in rig.ledger.rows("notices")}
    rig.why = None
    rig.ledger.writer.desk.release()
    did: dict[str, list[str]] = {}
    looked = rig.look()
    for row in rig.ledger.rows("notices"):
        if row["id"] not in before and row["step"] != Step.SUSPEND:  # its word goes with the suspension, unsaid
            did.setdefault(row["account_id"], []).append(f"{row['step']} to {'/'.join(row['audiences'])}")
    for account, standing in looked.changed:
        did.setdefault(account, []).append(f"standing {standing}")
    assert said
    assert {account: ", ".join(what) for account, what in did.items()} == said


# Two at once


def test_two_reviews_at_the_same_moment_never_act_twice(database_url: str, tmp_path: Path) -> None:
    with rigged(database_url, tmp_path) as rig, opened(database_url) as elsewhere:
        for number in range(8):
            rig.books.owe(f"account{number}")
        other_sync = Sync(rig.books, elsewhere.reader, elsewhere.writer, rig.clock)
        other = rig.another_review(elsewhere, sync=other_sync)
        for days in (0, 14, 5, 1):
            rig.clock.move(days=days)
            rig.sync.reconcile()
            at_once(lambda: rig.review.run(rig.clock()), lambda: other.run(rig.clock()))
            rig.review.run(rig.clock())
            rig.post()
            rig.review.run(rig.clock())
        rig.clock.move(minutes=2)
        rig.review.run(rig.clock())
        assert set(rig.standings().values()) == {SUSPENDED}
        for number in range(8):
            assert changes_of(rig, f"account{number}") == [("current", "past_due"), ("past_due", "suspended")]
            written = [(row["step"], row["address"]) for row in rig.ledger.rows("notices", account_id=f"account{number}")]
            people = [f"{audience}@account{number}.example" for audience in Audience]
            assert sorted(written) == sorted(product(("reminder", "warning", "suspend"), people))


def test_an_unreachable_audience_blocks_the_suspension(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.look()
    rig.post(Outcome(state=NoticeState.REFUSED, detail="550 no such user"))
    rig.review.run(rig.clock())
    assert rig.codes("acme").count("unreachable") == 2
    rig.clock.move(days=40)
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    assert not rig.ledger.rows("notices", step=Step.WARNING.value)


def test_reasons_are_read_back_as_they_were_decided(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    row = rig.ledger.reader.account("acme")
    assert row is not None
    assert [reason.code for reason in row.reasons] == [
        "owes", "reminded", "reminded", "warned", "warned", "suspension_due",
    ]  # fmt: skip
    assert dict(row.reasons[3].params)["day"] == (DUE_AT + timedelta(days=19)).date()
    assert isinstance(rig.ledger.reader.invoice("in_acme_1"), Invoice)
