"""What is said beside the ladder: once, to whom it is for, only while it is true, and evidence of nothing."""

from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from gatekeeper.model import Audience, Facts, Money, Notice, NoticeState, Origin, PlannedNotice, Standing, Step
from gatekeeper.policy.calendar import Hours, Office
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.selfservice import ASKED, TO_STAFF
from gatekeeper.policy.sending import Content, content_now, not_before, read_first
from tests.kit.builders import (
    ACCOUNTANT,
    USER,
    both,
    contact,
    day,
    exemption,
    facts,
    invoice,
    notice,
    on,
    promise,
    reminded,
    warned,
)
from tests.policy.table import PAST_DUE, RULES, SUSPENDED, told

ONLY_ACCOUNTANT = (contact(Audience.ACCOUNTANT),)
REFUSED = NoticeState.REFUSED
OFFICE = Hours(of_weekday=tuple((weekday, time(9), time(17)) for weekday in range(5)))
HOURS = Rules(contact=Office(hours=OFFICE, zone=ZoneInfo("UTC")))


def asked(known: Facts, now: float, step: Step, rules: Rules = RULES) -> list[PlannedNotice]:
    return [one for one in decide(known, rules, on(now)).notices if one.step is step]


def written(known: Facts, now: float, step: Step, **changes: object) -> Facts:
    """The same, with the words of this kind that a look at it plans in the ledger."""
    planned = tuple(
        Notice(
            id=100 + number,
            account_id="acme",
            case_id=1,
            step=one.step,
            name=one.name,
            occasion=one.occasion,
            audiences=one.audiences,
            address=one.address,
            state=NoticeState.PLANNED,
            planned_at=on(now),
            named=one.named,
        )
        for number, one in enumerate(asked(known, now, step))
    )
    return replace(known, notices=known.notices + tuple(replace(one, **changes) for one in planned))


def says(known: Facts, now: float, *, which: int = -1, rules: Rules = RULES) -> Content | None:
    """What one of the notices that were written says, if it goes at `now`."""
    return content_now(known.notices[which], known, rules, on(now))


def closed(**changes: object) -> Facts:
    return told(on(19), **({"standing": SUSPENDED, "standing_since_at": on(19)} | changes))


# Access


def test_a_second_closing_of_a_case_is_told_again() -> None:
    before = tuple(notice(Step.SUSPEND, audience, 19) for audience in Audience)
    known = told(on(40), notices=reminded() + warned() + before + warned(33, occasion=2))
    assert {(one.address, one.occasion) for one in asked(known, 40, Step.SUSPEND)} == {(ACCOUNTANT, 2), (USER, 2)}


def test_the_word_of_a_closing_says_since_when_and_names_what_is_owed() -> None:
    known = written(told(on(19)), 19, Step.SUSPEND)
    content = says(replace(known, standing=SUSPENDED, standing_since_at=on(19)), 20)
    assert content is not None
    assert (content.closed_on, content.closes, content.named) == (day(19), Step.SUSPEND, ("in_1",))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"standing": PAST_DUE}, id="access is open again"),
        pytest.param({"standing": Standing.RESTRICTED}, id="less is closed than it says"),
        pytest.param({"invoices": (invoice(status="paid"),)}, id="everything is paid"),
        pytest.param({"exemptions": (exemption(30),)}, id="a hold runs"),
        pytest.param({"case_id": 2}, id="its case is over"),
    ],
)
def test_the_word_of_a_closing_does_not_go_when_that_is_no_longer_so(changes: dict[str, object]) -> None:
    known = replace(written(told(on(19)), 19, Step.SUSPEND), standing=SUSPENDED, standing_since_at=on(19))
    assert says(known, 19) is not None
    assert says(replace(known, **changes), 19) is None  # type: ignore[arg-type]  # fields of Facts


def test_the_word_of_a_closing_is_evidence_of_nothing() -> None:
    words = tuple(notice(Step.SUSPEND, audience, 15, name="suspend") for audience in Audience)
    assert decide(facts(notices=reminded() + words), RULES, on(13)).reasons[-1].code == "warning_due"
    assert {RULES.place_of(one) for one in words} == {-1}


