"""The call list: who is on it, why, and who comes first."""

from dataclasses import replace
from typing import Any

import pytest

from gatekeeper.model import Audience, Dispute, Money, NoticeState, Step
from gatekeeper.policy.rules import Rules
from gatekeeper.reports import Call, Colour, Missing, call, in_order
from tests.kit.builders import ACCOUNTANT, USER, contact, exemption, facts, invoice, notice, on, promise, reminded

RULES = Rules()


def called(at: float, **changes: Any) -> Call:
    """The line of an account that is to be called on this day."""
    found = call(facts(**changes), RULES, on(at))
    assert found is not None
    return found


def test_whoever_owes_what_is_overdue_is_called_with_all_of_it_and_since_when() -> None:
    owed = invoice(1), invoice(2, due=3), invoice(3, due=1, currency="clp", total_minor=70000, remaining_minor=70000)
    line = called(10, invoices=owed, notices=reminded())
    assert line.totals == (Money(minor=70000, currency="clp"), Money(minor=10000, currency="eur"))
    assert (line.overdue_since, line.days_overdue, line.missing) == (on(0).date(), 10, ())


def test_what_is_not_due_yet_needs_no_call() -> None:
    assert call(facts(), RULES, on(-1)) is None


@pytest.mark.parametrize(("days", "colour"), [(0, "orange"), (30, "orange"), (31, "red")])
def test_the_colour_says_how_old_the_oldest_debt_is(days: float, colour: str) -> None:
    assert called(days).colour == colour


def test_an_audience_without_an_address_is_seen_before_anything_is_overdue() -> None:
    """Case 46: on day one, not on the day on which the warning is due."""
    line = called(-10, contacts=(contact(Audience.ACCOUNTANT),))
    assert line.missing == (Missing(Audience.USER, ()),)
    assert (line.colour, line.overdue_since, line.totals) == (Colour.GREEN, None, (Money(minor=5000, currency="eur"),))


@pytest.mark.parametrize("state", [NoticeState.REFUSED, NoticeState.BOUNCED])
def test_an_audience_whose_address_failed_is_named_with_the_address(state: NoticeState) -> None:
    lost, arrived = notice(Step.REMINDER, Audience.USER, None, state=state), notice(Step.REMINDER, Audience.ACCOUNTANT, 0)
    assert called(1, notices=(lost, arrived)).missing == (Missing(Audience.USER, (USER,)),)


def test_a_letter_in_doubt_is_said_once_nothing_more_is_tried() -> None:
    doubtful = notice(Step.REMINDER, Audience.ACCOUNTANT, None, state=NoticeState.UNCERTAIN)
    again = replace(doubtful, next_try_at=on(2))
    assert [one.address for one in called(1, notices=(doubtful,)).in_doubt] == [ACCOUNTANT]
    assert called(1, notices=(again,)).in_doubt == ()


@pytest.mark.parametrize(
    "held",
    [
        {"promises": (promise(9),)},
        {"exemptions": (exemption(9),)},
        {"disputes": (Dispute(id="dp_1", opened_at=on(1), closed_at=None),)},
    ],
    ids=["a promise", "an exemption", "a dispute"],
)
def test_nobody_is_called_while_something_holds(held: dict[str, Any]) -> None:
    assert called(3, contacts=())
    assert call(facts(contacts=(), **held), RULES, on(3)) is None


def test_an_account_on_a_test_clock_is_as_old_as_its_clock_says() -> None:
    ahead = facts(clock_at=on(40))
    assert (found := call(ahead, RULES, on(1))) is not None
    assert found.days_overdue >= 39


def test_whom_no_letter_reaches_comes_first_then_doubt_then_the_oldest() -> None:
    doubtful = notice(Step.REMINDER, Audience.ACCOUNTANT, None, state=NoticeState.UNCERTAIN)
    young, old = called(1)._replace(account_id="young"), called(90)._replace(account_id="old")
    doubt = called(2, notices=(doubtful,))._replace(account_id="doubt")
    lost = called(1, contacts=())._replace(account_id="lost")
    assert [one.account_id for one in in_order([young, old, doubt, lost])] == ["lost", "doubt", "old", "young"]
