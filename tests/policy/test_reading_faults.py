"""A faulty policy file is refused whole: every fault at once, each with its place and what would be allowed."""

from datetime import date
from typing import Any

import pytest

from tests.policy.documents import COURTESY, LADDER, REMINDER, RESTRICT, SUSPEND, WARNING, faults_of, places_of

W2, R2, SOONER = {"name": "warning-2"}, {"name": "again"}, {"name": "nearer", "before": "5 days"}


@pytest.mark.parametrize(
    "value",
    [
        *["14", "two weeks", "14 hours", "2 weeks", "-1 days", "1.5 days", "1000 days", "14 days\n", "14  days", "14 Days"],
        *["", "P14D", "336h", "٣ days", 14, None, [], True, date(2026, 3, 2)],
    ],
)
def test_a_span_says_its_unit(value: object) -> None:
    (fault,) = faults_of({"steps": [REMINDER, WARNING | {"after": value}, SUSPEND]})

    assert fault == f'steps.2.after: {value!r} is not a span; write it with its unit, as in "14 days" or "3 business days"'


def test_a_hold_is_not_counted_in_business_days() -> None:
    (fault,) = faults_of({"steps": LADDER, "processing_hold": "10 business days"})

    assert fault == 'processing_hold: "10 business days" counts business days, and this one is counted in days'


@pytest.mark.parametrize("value", [None, "reminder", [], {"reminder": "0 days"}, [REMINDER, "suspend"], [REMINDER] * 21])
def test_the_steps_are_a_list_of_tables(value: object) -> None:
    (fault,) = faults_of({"steps": value})

    assert fault.startswith("steps: ")
    assert fault.endswith("write 1 to 20 steps, each below [[steps]]")


ORDERS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "a warning without a closing": ([REMINDER, WARNING], "steps.2", "none follows"),
    "a closing without a warning": ([REMINDER, SUSPEND], "steps.2", "put a warning right before suspend"),
    "one warning for two closings": ([REMINDER, WARNING, RESTRICT, SUSPEND], "steps.4", "put a warning right before suspend"),
    "two restrictions": ([*LADDER[:2], RESTRICT, WARNING | W2, RESTRICT | R2], "steps", "more than one restrict"),
    "two suspensions": ([*LADDER, WARNING | W2, SUSPEND | R2], "steps", "more than one suspend"),
    "after the end": ([*LADDER, WARNING | W2, RESTRICT], "steps", "suspend is the last step"),
    "no reminder": ([WARNING, SUSPEND], "steps", "the first step after the due date is a reminder"),
    "suspension at once": ([SUSPEND], "steps", "the first step after the due date is a reminder"),
    "nothing but a courtesy": ([COURTESY], "steps", "the first step after the due date is a reminder"),
    "a reminder after a warning": ([*LADDER[:2], REMINDER | R2, SUSPEND], "steps.3", "before the first warning"),
    "a courtesy after a reminder": ([REMINDER, COURTESY], "steps", "put it before all other steps"),
    "courtesies turned round": ([COURTESY, COURTESY | SOONER, *LADDER], "steps.2.before", "nearer to it than the courtesy"),
    "a doubled name": ([REMINDER, REMINDER | {"after": "3 days"}], "steps.2.name", "there is a 'reminder' already"),
    "a name of other letters": ([REMINDER | {"name": "First!"}], "steps.1.name", "is no name"),
    "an unknown step": ([{"kind": "party", "after": "1 day"}], "steps.1.kind", "'party' is no step"),
    "a word that is no step": ([{"kind": "restored", "after": "1 day"}], "steps.1.kind", "'restored' is no step"),
    "no kind": ([{"after": "1 day"}], "steps.1.kind", "None is no step"),
    "before of a reminder": ([REMINDER | {"before": "1 day"}], "steps.1.before", "not a key here"),
    "after of a courtesy": ([COURTESY | {"after": "1 day"}, *LADDER], "steps.1.after", "not a key here"),
    "an open suspension": ([*LADDER[:2], SUSPEND | {"leaves_open": ["/x"]}], "steps.3.leaves_open", "not a key here"),
}


@pytest.mark.parametrize(("entries", "place", "said"), ORDERS.values(), ids=ORDERS)
def test_a_ladder_has_an_order(entries: list[dict[str, Any]], place: str, said: str) -> None:
    found = [fault for fault in faults_of({"steps": entries}) if fault.startswith(f"{place}: ")]

    assert any(said in fault for fault in found)


@pytest.mark.parametrize("path", ["export", "/", "/a//b", "/a/../b", "/%61", "/a;b", "/a b", "", 7])
def test_a_path_that_stays_open_is_one_that_every_server_reads_alike(path: object) -> None:
    (fault,) = faults_of({"steps": [REMINDER, WARNING, RESTRICT | {"leaves_open": ["/export", path]}]})

    assert fault == f"steps.3.leaves_open: {path!r} cannot stay open: write a plain path, such as /export"


