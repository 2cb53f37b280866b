"""Ladders of every shape that a policy may have, and the calendars that they may be climbed by."""

from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from gatekeeper.model import Audience, Step
from gatekeeper.policy.calendar import Hours, Office, Span, Workdays
from gatekeeper.policy.rules import LadderStep, Rules

ZONES = ("UTC", "America/Santiago", "Pacific/Kiritimati", "Africa/Cairo", "Pacific/Pago_Pago")
HOLIDAYS = frozenset(date(2026, 3, 1) + timedelta(days=number) for number in (3, 17, 31, 40, 41, 42, 77))
OFFICE = Hours(of_weekday=tuple((day, time(9), time(17)) for day in range(5)))
SHORT = Hours(of_weekday=tuple((day, time(10), time(13)) for day in range(4)))


def step(kind: Step, days: int, *, working: bool = False, **changes: Any) -> LadderStep:
    return LadderStep(kind=kind, after=Span(days=days, working=working), **({"name": kind.value} | changes))


@st.composite
def ladders(draw: Any) -> tuple[LadderStep, ...]:
    """Courtesies, reminders, a warning or two, a restriction, a suspension; or none of the last."""
    working = draw(st.booleans())
    made = [
        step(Step.COURTESY, days, working=working, name=f"courtesy-{days}")
        for days in draw(st.sampled_from([(), (3,), (5, 1)]))
    ]
    made.append(step(Step.REMINDER, draw(st.sampled_from([0, 2]))))
    if draw(st.booleans()):
        made.append(step(Step.REMINDER, 3, working=working, name="again"))
    closing = draw(st.sampled_from(["suspend", "suspend", "restrict", "both", "nothing"]))
    if closing in {"restrict", "both"}:
        made.append(step(Step.WARNING, draw(st.sampled_from([14, 7])), working=working, name="first-warning"))
        made.append(step(Step.RESTRICT, draw(st.sampled_from([5, 2])), leaves_open=("/export",)))
    if closing in {"suspend", "both"}:
        made.append(step(Step.WARNING, draw(st.sampled_from([14, 7])), after_due=draw(st.sampled_from([None, Span(days=30)]))))
        made.append(step(Step.SUSPEND, draw(st.sampled_from([5, 2])), working=working))
    return tuple(made)


@st.composite
def rule_books(draw: Any) -> Rules:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    house = Office(hours=OFFICE, zone=ZoneInfo("America/Santiago"), holidays=HOLIDAYS)
    there = Office(hours=SHORT, zone=zone, holidays=HOLIDAYS)
    return Rules(
        audiences=draw(st.sampled_from([tuple(Audience), tuple(Audience), (Audience.USER,)])),
        steps=draw(ladders()),
        time_zone=zone,
        workdays=Workdays(holidays=HOLIDAYS),
        contact=draw(st.sampled_from([None, Office(hours=OFFICE, zone=zone, holidays=HOLIDAYS)])),
        closing=draw(st.sampled_from([(), (house,), (there,)])),
        forgive_uncollectible=draw(st.booleans()),
    )


def longest(rules: Rules) -> timedelta:
    """More than a ladder can take if nothing holds it: working days, and offices that are shut, stretch it."""
    return timedelta(days=sum(2 * one.after.days + 5 for one in rules.steps) + 35)
