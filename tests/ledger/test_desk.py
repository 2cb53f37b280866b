"""What staff do is written down with who did it, and has the account looked at again."""

from collections.abc import Callable
from datetime import date

import pytest

from gatekeeper.ledger.writer.desk import NoSuchAccount
from gatekeeper.model import Exemption, Mode, Money, Promise
from tests.kit.builders import invoice, on
from tests.kit.ledger import Ledger, past_due

FIRST, SECOND = date(2026, 3, 31), date(2026, 6, 30)


@pytest.fixture
def desk(ledger: Ledger) -> Ledger:
    ledger.read(invoice())
    ledger.judge(past_due())
    return ledger


def exempt(ledger: Ledger, until: date = FIRST, day: int = 1, account_id: str = "acme") -> None:
    ledger.writer.desk.exempt(account_id, until_on=until, reason="a good customer", author="Ann", now=on(day))


def promise(ledger: Ledger, due: date = FIRST, day: int = 1, amount: Money | None = None, account_id: str = "acme") -> None:
    ledger.writer.desk.promise(account_id, due_on=due, by="Bob", author="Ann", now=on(day), amount=amount)


def last_note(ledger: Ledger) -> tuple[object, ...]:
    row = ledger.rows("audit")[-1]
    return row["kind"], row["account_id"], row["actor"], row["at"], row["reasons"][0]["params"]["what"]


def test_an_exemption_is_among_the_facts_and_in_the_audit(desk: Ledger) -> None:
    exempt(desk)

    assert desk.facts().exemptions == (Exemption(until_on=FIRST, reason="a good customer", author="Ann", set_at=on(1)),)
    assert last_note(desk) == ("exemption", "acme", "Ann", on(1), "until 2026-03-31: a good customer")
    assert desk.touched() == {"acme"}


def test_a_newer_exemption_takes_the_place_of_an_older(desk: Ledger) -> None:
    exempt(desk, FIRST, 1)
    exempt(desk, SECOND, 2)

    assert [(one.until_on, one.ended_at) for one in desk.facts().exemptions] == [(FIRST, on(2)), (SECOND, None)]
    assert len(desk.rows("audit")) == 3


def test_an_exemption_is_ended(desk: Ledger) -> None:
    exempt(desk, FIRST, 1)
    desk.settle_all()

    assert desk.writer.desk.end_exemption("acme", author="Cid", now=on(3)) is True

    assert [one.ended_at for one in desk.facts().exemptions] == [on(3)]
    assert last_note(desk) == ("exemption", "acme", "Cid", on(3), "ended")
    assert desk.touched() == {"acme"}


def test_what_has_ended_is_not_ended_again(desk: Ledger) -> None:
    exempt(desk, FIRST, 1)
    desk.writer.desk.end_exemption("acme", author="Cid", now=on(3))
    desk.settle_all()
    before = desk.dump()

    assert desk.writer.desk.end_exemption("acme", author="Cid", now=on(4)) is False

    assert desk.dump() == before


def test_a_promise_is_among_the_facts_and_in_the_audit(desk: Ledger) -> None:
    promise(desk, amount=Money(minor=12000, currency="eur"))

    expected = Promise(due_on=FIRST, by="Bob", set_at=on(1), amount=Money(minor=12000, currency="eur"))
    assert desk.facts().promises == (expected,)
    assert last_note(desk) == ("promise", "acme", "Ann", on(1), "on 2026-03-31 by Bob")
    assert desk.touched() == {"acme"}


def test_a_newer_promise_takes_the_place_of_an_older(desk: Ledger) -> None:
    promise(desk, FIRST, 1)
    promise(desk, SECOND, 2)

    assert [(one.due_on, one.ended_at, one.amount) for one in desk.facts().promises] == [
        (FIRST, on(2), None),
        (SECOND, None, None),
    ]


def test_an_account_that_staff_opens_is_remembered_as_such(desk: Ledger) -> None:
    desk.writer.desk.reopen("acme", reason="a mistake of ours", author="Ann", now=on(4))

    assert desk.facts().reopened_at == on(4)
    assert last_note(desk) == ("restore", "acme", "Ann", on(4), "a mistake of ours")
    assert desk.touched() == {"acme"}


def test_the_mode_is_unknown_until_somebody_sets_it_and_each_change_is_audited(desk: Ledger) -> None:
    assert desk.reader.state().mode is None

    desk.writer.desk.set_mode(Mode.ARMED, author="Ann", now=on(1))
    desk.writer.desk.set_mode(Mode.DRY_RUN, author="Bob", now=on(2))

    assert desk.reader.state().mode is Mode.DRY_RUN
    said = [
        (row["before"], row["after"], row["actor"], row["at"], row["account_id"]) for row in desk.rows("audit", kind="mode")
    ]
    assert said == [("", "armed", "Ann", on(1), None), ("armed", "dry_run", "Bob", on(2), None)]


def test_arming_looks_again_at_what_the_dry_run_held_back(desk: Ledger) -> None:
    desk.judge(past_due(), withheld=True)

    desk.writer.desk.set_mode(Mode.ARMED, author="Ann", now=on(1))

    assert desk.touched() == {"acme"}


@pytest.mark.parametrize(
    "work",
    [
        lambda ledger: exempt(ledger, account_id="nobody"),
        lambda ledger: promise(ledger, account_id="nobody"),
        lambda ledger: ledger.writer.desk.end_exemption("nobody", author="Ann", now=on(1)),
        lambda ledger: ledger.writer.desk.reopen("nobody", reason="", author="Ann", now=on(1)),
    ],
    ids=["exempt", "promise", "end an exemption", "reopen"],
)
def test_an_account_that_there_is_not_is_named_and_nothing_is_written(desk: Ledger, work: Callable[[Ledger], object]) -> None:
    before = desk.dump()

    with pytest.raises(NoSuchAccount, match=r"'nobody'.*accounts list"):
        work(desk)

    assert desk.dump() == before
