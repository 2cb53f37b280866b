"""What the policy promises whatever happens: walks of 200 days through payments, holds, outages and broken mail."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.model import Audience
from gatekeeper.policy.rules import Rules
from tests.policy.promises import PROMISES
from tests.policy.world import POST, Look, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "America/Santiago", "Pacific/Kiritimati", "Africa/Cairo", "Pacific/Pago_Pago")
GAPS = (0 * DAY, timedelta(seconds=30), timedelta(seconds=61), HOUR, 6 * HOUR, DAY, 2 * DAY, 5 * DAY, 14 * DAY, 60 * DAY)
HAPPENINGS = (
    *["nothing"] * 24,
    *["bill"] * 5,
    *["pay", "pay", "pay_in_part", "pay_everything", "credit", "revise", "pay_by_bank", "fail_at_bank"],
    *["exempt", "end_exemption", "promise", "reopen"],
    *["lose_contact", "find_contact", "find_contact", "bounce", "resend"],
    *["doubt", "believe", "believe"],
)

rule_books = st.builds(
    Rules,
    audiences=st.sampled_from([tuple(Audience), tuple(Audience), (Audience.USER,)]),
    reminder_after=st.sampled_from([timedelta(0), 2 * DAY]),
    warning_after=st.sampled_from([14 * DAY, 7 * DAY]),
    suspension_after=st.sampled_from([5 * DAY, 2 * DAY]),
    time_zone=st.sampled_from([ZoneInfo(zone) for zone in ZONES]),
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


@settings(max_examples=200)
@given(rule_books, walks)
def test_every_promise_is_kept_at_every_look(rules: Rules, path: list[Any]) -> None:
    world = World(rules)

    for looks in walk(world, path):
        for look in looks:
            for promise in PROMISES:
                promise(look, rules)
    keys = [(letter.case_id, letter.step, letter.occasion, letter.address) for letter in world.notices]
    assert len(set(keys)) == len(keys)
