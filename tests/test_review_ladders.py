"""What a round makes of a ladder: courtesies, restrictions, versions of the policy, test clocks, and a directory of people."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gatekeeper.model import Facts, Notice, Standing, Step
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from gatekeeper.policy.segments import Condition, Policy, Segment
from gatekeeper.policy.versions import Policies
from tests.kit.builders import DUE_AT, on
from tests.kit.rig import ACCEPTED, Rig, rigged


def step(kind: Step, days: int, **changes: object) -> LadderStep:
    return LadderStep(**({"kind": kind, "name": kind.value, "after": Span(days=days)} | changes))


RESTRICTING = (
    step(Step.COURTESY, 3),
    step(Step.REMINDER, 0),
    step(Step.WARNING, 7, name="first-warning"),
    step(Step.RESTRICT, 2, leaves_open=("/export",)),
    step(Step.WARNING, 4),
    step(Step.SUSPEND, 2),
)


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rigged(database_url, tmp_path, rules=Rules(steps=RESTRICTING)) as rig:
        yield rig


def live(rig: Rig, days: int) -> list[tuple[int, str]]:
    """Look and post once a day, and write down what happened on which."""
    diary = []
    for _ in range(days):
        number = (rig.clock() - DUE_AT).days
        looked = rig.look()
        diary += [(number, notice.name or notice.step.value) for notice in rig.post()]
        looked.changed += rig.review.run(rig.clock()).changed
        diary += [(number, standing.value) for _, standing in looked.changed]
        rig.clock.move(days=1)
    return list(dict.fromkeys(diary))


def test_every_step_of_a_long_ladder_is_taken_once_in_its_time(rig: Rig) -> None:
    rig.clock.move(days=-5)
    rig.books.owe("acme")

    diary = live(rig, 30)

    assert diary == [
        (-3, "courtesy"),
        (0, "reminder"),
        (0, "past_due"),
        (7, "first-warning"),
        (9, "restrict"),
        (9, "restricted"),
        (13, "warning"),
        (15, "suspend"),
        (15, "suspended"),
    ]


def test_a_restriction_is_written_down_with_what_it_leaves_open_and_opens_with_the_payment(rig: Rig) -> None:
    owed = rig.books.owe("acme")
    live(rig, 10)
    restricted = rig.ledger.rows("accounts")[0]
    revision = rig.ledger.reader.revision()

    rig.books.pay(owed)
    rig.look()

    opened = rig.ledger.rows("accounts")[0]
    assert (restricted["standing"], restricted["leaves_open"]) == ("restricted", ["/export"])
    assert (opened["standing"], opened["leaves_open"]) == ("current", [])
    assert rig.ledger.reader.revision() > revision


def test_a_courtesy_belongs_to_no_case_and_is_not_repeated_after_a_restart(rig: Rig) -> None:
    rig.clock.move(days=-2)
    rig.books.owe("acme")
    for _ in range(3):
        rig.another_review(rules=Rules(steps=RESTRICTING)).run(rig.clock())
        rig.look()

    written = rig.ledger.rows("notices")
    assert [(row["step"], row["case_id"]) for row in written] == [("courtesy", None)] * 2
    assert rig.ledger.rows("cases") == []
    assert rig.standings() == {"acme": Standing.CURRENT}


def test_a_courtesy_that_waits_is_withdrawn_when_the_invoice_is_paid(rig: Rig) -> None:
    rig.clock.move(days=-2)
    owed = rig.books.owe("acme")
    rig.look()

    rig.books.pay(owed)
    rig.look()

    assert [row["state"] for row in rig.ledger.rows("notices")] in (["planned"] * 2, ["withdrawn"] * 2)


def test_a_running_case_keeps_the_policy_that_it_began_with(rig: Rig) -> None:
    patient = Policy(rules=Rules(steps=ladder(warning=30)), id="patient")
    strict = Policy(rules=Rules(steps=ladder(warning=7)), id="strict")
    before = rig.another_review(rules_of=Policies(patient, {}.get).rules_for)
    after = rig.another_review(rules_of=Policies(strict, {"patient": patient}.get).rules_for)
    rig.books.owe("old")
    rig.sync.reconcile()
    before.run(rig.clock())
    rig.post()
    rig.books.owe("new")
    rig.sync.reconcile()
    after.run(rig.clock())
    rig.post()

    rig.clock.move(days=8)
    rig.sync.reconcile()
    after.run(rig.clock())

    assert {row["policy"] for row in rig.ledger.rows("cases")} == {"patient", "strict"}
    assert {notice.account_id for notice in rig.post()} == {"new"}
    rig.clock.move(days=22)
    rig.sync.reconcile()
    after.run(rig.clock())
    assert "old" in {notice.account_id for notice in rig.post()}


def test_a_case_keeps_the_segment_that_it_began_with(rig: Rig) -> None:
    large = Segment(
        name="large",
        when=Condition(owed_at_least_minor={"eur": 5000}),
        rules=Rules(steps=ladder(warning=20)),
    )
    policies = Policies(Policy(rules=Rules(), id="one", segments=(large,)), {}.get)
    review = rig.another_review(rules_of=policies.rules_for)
    owed = rig.books.owe("acme")
    rig.sync.reconcile()
    review.run(rig.clock())
    rig.post()

    rig.books.change(owed, remaining_minor=4000)
    rig.clock.move(days=15)
    rig.sync.reconcile()
    review.run(rig.clock())

    (case,) = rig.ledger.rows("cases")
    assert case["segment"] == "large"
    assert rig.post() == []


def test_an_account_on_a_test_clock_lives_by_it(rig: Rig) -> None:
    """Six weeks in a minute: the house's clock stands nearly still, and only this account grows older."""
    rig.books.owe("rehearsed")
    rig.books.owe("real", due_at=on(10))
    diary = []
    for days in (0, 7, 9, 13, 15):
        rig.books.live_by_clock("rehearsed", "clock_1", on(days))
        rig.clock.move(seconds=10)
        looked = rig.look()
        diary += [notice.name or notice.step for notice in post_in_its_time(rig, on(days))]
        looked.changed += rig.review.run(rig.clock()).changed
        diary += [standing.value for account, standing in looked.changed if account == "rehearsed"]

    assert list(dict.fromkeys(diary)) == [
        "reminder", "past_due", "first-warning", "restrict", "restricted", "warning", "suspend", "suspended",
    ]  # fmt: skip
    assert rig.standings()["real"] is Standing.CURRENT
    assert max(row["at"] for row in rig.ledger.rows("audit")) <= rig.clock()


