"""A policy file: the default is the promise, a faulty one is refused with all its faults, and none goes below a floor."""

import tomllib
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from gatekeeper.model import Audience
from gatekeeper.policy.rules import Rules, RulesInvalid, rules_from

DEFAULT = (Path(__file__).parents[2] / "config" / "policies" / "default.toml").read_text()
LADDER = [
    {"kind": "reminder", "after": "0 days"},
    {"kind": "warning", "after": "14 days"},
    {"kind": "suspend", "after": "5 days"},
]


def read(document: dict[str, Any]) -> Rules:
    return rules_from(document, time_zone=UTC, first_run_age_limit=timedelta(days=120))


def ladder(**spans: str) -> dict[str, Any]:
    return {"steps": [{"kind": step["kind"], "after": spans.get(step["kind"], step["after"])} for step in LADDER]}


def faults_of(document: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(RulesInvalid) as refused:
        read(document)
    assert str(refused.value) == "\n".join(refused.value.faults)
    return refused.value.faults


def test_the_default_policy_is_the_promise() -> None:
    rules = read(tomllib.loads(DEFAULT))

    assert rules == Rules(time_zone=UTC)
    assert set(rules.audiences) == {Audience.ACCOUNTANT, Audience.USER}
    assert (rules.reminder_after, rules.warning_after, rules.suspension_after) == (
        timedelta(0), timedelta(days=14), timedelta(days=5),
    )  # fmt: skip
    assert (rules.automatic_grace, rules.processing_hold) == (timedelta(days=3), timedelta(days=14))
    assert rules.fresh_for == timedelta(seconds=60)


def test_a_policy_needs_nothing_but_its_steps() -> None:
    assert read({"steps": LADDER}) == Rules(time_zone=UTC)


def test_every_key_is_heard() -> None:
    document = {
        **ladder(reminder="1 day", warning="20 days", suspend="6 days"),
        "audiences": ["user"],
        "automatic_grace": "0 days",
        "processing_hold": "10 days",
        "thresholds_minor": {"default": 200, "jpy": 500},
    }

    rules = rules_from(document, time_zone=UTC, first_run_age_limit=timedelta(days=7))

    assert rules == Rules(
        audiences=(Audience.USER,),
        reminder_after=timedelta(days=1),
        warning_after=timedelta(days=20),
        suspension_after=timedelta(days=6),
        automatic_grace=timedelta(0),
        processing_hold=timedelta(days=10),
        threshold_minor=200,
        thresholds_minor={"jpy": 500},
        time_zone=UTC,
        first_run_age_limit=timedelta(days=7),
    )
    assert (rules.threshold_of("jpy"), rules.threshold_of("eur")) == (500, 200)


@pytest.mark.parametrize(
    ("document", "key", "at_the_floor", "below"),
    [
        ("warning", "steps.warning.after", "7 days", "6 days"),
        ("suspend", "steps.suspend.after", "2 days", "1 day"),
    ],
)
def test_no_file_makes_the_ladder_shorter_than_its_floor(document: str, key: str, at_the_floor: str, below: str) -> None:
    read(ladder(**{document: at_the_floor}))

    assert faults_of(ladder(**{document: below})) == (
        f'{key}: "{below}" is shorter than the shortest allowed, "{at_the_floor}"',
    )


def test_no_file_waits_less_than_a_week_for_a_bank() -> None:
    read({"steps": LADDER, "processing_hold": "7 days"})

    assert faults_of({"steps": LADDER, "processing_hold": "6 days"}) == (
        'processing_hold: "6 days" is shorter than the shortest allowed, "7 days"',
    )


@pytest.mark.parametrize(
    "value", ["14", "two weeks", "14 hours", "-1 days", "1.5 days", "1000 days", "14 days\n", "", 14, None, []]
)
def test_a_span_says_its_unit(value: object) -> None:
    (fault,) = faults_of({"steps": LADDER, "automatic_grace": value})

    assert fault == f'automatic_grace: {value!r} is not a span; write it with its unit, as in "14 days"'


@pytest.mark.parametrize(
    "steps",
    [
        None,
        "reminder",
        [],
        LADDER[:2],
        LADDER[::-1],
        [*LADDER, LADDER[0]],
        [*LADDER, "suspend"],
        [*LADDER[:2], {"after": "5 days"}],
    ],
)
def test_a_ladder_has_its_three_steps_once_and_in_order(steps: object) -> None:
    (fault,) = faults_of({"steps": steps})

    assert fault.startswith("steps: ")
    assert fault.endswith("is not a ladder; it has the steps reminder, warning, suspend, each once, in this order")


@pytest.mark.parametrize("audiences", [[], "user", None, ["user", "user"], ["boss"], [["user"]], ["user", 7]])
def test_audiences_are_known_and_named_once(audiences: object) -> None:
    assert faults_of({"steps": LADDER, "audiences": audiences}) == (
        f"audiences: {audiences!r}; name at least one of accountant, user, each once",
    )


@pytest.mark.parametrize("thresholds", [{"EUR": 1}, {"euro": 1}, {"eur": -1}, {"eur": 1.5}, {"eur": True}, {"eur": "1"}, 100])
def test_thresholds_are_whole_minor_units_by_currency(thresholds: object) -> None:
    (fault,) = faults_of({"steps": LADDER, "thresholds_minor": thresholds})

    assert fault.startswith("thresholds_minor")


def test_every_fault_is_said_at_once() -> None:
    document = {
        "audience": ["user"],
        "audiences": [],
        "automatic_grace": "soon",
        "processing_hold": "1 day",
        "thresholds_minor": {"eur": -1, "EUR": 1},
        "steps": [
            {"kind": "warning", "after": "1 day", "then": "suspend"},
            {"kind": "suspend"},
            {"kind": "party", "after": "1 day"},
        ],
    }

    keys = [fault.partition(": ")[0] for fault in faults_of(document)]

    assert sorted(keys) == [
        "audience",
        "audiences",
        "automatic_grace",
        "processing_hold",
        "steps",
        "steps.suspend.after",
        "steps.warning.after",
        "steps.warning.then",
        "thresholds_minor.EUR",
        "thresholds_minor.eur",
    ]