def test_who_is_let_in_with_a_debt_is_told_of_it_and_who_has_paid_is_told_of_none() -> None:
    known = written(closed(promises=(promise(30),)), 20, Step.RESTORED)
    opened = replace(known, standing=PAST_DUE)
    owing, settled = says(opened, 20), says(replace(opened, invoices=(invoice(status="paid"),)), 20)
    assert owing is not None
    assert settled is not None
    assert (owing.named, settled.named) == (("in_1",), ())


# Promises


def test_each_promise_is_confirmed_once_and_a_new_one_anew() -> None:
    first = promise(24, set_at=on(15))
    known = written(told(on(15), promises=(first,)), 15, Step.PROMISED)
    assert [one.occasion for one in known.notices[-2:]] == [1, 1]
    assert asked(known, 16, Step.PROMISED) == []
    second = promise(28, set_at=on(17))
    renewed = replace(known, promises=(replace(first, ended_at=on(17)), second))
    assert {(one.occasion, one.address) for one in asked(renewed, 17, Step.PROMISED)} == {(2, ACCOUNTANT), (2, USER)}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"distrust": "401"}, id="the books are not believed"),
        pytest.param({"exemptions": (exemption(60),)}, id="an exemption from letters holds for longer"),
        pytest.param({"mapped": False}, id="nobody knows whose account it is"),
    ],
)
def test_a_promise_is_not_confirmed_while(changes: dict[str, object]) -> None:
    assert asked(told(on(15), promises=(promise(24),), **changes), 15, Step.PROMISED) == []


def test_a_confirmation_says_the_day_the_amount_and_the_invoices() -> None:
    amount = Money(minor=3000, currency="eur")
    content = says(written(told(on(15), promises=(promise(24, amount=amount),)), 15, Step.PROMISED), 15)
    assert content is not None
    assert content.promise is not None
    assert (content.promise.due_on, content.promise.amount, content.named) == (day(24), amount, ("in_1",))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"promises": (promise(24, ended_at=on(15)),)}, id="the promise was ended"),
        pytest.param({"promises": (promise(24, ended_at=on(15)), promise(30, set_at=on(15)))}, id="another took its place"),
        pytest.param({"invoices": (invoice(status="paid"),)}, id="the debt is paid"),
    ],
)
def test_a_confirmation_does_not_go_when(changes: dict[str, object]) -> None:
    known = written(told(on(15), promises=(promise(24),)), 15, Step.PROMISED)
    assert says(replace(known, **changes), 15) is None  # type: ignore[arg-type]  # fields of Facts


def test_the_first_warning_after_a_promise_says_that_it_was_not_kept_and_the_next_one_does_not() -> None:
    known = told(on(26), promises=(promise(24),))
    fresh = notice(Step.WARNING, Audience.USER, None, planned_at=on(26), suspend_on=day(31), occasion=2, id=9)
    content = content_now(fresh, replace(known, notices=(*known.notices, fresh)), RULES, on(26))
    assert content is not None
    assert content.promise == promise(24)
    sent = notice(Step.WARNING, Audience.ACCOUNTANT, 26, suspend_on=day(31), occasion=2)  # planned beside it, and gone already
    content = content_now(fresh, replace(known, notices=(*known.notices, sent, fresh)), RULES, on(26))
    assert content is not None
    assert content.promise is not None
    later = replace(fresh, planned_at=on(27), occasion=3)
    content = content_now(later, replace(known, notices=(*known.notices, sent, later)), RULES, on(27))
    assert content is not None
    assert content.promise is None


# Whom nobody reaches


def test_the_other_is_told_once_a_case_whom_nobody_reaches() -> None:
    known = facts(contacts=ONLY_ACCOUNTANT, notices=reminded()[:1])
    (planned,) = asked(known, 1, Step.UNREACHABLE)
    assert (planned.name, planned.address, planned.audiences) == ("user", ACCOUNTANT, (Audience.ACCOUNTANT,))
    for state in (NoticeState.PLANNED, NoticeState.ACCEPTED, NoticeState.UNCERTAIN):
        assert asked(written(known, 1, Step.UNREACHABLE, state=state), 40, Step.UNREACHABLE) == []


def test_who_was_not_told_after_all_is_told_later() -> None:
    known = written(facts(contacts=ONLY_ACCOUNTANT, notices=reminded()[:1]), 1, Step.UNREACHABLE, state=NoticeState.WITHDRAWN)
    assert [one.occasion for one in asked(known, 1, Step.UNREACHABLE)] == [2]