def post_in_its_time(rig: Rig, theirs: datetime) -> list[Notice]:
    """As the postman does: accepted at this moment by the account's own clock."""
    sent = []
    while notice := rig.ledger.writer.outbox.claim(rig.clock()):
        rig.ledger.writer.outbox.settle(notice, ACCEPTED, rig.clock(), theirs)
        sent.append(notice)
    return sent


class Directory:
    """Knows no more than the ledger does. `silent`: it gives no answer."""

    def __init__(self) -> None:
        self.silent = False
        self.asked: list[str] = []
        self._fresh: dict[str, datetime] = {}

    def is_fresh(self, facts: Facts, now: datetime) -> bool:
        answered_at = self._fresh.get(facts.account_id)
        return answered_at is not None and now - answered_at < timedelta(hours=1)

    def refresh(self, account_id: str, now: datetime) -> bool:
        self.asked.append(account_id)
        if not self.silent:
            self._fresh[account_id] = now
        return not self.silent


def test_a_directory_that_is_silent_stops_no_letter_and_every_suspension(rig: Rig) -> None:
    directory = Directory()
    directory.silent = True
    rig.review = rig.another_review(people=directory)
    rig.books.owe("acme")

    diary = live(rig, 25)

    assert diary == [(0, "reminder"), (0, "past_due"), (14, "warning")]
    assert "directory_silent" in rig.codes("acme")
    directory.silent = False
    assert live(rig, 1) == [(25, "suspend"), (25, "suspended")]


def test_the_directory_is_asked_before_anybody_is_written_to_and_not_for_nothing(rig: Rig) -> None:
    directory = Directory()
    rig.review = rig.another_review(people=directory)
    rig.books.owe("acme")
    rig.books.owe("later", due_at=on(9))

    live(rig, 3)

    assert directory.asked == ["acme"]


def test_whoever_has_paid_does_not_wait_for_the_directory(rig: Rig) -> None:
    rig.books.owe("acme")
    live(rig, 25)
    assert rig.standings() == {"acme": Standing.SUSPENDED}
    directory = Directory()
    directory.silent = True
    rig.review = rig.another_review(people=directory)

    rig.books.pay("in_acme_1")

    live(rig, 1)
    assert rig.standings() == {"acme": Standing.CURRENT}
    assert directory.asked == []
