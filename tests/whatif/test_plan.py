"""A plan is what the armed run then does, and says what would hold it (case 129)."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gatekeeper.ledger.history import History
from gatekeeper.model import NoticeState, Reason, Standing, Step
from gatekeeper.policy.brake import Caps
from gatekeeper.policy.rules import CLOSING, Rules
from gatekeeper.whatif.plan import Plan, plan
from tests.kit.builders import DUE_AT, automatic, on
from tests.kit.ledger import Ledger
from tests.kit.rig import Rig
from tests.policy.test_forecast import RESTRICTING

UTC = ZoneInfo("UTC")


def planned(rig: Rig, rules: Rules, days: int) -> Plan:
    return plan(History(rig.ledger.engine), lambda _facts: rules, rig.clock(), days, UTC, stretch=3)


def carried_out(rig: Rig, until: datetime) -> None:
    """The worker's turns, one at every instant at which something is due."""
    while True:
        rig.look()
        while rig.post():
            rig.review.run(rig.clock())
        rig.review.run(rig.clock())
        waits = [row["review_at"] for row in rig.ledger.rows("accounts") if row["review_at"] is not None]
        next_at = min((at for at in waits if at > rig.clock()), default=until)
        if next_at >= until:
            return
        rig.clock.move(seconds=(next_at - rig.clock()).total_seconds())


def letters_of(rig: Rig) -> set[tuple[str, datetime, str, str]]:
    """The letters that were sent, but for those that say what a change of standing says already."""
    return {
        (row["account_id"], row["accepted_at"], row["step"], row["name"])
        for row in rig.ledger.rows("notices")
        if row["state"] == NoticeState.ACCEPTED.value and row["step"] not in CLOSING
    }


def changes_of(rig: Rig) -> list[tuple[str, datetime, str]]:
    return sorted((row["account_id"], row["at"], row["after"]) for row in rig.ledger.rows("audit", kind="standing"))


def a_street_of_debtors(rig: Rig) -> None:
    """Accounts of every kind: due, soon due, small, charged by itself, promised, exempt, without a user, with two invoices."""
    rig.books.owe("due")
    rig.books.owe("soon", due_at=on(3.3))
    rig.books.owe("later", due_at=on(80))
    rig.books.owe("small", remaining_minor=50)
    rig.books.owe("card", **{name: getattr(automatic(), name) for name in ("due_at", "automatic", "attempted")})
    rig.books.owe("retried", due_at=None, automatic=True, attempted=True, next_attempt_at=on(27))
    rig.books.owe("two")
    rig.books.owe("two", due_at=on(9))
    rig.books.owe("old", due_at=on(-300), created_at=on(-320), finalized_at=on(-320))
    for account in ("promised", "exempt", "unmet"):
        rig.books.owe(account)
    customer = rig.books.customers["cus_unmet"]
    rig.books.customers["cus_unmet"] = replace(customer, addresses=customer.addresses[:1])
    rig.sync.reconcile()
    desk = rig.ledger.writer.desk
    desk.promise("promised", due_on=on(6).date(), by="Bob", author="Ann", now=rig.clock())
    desk.exempt("exempt", until_on=on(9).date(), reason="a good customer", author="Ann", now=rig.clock())


def test_the_plan_of_a_dry_run_is_what_the_armed_run_then_does(ledger: Ledger, tmp_path: Path) -> None:
    for rules in (RESTRICTING,):
        rig = Rig(ledger, tmp_path, rules=rules, caps=Caps(per_hour=100, per_day=100))
        a_street_of_debtors(rig)
        rig.why = Reason(code="dry_run")
        rig.look()
        made = planned(rig, rules, 40)
        assert letters_of(rig) == set()
        rig.why = None
        rig.ledger.writer.desk.release()
        carried_out(rig, datetime(2026, 4, 12, tzinfo=UTC))
        letters = {(one.account_id, one.at, one.what, one.step_name) for one in made.planned if one.letters}
        assert letters == letters_of(rig)
        changes = sorted((one.account_id, one.at, one.what) for one in made.planned if not one.letters)
        assert changes == changes_of(rig)
        assert {after for _, _, after in changes} == {"past_due", "restricted", "suspended"}
        assert made.unreachable == ["unmet"]


def test_a_plan_in_the_middle_of_a_case_goes_on_where_it_stands(ledger: Ledger, tmp_path: Path) -> None:
    rig = Rig(ledger, tmp_path, caps=Caps(per_hour=100, per_day=100))
    rig.books.owe("acme")
    carried_out(rig, on(16))
    rig.clock.move(seconds=(on(16) - rig.clock()).total_seconds())
    made = planned(rig, Rules(), 10)
    assert [(one.on, one.what, one.closes) for one in made.planned] == [(on(19).date(), "suspended", True)]
    assert made.planned[0].name == "Acme"
    assert made.counts() == {on(19).date(): {"suspended": 1}}


def test_whoever_has_paid_and_is_still_closed_is_part_of_the_plan(ledger: Ledger, tmp_path: Path) -> None:
    rig = Rig(ledger, tmp_path)
    owed = rig.books.owe("acme")
    rig.climb()
    rig.look()
    assert rig.standings()["acme"] is Standing.SUSPENDED
    rig.books.pay(owed)
    rig.sync.reconcile()
    made = planned(rig, Rules(), 3)
    assert [one.what for one in made.planned] == ["current", "restored"]
    assert made.planned[1].letters == 2


def test_a_plan_says_when_the_brake_would_hold(ledger: Ledger, tmp_path: Path) -> None:
    rig = Rig(ledger, tmp_path)
    for number in range(5):
        rig.books.owe(f"a{number}")
    rig.books.owe("b", due_at=on(2))
    rig.sync.reconcile()
    made = planned(rig, Rules(), 30)
    held = made.brake_holds(Caps(per_hour=4, per_day=30))
    assert held is not None
    assert held[0] == on(19)
    assert dict(held[1].params) == {"wanted": 5, "allowed": 4}
    assert made.brake_holds(Caps(per_hour=5, per_day=5)) is None
    assert sum(one.closes for one in made.planned) == 6


def test_an_account_on_a_test_clock_is_planned_in_its_own_time(ledger: Ledger, tmp_path: Path) -> None:
    rig = Rig(ledger, tmp_path)
    rig.books.owe("acme", due_at=on(100))
    customer = rig.books.customers["cus_acme"]
    rig.books.customers["cus_acme"] = replace(customer, test_clock="clock_1")
    rig.books.times["clock_1"] = on(101)
    rig.sync.reconcile()
    (known,) = rig.ledger.reader.facts(["acme"])
    made = planned(rig, Rules(), 20)
    if known.clock_at is not None:
        assert [(one.on, one.what) for one in made.planned][-1] == ((on(101) + timedelta(days=19)).date(), "suspended")
    else:
        assert made.planned == []


def test_a_plan_of_many_stretches_misses_nobody(ledger: Ledger, tmp_path: Path) -> None:
    rig = Rig(ledger, tmp_path)
    for number in range(10):
        rig.books.owe(f"a{number}")
    rig.sync.reconcile()
    made = planned(rig, Rules(), 1)
    assert made.counts() == {DUE_AT.date(): {"past_due": 10, "reminder": 10}}
    assert sum(one.letters for one in made.planned) == 20
    assert {one.what for one in made.planned} == {Standing.PAST_DUE.value, Step.REMINDER.value}
