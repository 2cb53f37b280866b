"""`why` as a colleague answers: in the order of the story, and once for everybody to whom the same was said."""

from dataclasses import replace

import pytest

from gatekeeper.model import Audience, Facts, Reason, Standing
from gatekeeper.policy.answer import OPENINGS, paragraphs, shared
from gatekeeper.policy.decide import decide
from gatekeeper.policy.explain import SENTENCES
from tests.kit.builders import facts, on, promise, reminded
from tests.policy.table import RULES, told


def codes(known: Facts, day: float) -> list[list[str]]:
    return [[reason.code for reason in group] for group in paragraphs(decide(known, RULES, on(day)).reasons)]


def test_what_is_owed_comes_first_then_what_was_said_then_what_comes_next() -> None:
    assert codes(told(on(16)), 16) == [["owes"], ["reminded", "warned"], ["suspension_due"]]


def test_a_broken_promise_belongs_to_what_was_said() -> None:
    assert codes(told(on(30), promises=(promise(24),)), 30)[1] == ["reminded", "promise_broken"]


def test_the_same_word_to_two_audiences_is_told_once() -> None:
    (reason,) = [one for one in shared(decide(facts(notices=reminded()), RULES, on(3)).reasons) if one.code == "reminded"]

    assert dict(reason.params)["audience"] == "accountant+user"


def test_words_on_different_days_are_told_apart() -> None:
    accountant, user = reminded()
    known = facts(notices=(accountant, replace(user, accepted_at=on(2))))

    said = [dict(one.params)["audience"] for one in shared(decide(known, RULES, on(3)).reasons) if one.code == "reminded"]

    assert said == ["accountant", "user"]


def test_who_cannot_be_reached_is_named_one_by_one() -> None:
    """Each of them is a call for staff to make."""
    said = [one for one in shared(decide(facts(contacts=()), RULES, on(1)).reasons) if one.code == "unreachable"]

    assert [dict(one.params)["audience"] for one in said] == [audience.value for audience in Audience]


@pytest.mark.parametrize("code", SENTENCES)
def test_no_reason_is_left_out(code: str) -> None:
    assert paragraphs([Reason(code=code)]) == ((Reason(code=code),),)


def test_every_standing_has_an_opening() -> None:
    assert set(OPENINGS) == set(Standing)


def test_nothing_is_said_of_nothing() -> None:
    assert paragraphs(()) == ()
