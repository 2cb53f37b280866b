"""Ladders walked day by day: practice P6 in Mexico City with its holidays, outages, clocks that jump, and reminders alone."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gatekeeper.model import Standing, Step
from gatekeeper.policy.calendar import Hours
from gatekeeper.policy.rules import CLOSING, Rules
from gatekeeper.policy.segments import Surroundings
from gatekeeper.wiring.holidays import holidays_of, workweek_of
from tests.kit.builders import facts, invoice, on
from tests.policy.documents import REMINDER, SUSPEND, WARNING, read
from tests.policy.world import Look, World

MEXICO = ZoneInfo("America/Mexico_City")
SECOND = {"kind": "reminder", "name": "again", "after": "7 days"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICIES = Path(__file__).parents[2] / "config" / "policies"
WORLD = Surroundings(
    time_zone=ZoneInfo("America/Bogota"),
    country="CO",
    support=Hours(of_weekday=tuple((day, time(9), time(17)) for day in range(5))),
    holidays=holidays_of,
    workweek=workweek_of,
)
P6 = """
[calendar]
contact_hours = ["mon-fri 10:00-16:00"]
closing_hours = ["mon-thu 10:00-13:00"]
[[steps]]
kind = "courtesy"
before = "3 business days"
[[steps]]
kind = "reminder"
after = "1 business days"
[[steps]]
kind = "reminder"
name = "second-reminder"
after = "5 business days"
[[steps]]
kind = "warning"
name = "restriction-warning"
after = "5 business days"
[[steps]]
kind = "restrict"
after = "3 business days"
leaves_open = ["/export"]
[[steps]]
kind = "warning"
name = "suspension-warning"
after = "5 business days"
[[steps]]
kind = "suspend"
after = "5 business days"
"""
DIARY = """
Wed 2026-03-11 12:00 courtesy
Tue 2026-03-17 12:00 past_due
Wed 2026-03-18 12:00 reminder
Wed 2026-03-25 12:00 second-reminder
Wed 2026-04-01 12:00 restriction-warning, naming Mon 2026-04-06
Mon 2026-04-06 12:00 restricted
Mon 2026-04-13 12:00 suspension-warning, naming Mon 2026-04-20
Mon 2026-04-20 12:00 suspended
"""


def deeds(look: Look) -> list[str]:
    letters = {
        (asked.name or asked.step.value, asked.suspend_on) for asked in look.verdict.notices if asked.step not in CLOSING
    }
    said = [name + (f", naming {day:%a %Y-%m-%d}" if day else "") for name, day in sorted(letters, key=str)]
    return said + [look.verdict.standing.value] * (look.verdict.standing is not look.before.standing)


def diary(world: World, until: datetime, zone: ZoneInfo, *, away: Callable[[datetime], bool] = lambda _now: False) -> list[str]:
    """What was done, hour by hour, in the words and by the clock of the account."""
    written: list[str] = []
    while world.now < until:
        looks = [] if away(world.now) else world.round("accepts")
        for look in looks:
            written += [f"{look.now.astimezone(zone):%a %Y-%m-%d %H:%M} {deed}" for deed in deeds(look)]
        world.now += HOUR
    return written


def in_mexico(policy: str, due: datetime, start: datetime) -> World:
    """A world that begins at `start`, with one invoice that was sent long before, and nothing known of it yet."""
    rules = read(tomllib.loads(policy), WORLD).rules_for(facts(time_zone="America/Mexico_City", country="MX"))
    world = World(rules)
    sent_at = due - 30 * DAY
    world.books = {"in_0": invoice(0, due_at=due, created_at=sent_at, finalized_at=sent_at)}
    world.now = start
    return world


def test_the_ladder_of_practice_day_by_day_in_mexico_city() -> None:
    """Due on a Tuesday at noon; Monday 16 March is a holiday, so three business days before is the Wednesday before it."""
    world = in_mexico(P6, datetime(2026, 3, 17, 12, tzinfo=MEXICO), datetime(2026, 2, 25, 0, tzinfo=MEXICO))

    written = diary(world, datetime(2026, 5, 10, tzinfo=UTC), MEXICO)

    assert written == DIARY.strip().splitlines()
    assert world.facts().standing is Standing.SUSPENDED


def test_from_a_debt_that_falls_due_at_night_everything_moves_into_the_hours_for_it() -> None:
    """Due on Friday night: the reminder waits for the holiday Monday to pass, and each closing for a morning from Monday on."""
    world = in_mexico(P6, datetime(2026, 3, 13, 23, 59, tzinfo=MEXICO), datetime(2026, 2, 25, 0, tzinfo=MEXICO))

    written = diary(world, datetime(2026, 5, 20, tzinfo=UTC), MEXICO)

    assert written == [
        "Wed 2026-03-11 10:00 courtesy",
        "Sat 2026-03-14 00:00 past_due",
        "Wed 2026-03-18 10:00 reminder",
        "Wed 2026-03-25 10:00 second-reminder",
        "Wed 2026-04-01 10:00 restriction-warning, naming Mon 2026-04-06",
        "Mon 2026-04-06 10:00 restricted",
        "Mon 2026-04-13 10:00 suspension-warning, naming Mon 2026-04-20",
        "Mon 2026-04-20 10:00 suspended",
    ]


@pytest.mark.parametrize("due_day", range(1, 29, 3))
def test_nothing_happens_on_a_weekend_on_a_holiday_or_at_night_whenever_it_falls_due(due_day: int) -> None:
    due = datetime(2026, 4, due_day, 5 * due_day % 24, 30, tzinfo=MEXICO)
    world = in_mexico(P6, due, due - 20 * DAY)

    written = diary(world, due + 70 * DAY, MEXICO)

    assert [line.split(" ", 3)[3].partition(",")[0] for line in written if "past_due" not in line] == [
        *("courtesy", "reminder", "second-reminder", "restriction-warning", "restricted"),
        *("suspension-warning", "suspended"),
    ]
    for line in written:
        weekday, day, hour, what = line.split(" ", 3)
        if what == "past_due":
            continue
        assert weekday not in {"Sat", "Sun"}
        assert date.fromisoformat(day) not in holidays_of("MX")
        assert "10:00" <= hour < "16:00"
        if what in {"restricted", "suspended"}:
            assert weekday != "Fri"
            assert hour < "13:00"
            assert date.fromisoformat(day) not in holidays_of("CO")
        assert "naming" not in what or what.split("naming ")[1][:3] in {"Mon", "Tue", "Wed", "Thu"}


@pytest.mark.parametrize("name", ["office-hours", "gentle"])
def test_the_shipped_policies_come_to_their_end_in_office_hours(name: str) -> None:
    due = datetime(2026, 3, 17, 12, tzinfo=MEXICO)
    world = in_mexico((POLICIES / f"{name}.toml").read_text(), due, due - 20 * DAY)

    written = diary(world, due + 90 * DAY, MEXICO)

    assert written[0].endswith(" courtesy")
    assert written[-1].endswith(" suspended")
    assert all(" 09:" <= line[14:18] < " 17:" for line in written if "past_due" not in line)


def test_case_27_a_clock_that_jumps_forty_days_ahead_takes_one_step() -> None:
    world = World(Rules())
    world.round("accepts")
    world.now += 40 * DAY

    jumped = [deed for look in world.round("accepts") for deed in deeds(look)]
    later = diary(world, world.now + 5 * DAY + 2 * HOUR, ZoneInfo("UTC"))

    assert jumped == ["warning, naming Thu 2026-04-16"]
    assert [line.split(" ", 3)[3] for line in later] == ["suspended"]


def test_case_27_a_jump_ahead_and_back_closes_nothing_before_the_day_that_was_named() -> None:
    world = World(Rules())
    world.round("accepts")
    world.now += 40 * DAY
    world.round("accepts")
    world.now = on(19)

    written = diary(world, on(60), ZoneInfo("UTC"))

    assert [line for line in written if "suspended" in line] == ["Thu 2026-04-16 09:00 suspended"]
    assert not [line for line in written if "warning" in line]


def test_case_28_a_clock_that_was_set_back_writes_nothing_twice() -> None:
    world = World(Rules())
    diary(world, on(14) + 2 * HOUR, ZoneInfo("UTC"))
    letters = len(world.notices)
    world.now -= 3 * DAY

    written = diary(world, on(18), ZoneInfo("UTC"))

    assert (written, len(world.notices)) == ([], letters)


def test_case_29_after_twenty_days_without_a_worker_one_step_is_taken_and_the_missed_days_are_the_customers() -> None:
    def away(now: datetime) -> bool:
        return on(4) <= now < on(24)

    written = diary(World(Rules()), on(40), ZoneInfo("UTC"), away=away)

    assert [line.split(" ", 3)[3] for line in written] == [
        *("reminder", "past_due", "warning, naming Tue 2026-03-31", "suspended"),
    ]
    assert written[-1].startswith("Tue 2026-03-31")


def reminders_only() -> Rules:
    return read({"steps": [REMINDER, SECOND]}).rules


def test_where_nothing_ever_closes_each_new_debt_has_its_reminders_too() -> None:
    world = World(reminders_only())
    diary(world, on(20), ZoneInfo("UTC"))
    world.books["in_1"] = invoice(1, due_at=on(20), created_at=on(6), finalized_at=on(6))

    written = diary(world, on(40), ZoneInfo("UTC"))

    assert [line.split(" ", 3)[3] for line in written] == ["reminder", "again"]
    assert all("in_1" in letter.named for letter in last(world, 2))


def test_a_newer_debt_that_only_the_second_reminder_named_begins_with_a_first_of_its_own() -> None:
    """Case 19: the older one is paid, and what was the second reminder of that one was none of the newer."""
    world = World(read({"steps": [REMINDER, SECOND, WARNING, SUSPEND]}).rules)
    world.books["in_1"] = invoice(1, due_at=on(5), created_at=on(-9), finalized_at=on(-9))
    before = diary(world, on(8), ZoneInfo("UTC"))
    world.books["in_0"] = replace(world.books["in_0"], status="paid", remaining_minor=0)

    written = diary(world, on(20), ZoneInfo("UTC"))

    assert before == ["Mon 2026-03-02 09:00 reminder", "Mon 2026-03-02 09:00 past_due", "Mon 2026-03-09 09:00 again"]
    assert written == ["Tue 2026-03-10 09:00 reminder", "Tue 2026-03-17 09:00 again"]


def last(world: World, number: int) -> Iterable[object]:
    return [letter for letter in world.notices if letter.step is Step.REMINDER][-number:]


def test_paying_takes_every_height_back_at_once() -> None:
    world = in_mexico(P6, datetime(2026, 3, 17, 12, tzinfo=MEXICO), datetime(2026, 3, 17, 12, tzinfo=MEXICO))
    diary(world, datetime(2026, 4, 9, tzinfo=MEXICO), MEXICO)
    assert world.standing is Standing.RESTRICTED
    world.books = {id_: replace(owed, status="paid", remaining_minor=0) for id_, owed in world.books.items()}

    written = diary(world, world.now + HOUR, MEXICO)

    assert [line.split(" ", 3)[3] for line in written] == ["restored", "current"]
