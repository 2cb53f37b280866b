"""A running case keeps its version of the policy; where that one is gone, nobody is stranded, told twice or closed untold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.model import Audience, Notice, PlannedNotice, Standing, Step
from gatekeeper.policy.decide import decide
from gatekeeper.policy.forecast import Change, Letter, forecast
from gatekeeper.policy.rules import LadderStep, Rules
from gatekeeper.policy.segments import Policy
from gatekeeper.policy.versions import Policies, retold
from tests.kit.builders import facts, invoice, notice, on
from tests.policy.documents import LADDER, REMINDER, RESTRICT, SUSPEND, WARNING, read
from tests.policy.ladders import ladders, longest
from tests.policy.world import Look, World

WORD = {"step": Step.REMINDER, "name": "first-word"}


def policy(*entries: dict[str, Any], **more: Any) -> Policy:
    return read({"steps": list(entries), **more})


def named(entry: dict[str, Any], name: str, after: str | None = None) -> dict[str, Any]:
    return entry | {"name": name} | ({"after": after} if after else {})


def letter(step: Step, name: str, day: float, closes: Step | None = None, **changes: Any) -> tuple[Notice, ...]:
    """Both audiences got this letter on that day."""
    return tuple(notice(step, audience, day, name=name, closes=closes, **changes) for audience in Audience)


def story(current: Policy, notices: Sequence[Notice], *, start: float, standing: Standing = Standing.PAST_DUE) -> list[str]:
    """What happens to a case that began under a version that is gone."""
    policies = Policies(current, lambda _gone: None)
    known = facts(
        notices=tuple(replace(one, id=number) for number, one in enumerate(notices)),
        standing=standing,
        standing_since_at=on(start - 1),
        policy="gone",
        case_segment="",
    )
    seen = forecast(known, policies.rules_for, on(start), on(start + 120))
    said = [
        (one.at, one.name or one.step.value) if isinstance(one, Letter) else (one.at, one.after.value)
        for one in seen.happenings
    ]
    return [f"{(at - on(0)) / timedelta(days=1):g} {what}" for at, what in dict.fromkeys(said)]


OLD = policy(*LADDER)
NEW = policy(REMINDER, named(WARNING, "warning", "30 days"), SUSPEND)


def test_a_running_case_keeps_the_version_that_it_began_with() -> None:
    policies = Policies(NEW, {OLD.id: OLD}.get)
    running = facts(notices=letter(Step.REMINDER, "reminder", 0), policy=OLD.id, case_segment="")
    fresh = facts()

    assert [one.step for one in decide(running, policies.rules_for(running), on(14)).notices] == [Step.WARNING] * 2
    assert policies.rules_for(running).policy == OLD.id
    assert policies.rules_for(fresh).policy == NEW.id


def test_a_version_that_nobody_kept_gives_way_to_the_current_one() -> None:
    policies = Policies(NEW, lambda _gone: None)
    running = facts(notices=letter(Step.REMINDER, "reminder", 0), policy="gone", case_segment="")

    assert policies.rules_for(running).policy == NEW.id
    assert decide(running, policies.rules_for(running), on(14)).notices == ()


REMINDED = letter(Step.REMINDER, "first-word", 0)
AGAIN = letter(Step.REMINDER, "second-word", 7)
WARNED = letter(Step.WARNING, "last-word", 14, Step.SUSPEND)
RENAMED = policy(named(REMINDER, "hello"), named(REMINDER, "again", "7 days"), named(WARNING, "final", "7 days"), SUSPEND)


@pytest.mark.parametrize(
    ("had", "start", "expected"),
    [
        pytest.param(REMINDED, 2, ["7 again", "14 final", "19 suspended"], id="after the first reminder"),
        pytest.param(REMINDED + AGAIN, 8, ["14 final", "19 suspended"], id="after the second reminder"),
        pytest.param(REMINDED + AGAIN + WARNED, 15, ["19 suspended"], id="after the warning"),
    ],
)
def test_renaming_every_step_strands_nobody_and_tells_nobody_again(
    had: tuple[Notice, ...], start: float, expected: list[str]
) -> None:
    assert story(RENAMED, had, start=start) == expected


def test_renaming_lets_nobody_in_who_was_suspended() -> None:
    assert story(RENAMED, REMINDED + AGAIN + WARNED, start=30, standing=Standing.SUSPENDED) == []


@pytest.mark.parametrize(
    ("current", "had", "start", "expected"),
    [
        pytest.param(OLD, REMINDED + AGAIN, 8, ["14 warning", "19 suspended"], id="the second reminder was removed"),
        pytest.param(OLD, REMINDED + AGAIN + WARNED, 15, ["19 suspended"], id="removed, and the warning came after it"),
        pytest.param(
            policy(REMINDER, named(REMINDER, "again", "7 days"), named(WARNING, "warning", "7 days"), SUSPEND),
            letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.SUSPEND),
            15,
            ["19 suspended"],
            id="a second reminder was added before a warning that is out",
        ),
        pytest.param(
            policy(REMINDER, named(REMINDER, "again", "7 days"), named(WARNING, "warning", "7 days"), SUSPEND),
            letter(Step.REMINDER, "reminder", 0),
            2,
            ["7 again", "14 warning", "19 suspended"],
            id="a second reminder was added, and its time is still to come",
        ),
        pytest.param(
            NEW,
            letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.SUSPEND),
            15,
            ["19 suspended"],
            id="the span before a warning that is out grew",
        ),
        pytest.param(
            policy(REMINDER, WARNING, named(SUSPEND, "suspend", "20 days")),
            letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.SUSPEND),
            15,
            ["34 suspended"],
            id="the span after the warning grew",
        ),
        pytest.param(
            policy(REMINDER),
            letter(Step.REMINDER, "reminder", 0) + WARNED,
            15,
            [],
            id="the warning and all after it was removed",
        ),
    ],
)
def test_adding_and_removing_steps_strands_nobody(
    current: Policy, had: tuple[Notice, ...], start: float, expected: list[str]
) -> None:
    assert story(current, had, start=start) == expected


BOTH = policy(REMINDER, named(WARNING, "first-warning"), RESTRICT, named(WARNING, "warning", "7 days"), SUSPEND)


def test_a_warning_of_a_restriction_permits_no_suspension_whatever_its_name() -> None:
    """What the ladder of today calls `warning` announces the suspension; the letter that was sent announced less."""
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.RESTRICT)

    assert story(OLD, had, start=20) == ["20 warning", "25 suspended"]


def test_a_warning_of_a_restriction_counts_as_the_warning_of_the_restriction_under_another_name() -> None:
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "old-name", 14, Step.RESTRICT)

    assert story(BOTH, had, start=15) == ["19 restricted", "26 warning", "31 suspended"]


def test_a_restriction_that_was_removed_opens_and_goes_on_to_the_warning_of_the_suspension() -> None:
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "first-warning", 14, Step.RESTRICT)

    assert story(OLD, had, start=20, standing=Standing.RESTRICTED) == [
        "20 past_due",
        "20 warning",
        "20 restored",
        "25 suspended",
    ]


def test_a_name_that_went_over_to_another_kind_of_step_says_nothing() -> None:
    turned = policy(named(REMINDER, "warning"), named(WARNING, "reminder"), SUSPEND)
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.SUSPEND)

    assert story(turned, had, start=15) == ["19 suspended"]


def test_a_letter_that_was_never_accepted_counts_under_no_version() -> None:
    had = REMINDED + tuple(replace(one, accepted_at=None, state="bounced") for one in WARNED)

    assert "19 suspended" not in story(OLD, had, start=15)


def test_two_letters_a_day_apart_permit_nothing_whatever_version_they_are_of() -> None:
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 1, Step.SUSPEND)

    assert story(OLD, had, start=10) == ["14 warning", "19 suspended"]


def test_notices_that_the_ladder_knows_are_left_as_they_are() -> None:
    had = letter(Step.REMINDER, "reminder", 0) + letter(Step.WARNING, "warning", 14, Step.SUSPEND)

    assert retold(had, OLD.rules) is had
    assert [one.name for one in retold(REMINDED + AGAIN + WARNED, RENAMED.rules)] == ["hello"] * 2 + ["again"] * 2 + [
        "final"
    ] * 2


def test_a_warning_is_planned_with_what_it_announces() -> None:
    known = facts(notices=letter(Step.REMINDER, "reminder", 0), invoices=(invoice(),))
    planned: tuple[PlannedNotice, ...] = decide(known, BOTH.rules, on(14)).notices

    assert {(one.name, one.closes) for one in planned} == {("first-warning", Step.RESTRICT)}
    assert {
        one.after for one in forecast(known, lambda _known: BOTH.rules, on(14), on(20)).happenings if isinstance(one, Change)
    } == {Standing.RESTRICTED}


LAST = {Step.SUSPEND: Standing.SUSPENDED, Step.RESTRICT: Standing.RESTRICTED}


@settings(max_examples=60)
@given(ladders(), ladders(), st.integers(0, 60))
def test_whatever_a_case_began_under_it_comes_to_its_end_and_nobody_is_closed_out_untold(
    old: tuple[LadderStep, ...], new: tuple[LadderStep, ...], day: int
) -> None:
    world = World(Rules(steps=old))
    while world.now < on(day):
        world.round("accepts")
        world.now += timedelta(hours=8)
    letters = len(world.notices)

    world.rules = Rules(steps=new, policy="another")
    end_at = world.now + longest(world.rules)
    while world.now < end_at:
        for look in world.round("accepts"):
            check_closing(look)
        world.now += timedelta(hours=8)

    assert world.standing is LAST.get(new[-1].kind, Standing.PAST_DUE)
    reminders_before = {one.address for one in world.notices[:letters] if one.step is Step.REMINDER and one.name == "reminder"}
    again = [one for one in world.notices[letters:] if one.step is Step.REMINDER and one.name == "reminder"]
    assert not reminders_before.intersection(one.address for one in again)
    keys = [(one.case_id or one.named, one.step, one.name, one.occasion, one.address) for one in world.notices]
    assert len(set(keys)) == len(keys)


def check_closing(look: Look) -> None:
    """Both were reminded and, a week later, warned of just this, and the day that was named has come."""
    after = look.verdict.standing
    if after not in LAST.values() or list(Standing).index(after) <= list(Standing).index(look.before.standing):
        return
    for audience in Audience:
        theirs = [one for one in look.before.notices if audience in one.audiences and one.accepted_at]
        first = min(one.accepted_at for one in theirs if one.step is Step.REMINDER)
        warned = [one for one in theirs if one.step is Step.WARNING and LAST[one.closes] is after]
        assert any(
            one.accepted_at - first >= timedelta(days=7, hours=-2)
            and look.now - one.accepted_at >= timedelta(days=2, hours=-2)
            and one.suspend_on <= look.now.date()
            for one in warned
        )
