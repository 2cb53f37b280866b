"""A whole policy: its ladder, its calendar, and the groups of customers that have numbers of their own."""

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gatekeeper.model import Facts, sums
from gatekeeper.policy.calendar import Holidays, Hours, Office, Workdays, monday_to_friday, no_holidays
from gatekeeper.policy.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Whom a segment is for: whoever fits all that is stated. An empty one fits only who is put into it by name.

    `owed_at_least_minor`: owed in one of these currencies, in minor units. `paid_late`, `paid_in_time`: how many invoices of
    the last year, at least, were paid late (three days and more), or in time.
    """

    accounts: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    owed_at_least_minor: Mapping[str, int] = field(default_factory=dict)
    paid_late: int = 0
    paid_in_time: int = 0

    def fits(self, facts: Facts) -> bool:
        stated = [
            (self.accounts, facts.account_id in self.accounts),
            (self.plans, facts.plan in self.plans),
            (self.countries, facts.country in self.countries),
            (self.tags, not self.tags.isdisjoint(facts.tags)),
            (self.owed_at_least_minor, self._owes_enough(facts)),
            (self.paid_late, facts.paid_late >= self.paid_late),
            (self.paid_in_time, facts.paid_in_time >= self.paid_in_time),
        ]
        asked = [fits for stated_at_all, fits in stated if stated_at_all]
        return bool(asked) and all(asked)

    def _owes_enough(self, facts: Facts) -> bool:
        least = self.owed_at_least_minor
        totals = sums(invoice.remaining for invoice in facts.invoices if invoice.owed) if least else ()
        return any(total.minor >= least[total.currency] for total in totals if total.currency in least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    name: str
    when: Condition
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The hours of a policy, by the wall clock of each account; None: any. `weekdays`: working days; None: its country's."""

    weekdays: frozenset[int] | None = None
    contact: Hours | None = None
    closing: Hours | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a policy does not say, but the settings: where the product's own people sit, and when they are there to help.

    And the world: holidays, working days, and which currencies and countries there are (none: nobody can say).
    """

    time_zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    country: str = ""
    support: Hours | None = None
    holidays: Holidays = no_holidays
    workweek: Callable[[str], frozenset[int]] = monday_to_friday
    currencies: Collection[str] = ()
    countries: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`id` is a hash of the document: the version that a case began with. The first segment that fits is an account's."""

    rules: Rules
    id: str = ""
    segments: tuple[Segment, ...] = ()
    week: Week = field(default_factory=Week)
    surroundings: Surroundings = field(default_factory=Surroundings)
    _local: dict[tuple[str, str, str], Rules] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rules_for(self, facts: Facts) -> Rules:
        """The rules for this account, in its own calendar.

        A running case keeps the segment that it began with, for as long as there is one of that name.
        """
        name = facts.case_segment
        if name is None or (name and all(segment.name != name for segment in self.segments)):
            name = self._segment_of(facts)
        key = (name, facts.time_zone, facts.country)
        found = self._local.get(key)
        if found is None:
            found = self._local[key] = self._localised(*key)
        return found

    def _segment_of(self, facts: Facts) -> str:
        by_name = next((segment.name for segment in self.segments if segment.name == facts.segment), None)
        return by_name or next((segment.name for segment in self.segments if segment.when.fits(facts)), "")

    def _localised(self, name: str, time_zone: str, country: str) -> Rules:
        house, week = self.surroundings, self.week
        zone = _zone(time_zone) or house.time_zone
        holidays = house.holidays(country or house.country)
        weekdays = house.workweek(country or house.country) if week.weekdays is None else week.weekdays
        offices = (
            _office(house.support, house.time_zone, house.holidays(house.country)),
            _office(week.closing, zone, holidays),
        )
        return replace(
            next((segment.rules for segment in self.segments if segment.name == name), self.rules),
            time_zone=zone,
            workdays=Workdays(weekdays=weekdays, holidays=holidays),
            contact=_office(week.contact, zone, holidays),
            closing=tuple(office for office in offices if office is not None),
            policy=self.id,
            segment=name,
        )


def _office(hours: Hours | None, zone: tzinfo, holidays: Container[date]) -> Office | None:
    return None if hours is None else Office(hours=hours, zone=zone, holidays=holidays)


def _zone(name: str) -> ZoneInfo | None:
    """The time zone of this name; None for a name that is none (case 33): then the product's own counts."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
