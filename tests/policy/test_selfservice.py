"""Who somebody is to an account, whom they can have reminded, and that none of it counts for or against anybody."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Audience, Facts, Notice, NoticeState, Origin, Role, Step
from gatekeeper.policy.decide import decide
from gatekeeper.policy.selfservice import (
    ASKED,
    TO_STAFF,
    days_to_promise,
    letters,
    payers,
    review_asked,
    role_of,
    said_today,
)
from gatekeeper.policy.sending import content_now, not_before, read_first
from tests.kit.builders import ACCOUNTANT, USER, contact, day, facts, notice, on, promise, reminded, warned
from tests.policy.table import RULES, SUSPENDED, told

OTHER = "cfo@customer.example"


def asked_for(step: Step, **changes: object) -> Notice:
    made = notice(step, Audience.ACCOUNTANT, None, id=90, name=day(20).isoformat(), named=())
    return replace(made, planned_at=on(20), **changes)


@pytest.mark.parametrize(
    ("viewer", "role"),
    [
        (ACCOUNTANT, Role.PAYER),
        (ACCOUNTANT.upper(), Role.PAYER),
        (f" {ACCOUNTANT} ", Role.PAYER),
        (USER, Role.MEMBER),
        ("42", Role.MEMBER),
        ("", Role.UNTOLD),
        ("-", Role.STRANGER),
    ],
)
def test_who_somebody_is(viewer: str, role: Role) -> None:
    assert role_of(viewer, facts()) is role


def test_who_is_an_accountant_by_a_source_that_does_not_go_first_is_a_member() -> None:
    known = facts(contacts=(replace(contact(Audience.ACCOUNTANT, OTHER), origin=Origin.API), contact(Audience.ACCOUNTANT)))
    assert role_of(OTHER, known) is Role.PAYER
    assert role_of(ACCOUNTANT, known) is Role.MEMBER
    bounced = replace(known, notices=(notice(Step.REMINDER, Audience.ACCOUNTANT, 0, address=OTHER, state=NoticeState.BOUNCED),))
    assert role_of(ACCOUNTANT, bounced) is Role.PAYER, "letters go there now"
    assert role_of(OTHER, bounced) is Role.PAYER


def test_only_whom_letters_reach_is_written_to() -> None:
    known = told(on(20))
    assert payers(known) == (ACCOUNTANT,)
    lost = replace(known, notices=(*known.notices, notice(Step.SUSPEND, Audience.ACCOUNTANT, 19, state=NoticeState.BOUNCED)))
    assert payers(lost) == ()
    assert letters(lost, RULES, on(20), Step.NUDGE) == ()


def test_they_are_written_to_once_a_day() -> None:
    known = told(on(20))
    (planned,) = letters(known, RULES, on(20), Step.NUDGE)
    assert (planned.address, planned.name, planned.named) == (ACCOUNTANT, day(20).isoformat(), ())
    known = replace(known, notices=(*known.notices, asked_for(Step.NUDGE)))
    assert said_today(known, RULES, on(20), Step.NUDGE)
    assert letters(known, RULES, on(20), Step.NUDGE) == ()
    assert len(letters(known, RULES, on(20), Step.AGAIN)) == 1
    assert len(letters(known, RULES, on(21), Step.NUDGE)) == 1


def test_nobody_is_written_to_about_an_account_without_a_case() -> None:
    assert letters(facts(case_id=None), RULES, on(0), Step.NUDGE) == ()


@pytest.mark.parametrize(
    ("changes", "open_"), [({}, True), ({"promises": (promise(3, set_at=on(1)),)}, False), ({"case_id": None}, False)]
)
def test_a_day_may_be_promised_once_in_a_case(changes: dict[str, object], open_: bool) -> None:
    known = replace(told(on(20)), case_opened_at=on(0), **changes)
    assert days_to_promise(known, RULES, on(20), 7) == ((day(20), day(27)) if open_ else None)
    assert days_to_promise(known, RULES, on(20), 0) is None


def test_a_promise_of_an_earlier_case_is_none_of_this() -> None:
    known = replace(told(on(20)), case_opened_at=on(0), promises=(promise(-3, set_at=on(-10)),))
    assert days_to_promise(known, RULES, on(20), 7) is not None


def test_a_person_is_asked_once_in_a_case() -> None:
    assert not review_asked(told(on(20)))
    assert review_asked(facts(notices=(asked_for(Step.REVIEW),)))


@pytest.mark.parametrize("step", [Step.REMINDER, Step.UNREACHABLE])
def test_a_letter_that_was_asked_for_does_not_keep_another_waiting(step: Step) -> None:
    sent = tuple(notice(one, Audience.ACCOUNTANT, 1) for one in ASKED)
    letter = notice(step, Audience.ACCOUNTANT, None, id=7)
    assert not_before(letter, facts(notices=sent), RULES, on(1.5)) == on(1.5)


@pytest.mark.parametrize("step", TO_STAFF)
def test_staff_hears_of_it_also_while_something_holds_and_without_the_biller(step: Step) -> None:
    known = replace(told(on(20)), promises=(promise(30),))
    letter = asked_for(step, address="support@acme.example", audiences=())
    assert read_first(letter, known, RULES, on(20)) == ()
    content = content_now(letter, known, RULES, on(20))
    assert content is not None
    assert [one.number for one in content.invoices] == ["A-1"]
    assert content_now(letter, replace(known, invoices=()), RULES, on(20)) is None, "it is paid"


@pytest.mark.parametrize("step", ASKED)
def test_what_was_asked_for_is_not_sent_to_whom_it_is_no_longer_true(step: Step) -> None:
    known, letter = told(on(20)), asked_for(step)
    assert content_now(letter, known, RULES, on(20)) is not None
    assert content_now(letter, replace(known, invoices=()), RULES, on(20)) is None
    assert content_now(letter, replace(known, promises=(promise(30),)), RULES, on(20)) is None
    assert content_now(letter, replace(known, case_id=2), RULES, on(20)) is None
    assert content_now(letter, replace(known, contacts=(contact(Audience.USER),)), RULES, on(20)) is None


ON_THE_LADDER = [
    facts(),
    facts(notices=reminded()),
    facts(notices=(*reminded(), *warned())),
    replace(told(on(20)), standing=SUSPENDED, standing_since_at=on(19)),
]


@given(
    known=st.sampled_from(ON_THE_LADDER),
    now=st.floats(0, 40),
    pressed=st.lists(
        st.tuples(
            st.sampled_from([*ASKED, *TO_STAFF]), st.floats(0, 40), st.sampled_from([NoticeState.ACCEPTED, NoticeState.PLANNED])
        ),
        max_size=8,
    ),
)
def test_no_button_moves_an_account_on_the_ladder(
    known: Facts, now: float, pressed: list[tuple[Step, float, NoticeState]]
) -> None:
    """Whatever was asked for and sent, the verdict is what it would be without."""
    more = tuple(
        notice(step, Audience.ACCOUNTANT, at, id=50 + number, name=day(int(at)).isoformat(), state=state, named=("in_1",))
        for number, (step, at, state) in enumerate(pressed)
    )
    assert decide(replace(known, notices=(*known.notices, *more)), RULES, on(now)) == decide(known, RULES, on(now))