def test_before_a_step_is_due_nobody_is_told() -> None:
    assert asked(facts(contacts=ONLY_ACCOUNTANT), -1, Step.UNREACHABLE) == []


def test_where_nobody_can_be_reached_nobody_is_written_to() -> None:
    assert decide(facts(notices=reminded(state=REFUSED)), RULES, on(1)).notices == ()


def test_it_says_which_addresses_failed() -> None:
    known = facts(notices=reminded()[:1] + reminded(state=REFUSED)[1:])
    failed, none = (
        says(written(one, 2, Step.UNREACHABLE), 2) for one in (known, facts(contacts=ONLY_ACCOUNTANT, notices=reminded()[:1]))
    )
    assert failed is not None
    assert none is not None
    assert (failed.unreached_audience, failed.unreached) == (Audience.USER, (USER,))
    assert (none.unreached_audience, none.unreached) == (Audience.USER, ())


def test_it_does_not_go_when_they_can_be_reached_again() -> None:
    known = written(facts(contacts=ONLY_ACCOUNTANT, notices=reminded()[:1]), 2, Step.UNREACHABLE)
    assert says(known, 2) is not None
    assert says(replace(known, contacts=both()), 2) is None


# When, and what else


@pytest.mark.parametrize("step", [Step.COURTESY, Step.REMINDER, Step.UNREACHABLE])
def test_what_can_wait_does_not_come_within_a_day_of_another_letter(step: Step) -> None:
    known = facts(notices=(notice(Step.PROMISED, Audience.USER, 1),))
    letter = notice(step, Audience.USER, None, id=7)
    assert not_before(letter, known, RULES, on(1.5)) == on(2)
    assert not_before(letter, known, RULES, on(2)) == on(2)
    assert not_before(replace(letter, address=ACCOUNTANT), known, RULES, on(1.5)) == on(1.5)
    # Day 4 is a Friday
    friday = facts(notices=(notice(Step.PROMISED, Audience.USER, 4),))
    assert not_before(letter, friday, HOURS, on(4.1)) == on(7)


@pytest.mark.parametrize("step", [Step.WARNING, Step.RESTRICT, Step.SUSPEND, Step.PROMISED, Step.RESTORED, *ASKED, *TO_STAFF])
def test_what_cannot_wait_goes_at_once(step: Step) -> None:
    known = facts(notices=(notice(Step.REMINDER, Audience.USER, 1),))
    assert not_before(notice(step, Audience.USER, None), known, RULES, on(1.5)) == on(1.5)


@pytest.mark.parametrize("step", [step for step in Step if step not in (Step.RESTORED, *TO_STAFF)])
def test_only_good_news_comes_at_night(step: Step) -> None:
    night = on(1.5)
    assert not_before(notice(step, Audience.USER, None), facts(), HOURS, night) == on(2)
    assert not_before(notice(Step.RESTORED, Audience.USER, None), facts(), HOURS, night) == night


def test_a_letter_shows_what_falls_due_within_a_month_reads_it_first_and_does_not_name_it() -> None:
    soon, paying, later = invoice(2, due=30), invoice(3, due=9, processing_since_at=on(0)), invoice(4, due=31)
    letter = notice(Step.REMINDER, Audience.USER, None, planned_at=on(0.5))
    known = facts(invoices=(invoice(), soon, paying, later), notices=(letter,))
    content = content_now(letter, known, RULES, on(0.5))
    assert content is not None
    assert ([one.id for one in content.soon], content.named) == (["in_2"], ("in_1",))
    assert set(read_first(letter, known, RULES, on(0.5))) == {"in_1", "in_2"}
    elsewhere = replace(soon, origin=Origin.STATEMENT)
    assert read_first(letter, replace(known, invoices=(invoice(), elsewhere)), RULES, on(0.5)) == ("in_1",)


def test_a_courtesy_does_not_keep_a_reminder_waiting_on_the_next_day() -> None:
    letter = notice(Step.REMINDER, Audience.USER, None)
    known = facts(notices=(notice(Step.COURTESY, Audience.USER, -3, case_id=None), letter))
    assert not_before(letter, known, RULES, on(0)) == on(0)
