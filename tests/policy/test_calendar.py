"""Days, working days and hours in every time zone there is: cases 31 to 38 of failures.md, as far as they are the policy's."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.model import Notice, Standing, Step
from gatekeeper.policy.calendar import (
    Hours,
    Office,
    Span,
    Workdays,
    at_time,
    day_of,
    end_of_day,
    first_open,
    start_of_day,
)
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.segments import Policy, Surroundings, Week
from gatekeeper.policy.terms import TermsRefused, check_exemption, check_hold, check_promise
from gatekeeper.wiring.holidays import holidays_of, workweek_of
from tests.kit.builders import exemption, facts, invoice, on, promise, reminded
from tests.policy.table import told

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2024, 1, 1), date(2037, 12, 31))
instants = st.datetimes(datetime(2024, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
EVERY_DAY = Workdays(weekdays=frozenset(range(7)))


def changes(zone: ZoneInfo, year: int) -> list[date]:
    """The days of a year on which the clocks of a zone are moved."""
    first = date(year, 1, 1)
    offsets = [datetime.combine(first + number * DAY, time(12), zone).utcoffset() for number in range(366)]
    return [first + number * DAY for number in range(1, 366) if offsets[number] != offsets[number - 1]]


@settings(max_examples=200)
@given(zones, st.integers(2024, 2037))
def test_case_31_and_32_every_day_has_one_beginning_however_the_clocks_are_moved(zone: ZoneInfo, year: int) -> None:
    for day in [*changes(zone, year), date(year, 2, 28), date(year, 12, 31)]:
        begins_at = start_of_day(day, zone)
        assert day_of(begins_at, zone) == day
        assert day_of(begins_at - timedelta(microseconds=1), zone) < day
        assert begins_at <= at_time(day, time(0, 30), zone) <= end_of_day(day, zone)
        assert 22 * HOUR <= end_of_day(day, zone) - begins_at <= 26 * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "begins_at"),
    [
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 24), datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("America/Havana", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ],
)
def test_case_31_a_day_without_a_midnight_begins_an_hour_later(zone: str, day: date, begins_at: datetime) -> None:
    assert start_of_day(day, ZoneInfo(zone)) == begins_at
    assert begins_at.astimezone(ZoneInfo(zone)).time() == time(1)


def test_case_31_an_hour_that_the_clocks_skip_comes_as_much_later() -> None:
    assert at_time(date(2026, 3, 29), time(2, 30), ZoneInfo("Europe/Warsaw")) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_case_32_an_hour_that_comes_twice_is_the_first_of_both() -> None:
    assert at_time(date(2026, 10, 25), time(2, 30), ZoneInfo("Europe/Warsaw")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert start_of_day(date(2026, 11, 1), ZoneInfo("America/Havana")) == datetime(2026, 11, 1, 4, tzinfo=UTC)


@settings(max_examples=200)
@given(zones, instants, st.booleans())
def test_case_34_fourteen_days_are_never_less_than_thirteen_days_and_23_hours(
    zone: ZoneInfo, instant: datetime, working: bool
) -> None:
    span = Span(days=14, working=working)
    tolerance = 2 * HOUR if zone.key == "Antarctica/Troll" else HOUR

    for began_at in (instant, *(at_time(day, time(2, 30), zone) for day in changes(zone, instant.year))):
        elapsed = span.after(began_at, zone, EVERY_DAY) - began_at
        assert 14 * DAY - (tolerance if working else 0 * HOUR) <= elapsed <= 14 * DAY + 3 * HOUR
        assert elapsed >= span.least


@settings(max_examples=200)
@given(zones, instants, st.integers(0, 40), st.sets(st.integers(0, 6), min_size=1), st.sets(days, max_size=9))
def test_business_days_are_counted_from_the_next_day_and_there_and_back(
    zone: ZoneInfo, instant: datetime, number: int, week: set[int], feasts: set[date]
) -> None:
    workdays, span = Workdays(weekdays=frozenset(week), holidays=feasts), Span(days=number, working=True)
    began_on = day_of(instant, zone)

    ends_on = day_of(span.after(instant, zone, workdays), zone)
    began_before = day_of(span.before(instant, zone, workdays), zone)

    assert sum(began_on + (day + 1) * DAY in workdays for day in range((ends_on - began_on).days)) == number
    assert sum(began_on - (day + 1) * DAY in workdays for day in range((began_on - began_before).days)) == number
    assert number == 0 or (ends_on in workdays and began_before in workdays)


def test_a_calendar_without_a_working_day_hangs_nobody() -> None:
    nothing = Workdays(weekdays=frozenset())

    assert Span(days=999, working=True).after(on(0), UTC, nothing) > on(999)
    assert Span(days=999, working=True).before(on(0), UTC, nothing) < on(-999)


@pytest.mark.parametrize(
    ("country", "began_on", "in_five_business_days"),
    [
        ("MX", date(2026, 9, 11), date(2026, 9, 21)),  # Independence Day is Wednesday the 16th
        ("PL", date(2026, 4, 30), date(2026, 5, 8)),  # the 1st of May is a Friday
        ("SA", date(2026, 9, 20), date(2026, 9, 28)),  # Friday and Saturday are free, and National Day is Wednesday the 23rd
        ("IR", date(2026, 2, 9), date(2026, 2, 16)),  # Friday is free, and the Revolution's day is Wednesday the 11th
        ("", date(2026, 9, 11), date(2026, 9, 18)),
        ("ZZ", date(2026, 9, 11), date(2026, 9, 18)),
    ],
)
def test_each_country_has_its_own_weekend_and_holidays(country: str, began_on: date, in_five_business_days: date) -> None:
    workdays = Workdays(weekdays=workweek_of(country), holidays=holidays_of(country))
    instant = datetime.combine(began_on, time(15), tzinfo=UTC)

    assert day_of(Span(days=5, working=True).after(instant, UTC, workdays), UTC) == in_five_business_days


hours = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 22), st.sampled_from([0, 15, 30]), st.integers(1, 600)), min_size=1, max_size=5
).map(
    lambda lines: Hours(
        of_weekday=tuple(
            (day, time(hour, minute), time(*divmod(min(hour * 60 + minute + long, 24 * 60 - 1), 60)))
            for day, hour, minute, long in lines
        )
    )
)


@settings(max_examples=200)
@given(hours, zones, instants, st.sets(days, max_size=5))
def test_an_office_is_open_from_the_instant_at_which_it_opens(
    week: Hours, zone: ZoneInfo, instant: datetime, feasts: set[date]
) -> None:
    office = Office(hours=week, zone=zone, holidays=feasts)

    opens_at = office.opens_at(instant)

    def is_open(at: datetime) -> bool:
        day = day_of(at, zone)
        lines = [(opens, closes) for number, opens, closes in week.of_weekday if number == day.weekday()]
        return day not in feasts and any(
            at_time(day, opens, zone) <= at < at_time(day, closes, zone) for opens, closes in lines
        )

    assert opens_at is not None
    assert is_open(opens_at)
    assert not any(is_open(instant + number * (opens_at - instant) / 50) for number in range(50)) or opens_at == instant


@settings(max_examples=100)
@given(hours, hours, zones, zones, instants)
def test_offices_that_must_all_be_open_are_all_open_then(
    here: Hours, there: Hours, zone: ZoneInfo, other: ZoneInfo, instant: datetime
) -> None:
    offices = (Office(hours=here, zone=zone), Office(hours=there, zone=other))

    found = first_open(instant, offices)

    if found is not None:
        assert found >= instant
        assert all(office.opens_at(found) == found for office in offices)


def test_where_offices_never_overlap_nothing_closes_and_the_warning_is_not_even_written() -> None:
    mondays, tuesdays = (Hours(of_weekday=((day, time(9), time(17)),)) for day in (0, 1))
    policy = Policy(rules=Rules(), week=Week(closing=mondays), surroundings=Surroundings(support=tuesdays))

    for known in (facts(notices=reminded()), told(on(19))):
        verdict = decide(known, policy.rules_for(known), on(19))
        assert verdict.standing is Standing.PAST_DUE
        assert verdict.notices == ()
        assert "no_hour_to_close" in {reason.code for reason in verdict.reasons}
        assert verdict.review_at == on(20)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "America/Bogotá", "", "GMT+25", "/", "posixrules\0"])
def test_case_33_a_zone_that_is_none_is_the_products_own(name: str) -> None:
    policy = Policy(rules=Rules(), surroundings=Surroundings(time_zone=ZoneInfo("America/Bogota")))

    assert policy.rules_for(facts(time_zone=name)).time_zone == ZoneInfo("America/Bogota")


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati", "UTC"])
@pytest.mark.parametrize("due_on", [date(2028, 2, 29), date(2027, 2, 28), date(2026, 4, 30), date(2026, 12, 31)])
def test_case_35_due_at_the_last_second_of_a_day_nobody_loses_a_day(zone: str, due_on: date) -> None:
    due_at = datetime.combine(due_on, time(23, 59, 59), tzinfo=UTC)
    rules = Rules(time_zone=ZoneInfo(zone))
    shift = due_at - on(0)

    def moved(now: datetime) -> list[Step]:
        owed = invoice(due_at=due_at, created_at=due_at - 14 * DAY, finalized_at=due_at - 14 * DAY, read=now)
        return [notice.step for notice in decide(facts(invoices=(owed,), watched_since_at=due_at), rules, now).notices]

    assert moved(due_at - timedelta(seconds=1)) == []
    assert set(moved(due_at)) == {Step.REMINDER}
    warned_at = on(14) + shift
    known = facts(
        invoices=(invoice(due_at=due_at, created_at=due_at - 14 * DAY, read=warned_at),),
        notices=tuple(replace(n, accepted_at=due_at, planned_at=due_at) for n in reminded()),
        watched_since_at=due_at,
    )
    named = {notice.suspend_on for notice in decide(known, rules, warned_at).notices}
    assert named == {day_of(warned_at + 5 * DAY, rules.time_zone)}


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati", "Africa/Cairo"])
def test_case_35_a_hold_lasts_to_the_end_of_its_last_day_where_the_account_is(zone: str) -> None:
    rules, held = Rules(time_zone=ZoneInfo(zone)), facts(exemptions=(exemption(3),))
    ends_at = end_of_day(exemption(3).until_on, ZoneInfo(zone))

    assert decide(held, rules, ends_at - timedelta(seconds=1)).notices == ()
    assert decide(held, rules, ends_at - timedelta(seconds=1)).review_at == ends_at


def test_case_36_a_hold_that_ends_on_saturday_at_midnight_wakes_nobody() -> None:
    """A promise until Friday: after it a warning in office hours on Monday, and the suspension in office hours too."""
    office = Hours(of_weekday=tuple((day, time(9), time(17)) for day in range(5)))
    zone = ZoneInfo("America/Mexico_City")
    policy = Policy(rules=Rules(), week=Week(contact=office, closing=office), surroundings=Surroundings(time_zone=zone))
    rules = policy.rules_for(facts())
    friday = promise(18)
    known = told(on(19), promises=(friday,))
    assert friday.due_on.strftime("%A") == "Friday"
    ends_at = end_of_day(friday.due_on, zone)

    at_midnight = decide(known, rules, ends_at)
    on_monday = decide(known, rules, at_midnight.review_at or ends_at)

    assert (at_midnight.standing, at_midnight.notices) == (Standing.PAST_DUE, ())
    assert at_midnight.review_at == datetime(2026, 3, 23, 9, tzinfo=zone)
    assert {notice.step for notice in on_monday.notices} == {Step.WARNING}
    assert {notice.suspend_on for notice in on_monday.notices} == {date(2026, 3, 30)}


def test_case_36_without_any_hours_a_hold_that_ends_at_midnight_still_waits_for_the_morning() -> None:
    known = told(on(20), promises=(promise(18),))
    ends_at = end_of_day(promise(18).due_on, UTC)

    verdict = decide(known, Rules(), ends_at)

    assert (verdict.notices, verdict.review_at) == ((), ends_at + 8 * HOUR)


def test_case_37_a_promised_day_lies_neither_behind_nor_too_far_ahead() -> None:
    today = date(2026, 2, 28)
    for day in (today, today + 60 * DAY):
        check_promise(day, today)
    for day in (today - DAY, today + 61 * DAY, date(2036, 2, 28)):
        with pytest.raises(TermsRefused, match=str(today)):
            check_promise(day, today)
    for check, longest in ((check_exemption, 366), (check_hold, 30)):
        check(today + longest * DAY, today)
        with pytest.raises(TermsRefused):
            check(today + (longest + 1) * DAY, today)
    with pytest.raises(TermsRefused, match="3 promises in this case already"):
        check_promise(today, today, made_before=3)


def test_case_38_a_holiday_that_is_declared_later_takes_no_letter_back() -> None:
    """The warning went out in time, as business days were counted then; nobody is warned again, and nobody let in for it."""
    before = Rules(steps=tuple(replace(step, after=replace(step.after, working=True)) for step in Rules().steps))
    after = replace(before, workdays=Workdays(holidays=frozenset({on(3).date(), on(4).date()})))
    suspended = told(on(60), standing=Standing.SUSPENDED, notices=(*reminded(), *_warned_after(before)))

    for rules in (before, after):
        verdict = decide(suspended, rules, on(60))
        assert (verdict.standing, verdict.notices) == (Standing.SUSPENDED, ())


def _warned_after(rules: Rules) -> tuple[Notice, ...]:
    at = rules.later(Span(days=14, working=True), on(0))
    return tuple(
        replace(n, step=Step.WARNING, planned_at=at, accepted_at=at, suspend_on=(at + 7 * DAY).date()) for n in reminded()
    )
