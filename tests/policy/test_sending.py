"""A letter says what is true when it goes, or does not go."""

from dataclasses import replace

import pytest

from gatekeeper.model import Audience, Facts, NoticeState, Standing, Step
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.rules import LadderStep
from gatekeeper.policy.sending import content_now
from tests.kit.builders import day, exemption, facts, invoice, notice, on, reminded, warned
from tests.policy.table import RULES, told

REMINDER = notice(Step.REMINDER, Audience.USER, None)
WARNING = notice(Step.WARNING, Audience.USER, None, planned_at=on(14), suspend_on=day(19))
RESTORED = notice(Step.RESTORED, Audience.USER, None, named=())


def going(**changes: object) -> Facts:
    """A warning is about to go to the user; both were reminded on day 0."""
    return facts(**({"notices": (*reminded(), WARNING)} | changes))


def test_a_letter_names_what_is_overdue_when_it_goes() -> None:
    known = facts(invoices=(invoice(1), invoice(2, due=1), invoice(3, due=9)), notices=(REMINDER,))

    content = content_now(REMINDER, known, RULES, on(2))

    assert content is not None
    assert (content.named, content.suspend_on) == (("in_1", "in_2"), None)


@pytest.mark.parametrize(("sent", "named"), [(14, 19), (15, 20), (40, 45)])
def test_a_warning_that_goes_late_names_a_later_day(sent: int, named: int) -> None:
    content = content_now(WARNING, going(), RULES, on(sent))

    assert content is not None
    assert content.suspend_on == day(named)


def test_a_day_that_was_named_does_not_come_nearer() -> None:
    content = content_now(
        notice(Step.WARNING, Audience.USER, None, planned_at=on(14), suspend_on=day(30)), going(), RULES, on(14)
    )

    assert content is not None
    assert content.suspend_on == day(30)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(going(invoices=(invoice(status="paid"),)), id="it was paid"),
        pytest.param(
            going(invoices=(invoice(status="paid"), invoice(2))), id="another invoice is overdue, which it did not name"
        ),
        pytest.param(going(invoices=(invoice(processing_since_at=on(13)),)), id="a payment is on its way"),
        pytest.param(going(invoices=(invoice(processing_ended_at=on(15)),)), id="a payment failed since it was written"),
        pytest.param(going(exemptions=(exemption(30),)), id="a hold runs"),
        pytest.param(going(exemptions=(exemption(15),)), id="a hold ended since it was written"),
        pytest.param(going(case_id=2), id="its case is over"),
        pytest.param(going(case_id=None), id="there is no case"),
        pytest.param(going(standing=Standing.SUSPENDED), id="access is closed"),
        pytest.param(going(notices=(*reminded(state=NoticeState.BOUNCED), WARNING)), id="the reminder came back"),
        pytest.param(going(notices=(*reminded(7), WARNING)), id="the reminder is not two weeks old"),
    ],
)
def test_a_warning_that_is_no_longer_true_does_not_go(known: Facts) -> None:
    assert content_now(WARNING, known, RULES, on(16)) is None


def test_the_last_letter_of_a_ladder_that_closes_nothing_goes_whatever_else_is_owed_by_then() -> None:
    """With it the older invoice is at its end, and the newer one leads."""
    again = LadderStep(kind=Step.REMINDER, name="again", after=Span(days=3))
    rules = replace(RULES, audiences=(Audience.USER,), steps=(RULES.steps[0], again))
    last = notice(Step.REMINDER, Audience.USER, None, planned_at=on(3), name="again", occasion=2)
    known = facts(invoices=(invoice(1), invoice(2, due=2)), notices=(notice(Step.REMINDER, Audience.USER, 0), last))

    content = content_now(last, known, rules, on(3))

    assert content is not None
    assert content.named == ("in_1", "in_2")


def test_a_reminder_does_not_go_while_a_hold_runs() -> None:
    assert content_now(REMINDER, facts(notices=(REMINDER,)), RULES, on(1)) is not None
    assert content_now(REMINDER, facts(notices=(REMINDER,), exemptions=(exemption(30),)), RULES, on(1)) is None


def test_a_second_address_is_warned_although_the_first_one_was() -> None:
    other = notice(Step.WARNING, Audience.USER, 14, address="other@customer.example")

    assert content_now(WARNING, going(notices=(*reminded(), other, WARNING)), RULES, on(14)) is not None


def test_the_word_that_access_is_back_does_not_go_when_it_is_closed_again() -> None:
    closed, opened = told(on(20), standing=Standing.SUSPENDED, notices=(*reminded(), *warned(), RESTORED)), facts()

    assert content_now(RESTORED, closed, RULES, on(20)) is None
    assert content_now(RESTORED, opened, RULES, on(20)) is not None
