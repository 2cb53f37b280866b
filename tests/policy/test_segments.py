"""Who belongs to which group of customers, and whose calendar and numbers count."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gatekeeper.model import Facts, Standing
from gatekeeper.policy.decide import decide
from gatekeeper.policy.segments import Condition, Policy, Surroundings
from gatekeeper.policy.versions import Policies
from gatekeeper.wiring.holidays import holidays_of, workweek_of
from tests.kit.builders import facts, invoice, on
from tests.policy.documents import LADDER, read
from tests.policy.table import told

CONDITIONS: dict[str, tuple[Condition, dict[str, Any], dict[str, Any]]] = {
    "the account": (Condition(accounts=frozenset({"acme"})), {"account_id": "acme"}, {"account_id": "acme2"}),
    "the plan": (Condition(plans=frozenset({"gold"})), {"plan": "gold"}, {"plan": "silver"}),
    "the country": (Condition(countries=frozenset({"MX", "PL"})), {"country": "PL"}, {"country": ""}),
    "a tag": (Condition(tags=frozenset({"vip"})), {"tags": ("new", "vip")}, {"tags": ("new",)}),
    "paid late": (Condition(paid_late=2), {"paid_late": 2}, {"paid_late": 1}),
    "paid in time": (Condition(paid_in_time=6), {"paid_in_time": 9}, {"paid_in_time": 5}),
    "all that is stated": (
        Condition(plans=frozenset({"gold"}), countries=frozenset({"MX"})),
        {"plan": "gold", "country": "MX"},
        {"plan": "gold", "country": "PL"},
    ),
}


@pytest.mark.parametrize(("condition", "fitting", "other"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_fits(condition: Condition, fitting: dict[str, Any], other: dict[str, Any]) -> None:
    assert condition.fits(facts(**fitting))
    assert not condition.fits(facts(**other))


def owing(*sums: tuple[int, str], **changes: Any) -> Facts:
    owed = (invoice(at, remaining_minor=minor, currency=currency, **changes) for at, (minor, currency) in enumerate(sums))
    return facts(invoices=tuple(owed))


def test_what_is_owed_is_counted_by_currency_and_never_added() -> None:
    big = Condition(owed_at_least_minor={"eur": 1000, "mxn": 9000})

    assert big.fits(owing((600, "eur"), (400, "eur")))
    assert big.fits(owing((1, "eur"), (9000, "mxn")))
    assert not big.fits(owing((999, "eur"), (8999, "mxn")))
    assert not big.fits(owing((9_999_999, "usd")))
    assert not big.fits(owing((5000, "eur"), status="paid"))


def test_a_segment_without_a_condition_is_only_for_whom_the_product_puts_into_it() -> None:
    assert not Condition().fits(facts())


def policy(**more: Any) -> Policy:
    return read(
        {
            "steps": LADDER,
            "segments": [
                {"name": "agreed", "when": {"account": ["acme"]}, "after": {"suspend": "30 days"}},
                {"name": "mexico", "when": {"country": ["MX"]}, "after": {"suspend": "10 days"}},
                {"name": "by-hand", "after": {"suspend": "20 days"}},
            ],
        }
        | more
    )


@pytest.mark.parametrize(
    ("known", "segment", "days"),
    [
        pytest.param(facts(), "agreed", 30, id="an exception for one account"),
        pytest.param(facts(country="MX"), "agreed", 30, id="the first that fits"),
        pytest.param(facts(account_id="b", country="MX"), "mexico", 10, id="a country"),
        pytest.param(facts(account_id="b"), "", 5, id="nobody's"),
        pytest.param(facts(segment="by-hand"), "by-hand", 20, id="the product's choice goes before all that fits"),
        pytest.param(facts(segment="party"), "agreed", 30, id="the product's choice is none of ours"),
        pytest.param(
            facts(case_id=1, case_segment="mexico", segment="by-hand"), "mexico", 10, id="a running case keeps its own"
        ),
        pytest.param(facts(case_id=1, case_segment=""), "", 5, id="a running case keeps that it has none"),
        pytest.param(facts(case_id=1, case_segment="gone", country="MX"), "agreed", 30, id="a running case whose own is gone"),
    ],
)
def test_the_first_segment_that_fits_has_its_own_numbers(known: Facts, segment: str, days: int) -> None:
    rules = policy().rules_for(known)

    assert (rules.segment, rules.steps[-1].after.days) == (segment, days)
    assert decide(known, rules, on(0)).segment == segment


def test_a_case_goes_on_with_the_numbers_that_it_began_with() -> None:
    """In the midst of it the customer moves to Mexico, and its plan and debts change: the day that was named stays."""
    running = told(on(19), account_id="b", country="MX", policy=policy().id, case_segment="")
    rules = Policies(policy(), lambda _gone: None).rules_for(running)

    assert decide(running, rules, on(19)).standing is Standing.SUSPENDED


def test_a_segment_lets_small_sums_of_its_own_alone_and_asks_its_own_audiences() -> None:
    known = facts(account_id="b", invoices=(invoice(remaining_minor=400),), country="MX")
    patient = read(
        {"steps": LADDER, "segments": [{"name": "m", "when": {"country": ["MX"]}, "thresholds_minor": {"eur": 500}}]},
    )

    assert decide(known, patient.rules_for(known), on(0)).standing is Standing.CURRENT
    assert decide(known, policy().rules_for(known), on(0)).standing is Standing.PAST_DUE


WORLD = Surroundings(time_zone=ZoneInfo("America/Bogota"), country="CO", holidays=holidays_of, workweek=workweek_of)


@pytest.mark.parametrize(
    ("known", "zone", "week", "holiday"),
    [
        pytest.param(facts(), "America/Bogota", {0, 1, 2, 3, 4}, date(2026, 7, 20), id="the product's own, for who has none"),
        pytest.param(
            facts(country="SA", time_zone="Asia/Riyadh"), "Asia/Riyadh", {6, 0, 1, 2, 3}, date(2026, 9, 23), id="Riyadh"
        ),
        pytest.param(facts(country="PL"), "America/Bogota", {0, 1, 2, 3, 4}, date(2026, 11, 11), id="a country without a zone"),
        pytest.param(facts(time_zone="Asia/Riyadh"), "Asia/Riyadh", {0, 1, 2, 3, 4}, date(2026, 7, 20), id="a zone alone"),
    ],
)
def test_the_calendar_is_the_accounts_own(known: Facts, zone: str, week: set[int], holiday: date) -> None:
    rules = read({"steps": LADDER}, WORLD).rules_for(known)

    assert rules.time_zone == ZoneInfo(zone)
    assert rules.workdays.weekdays == week
    assert holiday in rules.workdays.holidays
    assert holiday + timedelta(days=1) not in rules.workdays.holidays


def test_a_policy_may_say_which_days_are_working_days_everywhere() -> None:
    rules = read({"steps": LADDER, "calendar": {"workdays": ["mon-sat"]}}, WORLD).rules_for(facts(country="SA"))

    assert rules.workdays.weekdays == set(range(6))


def test_access_is_closed_only_while_support_is_there_and_it_is_a_day_for_it_at_the_customers() -> None:
    monday_to_friday = {"calendar": {"closing_hours": ["mon-fri 09:00-17:00"], "contact_hours": ["mon-fri 08:00-18:00"]}}
    support = read({"steps": LADDER, "calendar": {"closing_hours": ["mon-thu 10:00-12:00"]}}).week.closing
    rules = read(
        {"steps": LADDER} | monday_to_friday, Surroundings(support=support, time_zone=ZoneInfo("Europe/Warsaw"))
    ).rules_for(facts(time_zone="America/Mexico_City"))

    assert [office.zone for office in rules.closing] == [ZoneInfo("Europe/Warsaw"), ZoneInfo("America/Mexico_City")]
    # From ten to twelve in Warsaw it is night in Mexico City
    assert rules.closing_at(on(0)) is None
