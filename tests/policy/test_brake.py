"""What holds every closing in bulk: tables of each cause, and what no order of closings and releases may get past."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.policy.brake import (
    ALLOWANCE,
    CODES,
    DAY,
    HOUR,
    LOG_GOES_BACK,
    Caps,
    Cause,
    Entry,
    Usage,
    blind,
    disagrees,
    jumped,
    set_back,
    too_many,
    unusual,
    unusual_above,
    usage,
)
from gatekeeper.policy.explain import SENTENCES
from tests.kit.builders import DUE_AT as NOW
from tests.kit.builders import SECOND

CAPS = Caps(per_hour=10, per_day=30)
MINUTE = timedelta(minutes=1)


def ago(*spans: timedelta) -> list[Entry]:
    return [Entry(at=NOW - span) for span in sorted(spans, reverse=True)]


# The caps


@pytest.mark.parametrize(
    ("wanted", "last_hour", "last_day", "allowance", "permitted"),
    [
        pytest.param(10, 0, 0, 0, True, id="as many as an hour may see"),
        pytest.param(11, 0, 0, 0, False, id="one more: none at all"),
        pytest.param(4, 6, 6, 0, True, id="together with those of the last hour"),
        pytest.param(5, 6, 6, 0, False, id="one more than that"),
        pytest.param(5, 0, 25, 0, True, id="together with those of the last day"),
        pytest.param(6, 0, 25, 0, False, id="one more than that day may see"),
        pytest.param(35, 0, 0, 25, True, id="what a release allows comes on top"),
        pytest.param(36, 0, 0, 25, False, id="and no more"),
        pytest.param(25, 12, 12, 25, True, id="caps that were lowered take nothing from a release"),
        pytest.param(26, 12, 12, 25, False, id="and give nothing"),
    ],
)
def test_a_batch_begins_only_if_all_of_it_may(
    wanted: int, last_hour: int, last_day: int, allowance: int, permitted: bool
) -> None:
    why = too_many(wanted, Usage(last_hour=last_hour, last_day=last_day, allowance=allowance), CAPS)

    assert (why is None) is permitted


def test_it_says_how_many_were_wanted_and_how_many_may_begin() -> None:
    why = too_many(11, Usage(last_hour=4, last_day=4, allowance=0), CAPS)

    assert why is not None
    assert (why.code, dict(why.params)) == ("brake", {"wanted": 11, "allowed": 6})


@pytest.mark.parametrize(
    ("log", "hour", "day", "allowance"),
    [
        pytest.param([], 0, 0, 0, id="nothing was closed"),
        pytest.param(ago(HOUR, HOUR + SECOND), 1, 2, 0, id="an hour ago is within the hour"),
        pytest.param(ago(DAY, DAY + SECOND), 0, 1, 0, id="a day ago is within the day"),
        pytest.param(ago(-HOUR), 1, 1, 0, id="so is the future, when the clock was set back"),
        pytest.param([Entry(at=NOW, allows=3)], 0, 0, 3, id="a release"),
        pytest.param([Entry(at=NOW, allows=3), *ago(*[timedelta()] * 2)], 0, 0, 1, id="what it let through does not count"),
        pytest.param([Entry(at=NOW, allows=3), *ago(*[timedelta()] * 5)], 2, 2, 0, id="what comes after that does"),
        pytest.param([*ago(MINUTE), Entry(at=NOW, allows=3)], 1, 1, 3, id="what came before it does"),
        pytest.param([Entry(at=NOW, allows=3), *ago(timedelta()), Entry(at=NOW, allows=1)], 0, 0, 1, id="the newer release"),
        pytest.param([Entry(at=NOW - ALLOWANCE + SECOND, allows=3)], 0, 0, 3, id="for a day"),
        pytest.param([Entry(at=NOW - ALLOWANCE, allows=3)], 0, 0, 0, id="and no longer"),
        pytest.param([Entry(at=NOW - ALLOWANCE, allows=3), *ago(timedelta())], 1, 1, 0, id="when the caps hold again"),
    ],
)
def test_what_counts_against_the_caps(log: list[Entry], hour: int, day: int, allowance: int) -> None:
    assert usage(log, NOW) == Usage(last_hour=hour, last_day=day, allowance=allowance)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Caps, list[tuple[timedelta, int]]]:
    """Steps of time; a step either wants to close so many (positive) or releases so many beyond the caps (negative)."""
    caps = Caps(per_hour=draw(st.integers(0, 4)), per_day=draw(st.integers(0, 8)))
    spans = st.sampled_from([timedelta(), MINUTE, HOUR - SECOND, HOUR, HOUR + SECOND, timedelta(hours=7), DAY, DAY + HOUR])
    steps = st.lists(st.tuples(spans, st.integers(-5, 12).filter(bool)), max_size=25)
    return caps, draw(steps)


@given(histories())
def test_no_hour_and_no_day_ever_sees_more_than_the_cap_and_what_was_released(
    history: tuple[Caps, list[tuple[timedelta, int]]],
) -> None:
    caps, steps = history
    now, log = NOW, []
    for span, number in steps:
        now += span
        if number < 0:
            log.append(Entry(at=now, allows=-number))
            continue
        for _ in range(number):  # each by itself, as in its own transaction
            recent = [entry for entry in log if entry.at >= now - LOG_GOES_BACK]
            assert usage(recent, now) == usage(log, now)
            if usage(recent, now).room(caps) > 0:
                log.append(Entry(at=now))
    for entry in log:
        for window, cap in ((HOUR, caps.per_hour), (DAY, caps.per_day)):
            begun = [one for one in log if one.allows is None and entry.at <= one.at <= entry.at + window]
            allowed = sum(one.allows or 0 for one in log if entry.at - ALLOWANCE < one.at <= entry.at + window)
            assert len(begun) <= cap + allowed


@given(histories())
def test_after_a_release_everything_that_was_wanted_then_fits(history: tuple[Caps, list[tuple[timedelta, int]]]) -> None:
    caps, steps = history
    now, log = NOW, []
    for span, number in steps:
        now += span
        wanted = abs(number)
        if too_many(wanted, usage(log, now), caps) is not None:
            log.append(Entry(at=now, allows=wanted))
        assert too_many(wanted, usage(log, now), caps) is None
        log += [Entry(at=now)] * wanted


# The anomaly stop


@pytest.mark.parametrize(
    ("baseline", "accepted", "limit"),
    [
        pytest.param([], 0, None, id="the first day: the cap alone guards"),
        pytest.param([50, 50], 0, None, id="two days are too few"),
        pytest.param([0, 0, 0], 0, 10, id="a few are never unusual"),
        pytest.param([5, 5, 5], 0, 10, id="twice the median is not more than a few"),
        pytest.param([6, 5, 8], 0, 12, id="twice the median is"),
        pytest.param([5, 6, 7, 8], 0, 13, id="of an even number of days: the middle of the two"),
        pytest.param([6] * 8 + [900] * 6, 0, 12, id="six bad days of fourteen move nothing"),
        pytest.param([6, 6, 6], 100, 150, id="a person took a hundred for right: until half as many come on top"),
        pytest.param([400] * 14, 100, 800, id="until the usual has grown beyond that"),
    ],
)
def test_how_many_are_unusual(baseline: list[int], accepted: int, limit: int | None) -> None:
    assert unusual_above(baseline, few=10, accepted=accepted) == limit
    if limit is not None:
        assert unusual(limit, baseline, few=10, accepted=accepted) is None
        why = unusual(limit + 1, baseline, few=10, accepted=accepted)
        assert why is not None
        assert dict(why.params) == {"past_due": limit + 1, "limit": limit}


_DAYS = st.lists(st.integers(0, 10_000), min_size=3, max_size=14)


@given(st.integers(0, 10_000), _DAYS, st.integers(0, 50))
def test_what_a_person_accepted_does_not_engage_again_until_it_grows(past_due: int, baseline: list[int], few: int) -> None:
    for later in range(past_due, past_due + past_due // 2 + 1, max(1, past_due // 10)):
        assert unusual(later, baseline, few=few, accepted=past_due) is None


@given(st.integers(21, 100_000), st.data())
def test_more_than_half_of_all_where_less_than_a_fifth_is_usual_always_engages(everybody: int, data: st.DataObject) -> None:
    usually = st.integers(0, (everybody - 1) // 5)
    baseline = data.draw(st.lists(usually, min_size=3, max_size=14))
    assert unusual(everybody // 2 + 1, baseline, few=10, accepted=0) is not None


@given(st.integers(0, 10_000), _DAYS)
def test_the_order_of_the_days_does_not_matter(past_due: int, baseline: list[int]) -> None:
    assert unusual(past_due, baseline, few=10, accepted=0) == unusual(past_due, sorted(baseline), few=10, accepted=0)


# Unread books, and clocks


@pytest.mark.parametrize(
    ("since", "holds"),
    [
        pytest.param(None, False, id="a first start is not blind"),
        pytest.param(NOW - DAY, False, id="a day is borne"),
        pytest.param(NOW - DAY - SECOND, True, id="more is not"),
        pytest.param(NOW + DAY, False, id="nor is the future"),
    ],
)
def test_books_that_were_not_read_for_too_long(since: datetime | None, holds: bool) -> None:
    why = blind(NOW, since, DAY)
    assert (why is not None) is holds
    if why is not None:
        assert dict(why.params) == {"hours": 24, "since": since}


@pytest.mark.parametrize(
    ("by", "minutes"),
    [
        pytest.param(timedelta(), None, id="time went on"),
        pytest.param(HOUR, None, id="an hour is borne"),
        pytest.param(HOUR + SECOND, 60, id="more is not"),
        pytest.param(-HOUR, None, id="backwards as well"),
        pytest.param(-3 * DAY, 3 * 24 * 60, id="three days back (case 28)"),
        pytest.param(40 * DAY, 40 * 24 * 60, id="forty days on (case 27)"),
    ],
)
def test_a_clock_that_jumped(by: timedelta, minutes: int | None) -> None:
    for why in (jumped(by), set_back(NOW, NOW - by) if by < timedelta() else jumped(by)):
        assert (None if why is None else dict(why.params)["minutes"]) == minutes


def test_time_that_goes_on_was_not_set_back() -> None:
    assert set_back(NOW, None) is None
    assert set_back(NOW, NOW - 40 * DAY) is None


@pytest.mark.parametrize(
    ("database", "holds"),
    [
        pytest.param(None, False, id="a database without a clock"),
        pytest.param(NOW - 10 * MINUTE, False, id="ten minutes are borne"),
        pytest.param(NOW - 10 * MINUTE - SECOND, True, id="more is not (case 30)"),
        pytest.param(NOW + 11 * MINUTE, True, id="whoever of the two is ahead"),
    ],
)
def test_a_database_that_lives_at_another_time(database: datetime | None, holds: bool) -> None:
    assert (disagrees(NOW, database) is not None) is holds


def test_every_cause_has_its_sentence_and_what_to_do_about_it() -> None:
    assert set(CODES) == set(Cause)
    assert set(CODES.values()) | {f"check_{cause}" for cause in Cause} <= set(SENTENCES)