@pytest.mark.parametrize("audiences", [[], "user", None, ["user", "user"], ["boss"], [["user"]], ["user", 7]])
def test_audiences_are_known_and_named_once(audiences: object) -> None:
    assert faults_of({"steps": LADDER, "audiences": audiences}) == (
        f"audiences: {audiences!r}; name at least one of accountant, user, each once",
    )


@pytest.mark.parametrize(
    "amounts", [{"EUR": 1}, {"euro": 1}, {"xxx": 1}, {"eur": -1}, {"eur": 1.5}, {"eur": True}, {"eur": "1"}, {"eur": None}, 100]
)
def test_amounts_are_whole_minor_units_of_a_currency_that_exists(amounts: object) -> None:
    (fault,) = faults_of({"steps": LADDER, "thresholds_minor": amounts})
    (other,) = faults_of({"steps": LADDER, "segments": [{"name": "a", "when": {"owed_at_least_minor": amounts}}]})

    assert fault.startswith("thresholds_minor")
    assert other.startswith("segments.1.when.owed_at_least_minor")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("contact_hours", value) for value in ([], "mon 09:00-17:00", ["09:00-17:00"], ["mon 9-17"], ["mon 17:00-09:00"])],
        *[("contact_hours", value) for value in (["mon 09:00-09:00"], ["mon 09:00-24:00"], ["Mon 09:00-17:00"], ["mon"], [9])],
        *[("closing_hours", value) for value in (["mon-fri 09:00-17:60"], ["mon - fri 09:00-17:00"], ["mon-thr 09:00-17:00"])],
        *[("workdays", value) for value in ([], "mon-fri", ["monday"], ["mon", 5], ["mon,tue"], [["mon"]])],
    ],
)
def test_hours_and_days_are_those_of_a_week(key: str, value: object) -> None:
    (fault,) = faults_of({"steps": LADDER, "calendar": {key: value}})

    assert fault.startswith(f"calendar.{key}: ")
    assert " as in " in fault


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ({"country": ["Mexico"]}, "country"),
        ({"country": ["mx"]}, "country"),
        ({"country": ["XX"]}, "country"),
        ({"country": "MX"}, "country"),
        ({"plan": []}, "plan"),
        ({"tag": [7]}, "tag"),
        ({"account": [""]}, "account"),
        ({"paid_late": 0}, "paid_late"),
        ({"paid_in_time": True}, "paid_in_time"),
        ({"paid_in_time": "5"}, "paid_in_time"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_segment_says_whom_it_is_for_in_words_that_can_be_true(when: dict[str, Any], place: str) -> None:
    assert places_of({"steps": LADDER, "segments": [{"name": "a", "when": when}]}) == [f"segments.1.when.{place}"]


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ({"name": "a"}, "segments"),
        (["a"], "segments"),
        ([{}], "segments.1.name"),
        ([{"name": "a"}, {"name": "a"}], "segments.2.name"),
        ([{"name": "A B"}], "segments.1.name"),
        ([{"name": "a", "when": ["plan"]}], "segments.1.when"),
        ([{"name": "a", "steps": []}], "segments.1.steps"),
        ([{"name": "a", "after": {"second warning": "20 days"}}], "segments.1.after.second warning"),
    ],
)
def test_a_segment_has_a_name_and_changes_what_there_is(segments: object, place: str) -> None:
    assert places_of({"steps": LADDER, "segments": segments}) == [place]


def test_every_fault_is_said_at_once_and_with_its_place() -> None:
    document = {
        "audience": ["user"],
        "audiences": [],
        "automatic_grace": "soon",
        "processing_hold": "1 day",
        "uncollectible": "ignore",
        "thresholds_minor": {"eur": -1, "EUR": 1},
        "calendar": {"holidays": True, "workdays": ["funday"]},
        "steps": [
            {"kind": "warning", "after": "1 day", "then": "suspend"},
            {"kind": "suspend"},
            {"kind": "party", "after": "1 day"},
        ],
        "segments": [{"name": "a", "when": {"country": ["Spain"]}, "after": {"warning": "14"}}],
    }

    assert sorted(places_of(document)) == sorted(
        [
            "audience",
            "audiences",
            "automatic_grace",
            "processing_hold",
            "uncollectible",
            "thresholds_minor.eur",
            "thresholds_minor.EUR",
            "calendar.holidays",
            "calendar.workdays",
            "steps.1.then",
            "steps.2.after",
            "steps.3.kind",
            "segments.1.when.country",
            "segments.1.after.warning",
        ]
    )
