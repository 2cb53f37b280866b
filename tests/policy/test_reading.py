"""A policy file: the default is the promise, a faulty one is refused with all its faults, and none goes below a floor (I18)."""

import tomllib
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatekeeper.model import Audience, Step
from gatekeeper.policy.calendar import Hours, Span
from gatekeeper.policy.decide import decide
from gatekeeper.policy.reading import PolicyInvalid
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from gatekeeper.policy.segments import Condition, Surroundings, Week
from tests.kit.builders import facts, on, reminded, warned
from tests.policy.documents import LADDER, REMINDER, RESTRICT, SUSPEND, WARNING, faults_of, places_of, read

DEFAULT = tomllib.loads((Path(__file__).parents[2] / "config" / "policies" / "default.toml").read_text())


def steps(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": list(entries), **more}


def test_the_default_policy_is_the_promise() -> None:
    policy = read(DEFAULT)
    rules = policy.rules_for(facts())

    assert rules == Rules(policy=policy.id)
    assert set(rules.audiences) == {Audience.ACCOUNTANT, Audience.USER}
    assert [(step.kind, step.after) for step in rules.steps] == [
        (Step.REMINDER, Span(days=0)),
        (Step.WARNING, Span(days=14)),
        (Step.SUSPEND, Span(days=5)),
    ]
    assert (rules.automatic_grace, rules.processing_hold) == (timedelta(days=3), timedelta(days=14))
    assert (rules.fresh_for, rules.contact, rules.closing) == (timedelta(seconds=60), None, ())


def test_a_policy_needs_nothing_but_its_steps() -> None:
    assert read({"steps": LADDER}).rules == Rules()


EVERY_KEY: Final[dict[str, Any]] = {
    "audiences": ["user"],
    "automatic_grace": "0 days",
    "processing_hold": "10 days",
    "statement_fresh_for": "7 days",
    "uncollectible": "forgive",
    "thresholds_minor": {"default": 200, "jpy": 500},
    "calendar": {"workdays": ["sun-thu"], "contact_hours": ["mon 09:00-12:00"], "closing_hours": ["tue-wed 10:00-11:30"]},
    "steps": [
        {"kind": "courtesy", "before": "3 business days"},
        {"kind": "reminder", "name": "first", "after": "1 day"},
        {"kind": "warning", "name": "one", "after": "20 days"},
        {"kind": "restrict", "after": "4 days", "leaves_open": ["/export", "/billing/"]},
        {"kind": "warning", "name": "two", "after": "2 business days", "after_due": "45 days"},
        SUSPEND,
    ],
    "segments": [
        {
            "name": "vip",
            "when": {
                "account": ["acme"],
                "plan": ["gold"],
                "country": ["MX", "PL"],
                "tag": ["friend"],
                "owed_at_least_minor": {"eur": 100000},
                "paid_late": 2,
                "paid_in_time": 6,
            },
            "after": {"courtesy": "5 days", "one": "30 days"},
            "audiences": ["accountant"],
            "thresholds_minor": {"mxn": 900},
        }
    ],
}


def test_every_key_is_heard() -> None:
    policy = read(EVERY_KEY)

    ladder = (
        LadderStep(kind=Step.COURTESY, name="courtesy", after=Span(days=3, working=True)),
        LadderStep(kind=Step.REMINDER, name="first", after=Span(days=1)),
        LadderStep(kind=Step.WARNING, name="one", after=Span(days=20)),
        LadderStep(kind=Step.RESTRICT, name="restrict", after=Span(days=4), leaves_open=("/export", "/billing/")),
        LadderStep(kind=Step.WARNING, name="two", after=Span(days=2, working=True), after_due=Span(days=45)),
        LadderStep(kind=Step.SUSPEND, name="suspend", after=Span(days=5)),
    )
    numbers: dict[str, Any] = {
        "automatic_grace": timedelta(0),
        "processing_hold": timedelta(days=10),
        "statement_fresh_for": timedelta(days=7),
        "forgive_uncollectible": True,
        "threshold_minor": 200,
    }
    assert policy.rules == Rules(audiences=(Audience.USER,), steps=ladder, thresholds_minor={"jpy": 500}, **numbers)
    assert policy.week == Week(
        weekdays=frozenset({6, 0, 1, 2, 3}),
        contact=Hours(of_weekday=((0, time(9), time(12)),)),
        closing=Hours(of_weekday=((1, time(10), time(11, 30)), (2, time(10), time(11, 30)))),
    )
    (vip,) = policy.segments
    assert vip.when == Condition(
        accounts=frozenset({"acme"}),
        plans=frozenset({"gold"}),
        countries=frozenset({"MX", "PL"}),
        tags=frozenset({"friend"}),
        owed_at_least_minor={"eur": 100000},
        paid_late=2,
        paid_in_time=6,
    )
    assert [step.after.days for step in vip.rules.steps] == [5, 1, 30, 4, 2, 5]
    assert vip.rules.audiences == (Audience.ACCOUNTANT,)
    assert vip.rules.thresholds_minor == {"jpy": 500, "mxn": 900}
    assert (vip.rules.threshold_of("mxn"), vip.rules.threshold_of("eur")) == (900, 200)


def test_the_version_is_what_a_policy_states_and_not_how_it_is_laid_out() -> None:
    turned = dict(reversed(DEFAULT.items()))

    assert read(turned).id == read(DEFAULT).id
    assert read({**DEFAULT, "automatic_grace": "4 days"}).id != read(DEFAULT).id


@pytest.mark.parametrize(
    ("entries", "place", "at_the_floor", "below"),
    [
        ([REMINDER, WARNING | {"after": "{}"}, SUSPEND], "steps.2.after", "7 days", "6 days"),
        ([REMINDER, WARNING | {"after": "{}"}, SUSPEND], "steps.2.after", "7 business days", "6 business days"),
        ([REMINDER, WARNING, SUSPEND | {"after": "{}"}], "steps.3.after", "2 days", "1 day"),
        ([REMINDER, WARNING, RESTRICT | {"after": "{}"}], "steps.3.after", "2 days", "0 days"),
        (
            [REMINDER, {"kind": "reminder", "name": "again", "after": "3 days"}, WARNING | {"after": "{}"}, SUSPEND],
            "steps.3.after",
            "4 days",
            "3 days",
        ),
        (
            [REMINDER, {"kind": "reminder", "name": "again", "after": "{}"}, WARNING, SUSPEND],
            "steps.2.after",
            "1 day",
            "0 days",
        ),
        ([{"kind": "courtesy", "before": "{}"}, *LADDER], "steps.1.before", "1 day", "0 days"),
    ],
)
def test_no_file_makes_the_ladder_shorter_than_its_floor(
    entries: list[dict[str, Any]], place: str, at_the_floor: str, below: str
) -> None:
    def filled(span: str) -> dict[str, Any]:
        return {"steps": [{key: value.replace("{}", span) for key, value in entry.items()} for entry in entries]}

    read(filled(at_the_floor))

    (fault,) = faults_of(filled(below))
    assert fault.startswith(f'{place}: "{below}" ')
    assert "at least" in fault or "the shortest allowed" in fault or "the least allowed" in fault


def test_no_segment_makes_the_ladder_shorter_than_its_floor() -> None:
    document = steps(*LADDER, segments=[{"name": "hard", "after": {"warning": "6 days", "suspend": "1 day"}}])

    assert places_of(document) == ["segments.1.after.warning", "segments.1.after.suspend"]


def test_no_file_waits_less_than_a_week_for_a_bank_and_no_segment_does() -> None:
    read({"steps": LADDER, "processing_hold": "7 days", "statement_fresh_for": "1 day"})

    assert faults_of(
        {"steps": LADDER, "processing_hold": "6 days", "segments": [{"name": "hard", "statement_fresh_for": "0 days"}]}
    ) == (
        'processing_hold: "6 days" is shorter than the shortest allowed, "7 days"',
        'segments.1.statement_fresh_for: "0 days" is shorter than the shortest allowed, "1 days"',
    )


def test_a_zone_of_the_product_is_the_zone_of_accounts_that_have_none() -> None:
    bogota = Surroundings(time_zone=ZoneInfo("America/Bogota"))
    policy = read(DEFAULT, bogota)

    assert policy.rules_for(facts()).time_zone == ZoneInfo("America/Bogota")
    assert policy.rules_for(facts()).steps == ladder()


SPANS = st.builds(lambda days, kind: f"{days} {kind}", st.integers(0, 40), st.sampled_from(["days", "business days"]))


@st.composite
def written_policies(draw: Any) -> dict[str, Any]:
    """Documents that are nearly right: any spans, most steps in their order."""
    kinds = draw(
        st.sampled_from(
            [
                ("reminder", "warning", "suspend"),
                ("courtesy", "reminder", "reminder", "warning", "suspend"),
                ("reminder", "warning", "restrict", "warning", "suspend"),
                ("reminder", "warning", "warning", "suspend"),
                ("reminder", "warning", "restrict"),
                ("reminder", "reminder"),
                ("warning", "suspend"),
            ]
        )
    )
    made = [
        {"kind": kind, "name": f"{kind}-{at}", "before" if kind == "courtesy" else "after": draw(SPANS)}
        for at, kind in enumerate(kinds)
    ]
    changed = draw(st.lists(st.sampled_from(made), unique_by=lambda step: step["name"], max_size=3))
    after = {step["name"]: draw(SPANS) for step in changed}
    return {"steps": made, "segments": [{"name": "some", "after": after}]}


@settings(max_examples=400)
@given(written_policies(), st.integers(0, 60))
def test_no_accepted_document_makes_a_gap_smaller_than_the_floors_and_none_makes_decide_raise(
    document: dict[str, Any], day: int
) -> None:
    try:
        policy = read(document)
    except PolicyInvalid:
        assume(False)

    for rules in (policy.rules, *(segment.rules for segment in policy.segments)):
        kinds = [step.kind for step in rules.steps]
        if Step.WARNING in kinds:
            between = rules.steps[kinds.index(Step.REMINDER) + 1 : kinds.index(Step.WARNING) + 1]
            assert sum(step.after.days for step in between) >= 7
        for at, kind in enumerate(kinds):
            if kind in {Step.RESTRICT, Step.SUSPEND}:
                assert kinds[at - 1] is Step.WARNING
                assert rules.steps[at].after.days >= 2
    for segment in ("", "some"):
        for known in (facts(segment=segment), facts(segment=segment, notices=reminded()), facts(notices=reminded() + warned())):
            decide(known, policy.rules_for(known), on(day))
