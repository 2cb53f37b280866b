"""What the policy promises whatever happens: walks of 200 days through payments, holds, outages and broken mail."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.model import Standing, Step, Verdict
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import invoice, on
from tests.policy.ladders import longest, rule_books
from tests.policy.promises import PROMISES, is_closing, no_warning_arrives_that_permits_nothing
from tests.policy.world import POST, Look, World

NEVER = datetime.max.replace(tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GAPS = (0 * DAY, timedelta(seconds=30), timedelta(seconds=61), HOUR, 6 * HOUR, *[DAY, 2 * DAY, 5 * DAY, 14 * DAY] * 2, 60 * DAY)
HAPPENINGS = (
    *["nothing"] * 24,
    *["bill"] * 3,
    *["pay", "pay_in_part", "pay_everything", "credit", "revise"],
    *["write_off", "dispute", "settle_dispute", "settle_dispute"],
    *["pay_by_bank", "fail_at_bank"] * 3,
    *["exempt", "end_exemption", "promise", "reopen"],
    *["lose_contact", "find_contact", "find_contact", "bounce", "resend"],
    *["doubt", "believe", "believe"],
)

steps = st.tuples(
    st.sampled_from(GAPS),
    st.sampled_from(HAPPENINGS),
    st.sampled_from([*["accepts"] * 4, *POST]),
    st.sampled_from(["works", "works", "works", "reads nothing", "is away"]),
    st.integers(0, 999),
)
walks = st.lists(steps, min_size=20, max_size=60)


def walk(world: World, path: list[Any]) -> Iterator[list[Look]]:
    """The looks of each step, until 200 days have passed."""
    end_at = world.now + 200 * DAY
    for gap, happening, post, worker, number in path:
        world.now += gap
        if world.now > end_at:
            return
        world.dice = Random(number)
        getattr(world, happening)()
        if worker != "is away":
            yield world.round(post, reads=worker == "works")


@settings(max_examples=300)
@given(rule_books(), walks)
def test_every_promise_is_kept_at_every_look(rules: Rules, path: list[Any]) -> None:
    world = World(rules)

    for looks in walk(world, path):
        for look in looks:
            for promise in PROMISES:
                promise(look, rules)
    for letter, known in world.arrived:
        no_warning_arrives_that_permits_nothing(letter, known, rules)
    keys = [
        (letter.case_id or letter.named, letter.step, letter.name, letter.occasion, letter.address) for letter in world.notices
    ]
    assert len(set(keys)) == len(keys)


@settings(max_examples=100)
@given(rule_books(), walks)
def test_when_all_is_well_again_whoever_does_not_pay_is_closed_out_in_time_and_whoever_pays_is_let_in(
    rules: Rules, path: list[Any]
) -> None:
    world = World(rules)
    for _ in walk(world, path):
        pass
    last = {Step.SUSPEND: Standing.SUSPENDED, Step.RESTRICT: Standing.RESTRICTED}.get(rules.steps[-1].kind, Standing.PAST_DUE)

    world.calm()
    end_at = world.now + longest(rules)
    while world.now < end_at and (world.standing is not last or last is Standing.PAST_DUE):
        world.round("accepts")
        world.now += 3 * HOUR

    assert world.standing is last
    world.pay_everything()
    world.forgive_everything()
    world.round("accepts")
    assert world.standing is Standing.CURRENT


@settings(max_examples=100)
@given(rule_books(), walks)
def test_an_account_is_never_looked_at_too_late(rules: Rules, path: list[Any]) -> None:
    """Nothing but a new fact changes the answer before `review_at`."""
    for look in last_looks(World(rules), path):
        answers = [(at, answer(decide(look.after, rules, at))) for at in sorted(interesting_instants(look)) if at >= look.now]
        changes_at = next((at for at, said in answers if said != (look.verdict.standing, [], look.verdict.read_first)), NEVER)
        assert (look.verdict.review_at or NEVER) <= changes_at


@settings(max_examples=100)
@given(rule_books(), walks, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_known_changes_nothing(rules: Rules, path: list[Any], dice: Random) -> None:
    for look in last_looks(World(rules), path):
        known = look.before
        shuffled = {
            name: tuple(dice.sample(getattr(known, name), len(getattr(known, name))))
            for name in ("invoices", "contacts", "notices", "exemptions", "promises", "disputes")
        }
        assert decide(replace(known, **shuffled), rules, look.now) == look.verdict


@settings(max_examples=100)
@given(rule_books(), walks)
def test_a_paid_invoice_more_changes_nothing(rules: Rules, path: list[Any]) -> None:
    for look in last_looks(World(rules), path):
        more = (*look.before.invoices, invoice(99, status="paid", remaining_minor=0, processing_ended_at=look.now))
        assert decide(replace(look.before, invoices=more), rules, look.now) == look.verdict


@settings(max_examples=100)
@given(walks, st.integers(-50, 50))
def test_the_same_weeks_later_is_the_same(path: list[Any], weeks: int) -> None:
    rules, by = Rules(), timedelta(weeks=weeks)
    for look in last_looks(World(rules), path):
        assert decide(shifted(look.before, by), rules, look.now + by) == shifted(look.verdict, by)


@pytest.mark.parametrize(
    ("away", "diary"),
    [
        pytest.param((), {0: "reminder", 14: "warning", 19: "suspended"}, id="a worker that never rests"),
        pytest.param(
            range(1, 60), {0: "reminder", 60: "warning", 65: "suspended"}, id="away for two months after the reminder"
        ),
        pytest.param(range(15, 60), {0: "reminder", 14: "warning", 60: "suspended"}, id="away on the named day"),
        pytest.param(range(60), {60: "reminder", 74: "warning", 79: "suspended"}, id="late from the beginning"),
    ],
)
def test_the_diary_of_an_invoice_that_nobody_pays(away: Sequence[int], diary: dict[int, str]) -> None:
    world = World(Rules())
    happened: list[tuple[int, str]] = []

    for hour in range(100 * 24):
        world.now = on(hour / 24)
        looks = [] if hour // 24 in away else world.round("accepts")
        happened += [(hour // 24, done) for look in looks for done in deeds(look)]

    assert dict(happened) == diary


def deeds(look: Look) -> list[str]:
    return [str(letter.step) for letter in look.verdict.notices] + ["suspended"] * is_closing(look)


def last_looks(world: World, path: list[Any]) -> list[Look]:
    return [look for looks in walk(world, path) for look in looks][-6:]


def answer(verdict: Verdict) -> tuple[Standing, list[tuple[Step, str]], tuple[str, ...]]:
    """What a verdict does; the day that a warning would name is not part of it, for it moves with the asking."""
    return verdict.standing, [(letter.step, letter.address) for letter in verdict.notices], verdict.read_first


def interesting_instants(look: Look) -> set[datetime]:
    ends = [look.verdict.review_at or look.now]
    for owed in look.after.invoices:
        ends += [owed.due_at or owed.finalized_at + timedelta(days=3)]
        ends += [since + timedelta(days=14) for since in [owed.processing_since_at] if since is not None]
    around = {end + by for end in ends for by in (timedelta(microseconds=-1), timedelta(0))}
    return around | {look.now + 12 * HOUR * number for number in range(2 * 40)}


def shifted(value: Any, by: timedelta) -> Any:
    """The same value, every instant and day in it moved."""
    if isinstance(value, date):
        return value + by
    if isinstance(value, tuple):
        moved = [shifted(item, by) for item in value]
        return type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    if is_dataclass(value):
        return replace(value, **{part.name: shifted(getattr(value, part.name), by) for part in fields(value)})
    return value
