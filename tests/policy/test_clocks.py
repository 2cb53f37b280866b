"""Accounts that live by a Stripe test clock: decided in their own time, looked at by the house's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gatekeeper.model import Facts, Notice, Standing, Step
from gatekeeper.policy.clocks import decide_in_its_time, in_its_time, shift_of
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import facts, invoice, on, reminded
from tests.policy.table import told

RULES = Rules()
TODAY = on(-300)


def rehearsed(day: float, known: Facts) -> Facts:
    """The same account on a test clock that shows this day, read and watched by the house's clock."""
    read = tuple(replace(owed, read_at=TODAY - timedelta(seconds=5)) for owed in known.invoices)
    return replace(known, clock_at=on(day), invoices=read, watched_since_at=TODAY - timedelta(days=1))


@pytest.mark.parametrize("day", [-1, 0, 3, 14, 18, 19, 60])
@pytest.mark.parametrize("said", [(), reminded(), told(on(0)).notices])
def test_a_rehearsal_says_what_real_time_would_say(day: float, said: tuple[Notice, ...]) -> None:
    real = facts(notices=said, invoices=(invoice(read=on(day, seconds=-5)),), watched_since_at=on(day - 1))

    there, here = decide_in_its_time(rehearsed(day, real), RULES, TODAY), decide(real, RULES, on(day))

    assert there._replace(review_at=None) == here._replace(review_at=None)


def test_six_weeks_are_rehearsed_in_a_minute() -> None:
    asked = [
        {letter.step for letter in decide_in_its_time(rehearsed(0, facts()), RULES, TODAY).notices},
        {letter.step for letter in decide_in_its_time(rehearsed(14, facts(notices=reminded())), RULES, TODAY).notices},
    ]

    assert asked == [{Step.REMINDER}, {Step.WARNING}]
    assert decide_in_its_time(rehearsed(19, told(on(19))), RULES, TODAY).standing is Standing.SUSPENDED


def test_a_reading_is_as_old_as_the_house_says() -> None:
    old = rehearsed(19, told(on(19)))
    old = replace(old, invoices=tuple(replace(owed, read_at=TODAY - timedelta(minutes=2)) for owed in old.invoices))

    assert decide_in_its_time(old, RULES, TODAY).read_first == ("in_1",)


def test_a_clock_that_stands_asks_for_no_look_but_what_is_due_now_stays_due() -> None:
    waiting = decide_in_its_time(rehearsed(3, facts(notices=reminded())), RULES, TODAY)
    distrusted = decide_in_its_time(rehearsed(3, facts(distrust="no answer")), RULES, TODAY)
    to_be_read = decide_in_its_time(
        rehearsed(19, told(on(19), invoices=(invoice(),))), replace(RULES, fresh_for=timedelta(0)), TODAY
    )

    assert waiting.review_at is None
    assert distrusted.review_at is None
    assert (to_be_read.read_first, to_be_read.review_at) == (("in_1",), TODAY)


def test_who_lives_in_real_time_is_left_as_it_is() -> None:
    known = facts()

    assert shift_of(known, TODAY) == timedelta(0)
    assert in_its_time(known, TODAY) == (known, TODAY)
    assert decide_in_its_time(known, RULES, on(-1)).review_at == on(0)
