"""A dry run and a halt hold back everything that climbs, say what it would have been, and never hold back an opening."""

import pytest

from gatekeeper.model import Facts, Reason, Standing, Step, Verdict
from gatekeeper.policy.decide import decide
from gatekeeper.policy.withhold import withhold
from tests.kit.builders import exemption, facts, invoice, on, promise, reminded
from tests.policy.table import CURRENT, PAST_DUE, RULES, SUSPENDED, told

DRY_RUN = Reason(code="dry_run")


def what_would_be(verdict: Verdict) -> list[object]:
    return [dict(reason.params)["what"] for reason in verdict.reasons if reason.code == "would"]


@pytest.mark.parametrize(
    ("known", "day", "standing", "would"),
    [
        pytest.param(facts(), 0, CURRENT, "reminder to accountant, reminder to user, standing past_due", id="a reminder"),
        pytest.param(facts(notices=reminded()), 14, PAST_DUE, "warning to accountant, warning to user", id="a warning"),
        pytest.param(told(on(19)), 19, PAST_DUE, "standing suspended", id="a suspension"),
        pytest.param(
            told(on(19), promises=(promise(30),)), 19, PAST_DUE, "promised to accountant, promised to user", id="a confirmation"
        ),
    ],
)
def test_a_dry_run_holds_back_what_climbs_and_says_it(known: Facts, day: int, standing: Standing, would: str) -> None:
    kept = withhold(decide(known, RULES, on(day)), known, DRY_RUN)

    assert (kept.standing, kept.notices, kept.read_first) == (standing, (), ())
    assert what_would_be(kept) == [would]
    assert kept.reasons[-1] == DRY_RUN


def test_a_dry_run_does_not_hold_back_a_restoration() -> None:
    known = told(on(25), standing=SUSPENDED, invoices=(invoice(status="paid"),))
    verdict = decide(known, RULES, on(25))

    assert withhold(verdict, known, DRY_RUN) == verdict
    assert {notice.step for notice in verdict.notices} == {Step.RESTORED}


def test_of_a_restoration_that_begins_a_new_ladder_only_the_ladder_is_held_back() -> None:
    known = told(on(25), standing=SUSPENDED, invoices=(invoice(2, due=20),))

    kept = withhold(decide(known, RULES, on(25)), known, DRY_RUN)

    assert (kept.standing, {notice.step for notice in kept.notices}) == (PAST_DUE, {Step.RESTORED})
    assert what_would_be(kept) == ["reminder to accountant, reminder to user"]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(facts(invoices=()), id="nothing overdue"),
        pytest.param(told(on(19), exemptions=(exemption(30),)), id="an exemption"),
        pytest.param(told(on(19), standing=SUSPENDED), id="suspended already"),
    ],
)
def test_a_verdict_that_does_not_climb_is_left_as_it_is(known: Facts) -> None:
    verdict = decide(known, RULES, on(19))

    assert withhold(verdict, known, DRY_RUN) is verdict
