"""Days, working days and hours of one place, as instants in UTC. Spans of days are elapsed time, never wall time (case 34)."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

_MIDNIGHT: Final = time()
_LAST: Final = date(9999, 12, 30)
_DAY: Final = timedelta(days=1)
_CLOCKS_MOVE: Final = timedelta(hours=2)
_LOOKED_AHEAD: Final = timedelta(days=60)
MONDAY_TO_FRIDAY: Final = frozenset(range(5))


def day_of(instant: datetime, zone: tzinfo) -> date:
    """The day that `instant` falls on in `zone`."""
    return instant.astimezone(zone).date()


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """The first instant of `day` in `zone`, also where the clocks skip midnight (case 31)."""
    return at_time(day, _MIDNIGHT, zone)


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """The first instant after `day` in `zone`. "For ever" may be written as 9999-12-31."""
    return start_of_day(min(day, _LAST) + _DAY, zone)


def at_time(day: date, hour: time, zone: tzinfo) -> datetime:
    """That wall time of that day: where clocks skip it, as much later as they skip; where they repeat it, the first."""
    return datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdays:
    """Which days are working days: of the week (Monday is 0), less the holidays."""

    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: Container[date] = ()

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day.weekday() in self.weekdays and day not in self.holidays


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A number of days, or of working days.

    `least`: the shortest time that it can take: working days keep the wall time, which the clocks may move by two hours.
    """

    days: int
    working: bool = False
    least: timedelta = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        moved = _CLOCKS_MOVE if self.working and self.days else timedelta(0)
        object.__setattr__(self, "least", timedelta(days=self.days) - moved)

    def after(self, instant: datetime, zone: tzinfo, workdays: Container[date]) -> datetime:
        """So much later. Working days are counted from the next day on, and keep the wall time."""
        if not self.working:
            return instant + self.least
        return self._count(instant, zone, workdays, _DAY) if self.days else instant

    def before(self, instant: datetime, zone: tzinfo, workdays: Container[date]) -> datetime:
        """So much earlier."""
        if not self.working:
            return instant - self.least
        return self._count(instant, zone, workdays, -_DAY) if self.days else instant

    def _count(self, instant: datetime, zone: tzinfo, workdays: Container[date], step: timedelta) -> datetime:
        local = instant.astimezone(zone)
        day, left = local.date(), self.days
        # A calendar without a working day must not hang us; in a week of one, that is often a holiday, each takes a fortnight
        for _ in range(14 * self.days + 60):
            day += step
            left -= day in workdays
            if left == 0:
                break
        return at_time(day, local.time(), zone)

    def __str__(self) -> str:
        kind = "business day" if self.working else "day"
        return f"{self.days} {kind}{'' if self.days == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Opening hours of a week: for each weekday that has any, from when until when, by the wall clock."""

    of_weekday: tuple[tuple[int, time, time], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A place with opening hours, a time zone, and holidays on which it stays shut."""

    hours: Hours
    zone: tzinfo
    holidays: Container[date] = ()

    def opens_at(self, instant: datetime) -> datetime | None:
        """The first instant from `instant` on at which it is open; None: not within two months."""
        day = day_of(instant, self.zone)
        for _ in range(_LOOKED_AHEAD.days + 2):
            if found := self._open_on(day, instant):
                return min(found)
            day += _DAY
        return None

    def _open_on(self, day: date, instant: datetime) -> list[datetime]:
        if day in self.holidays:
            return []
        today = [(opens, closes) for weekday, opens, closes in self.hours.of_weekday if weekday == day.weekday()]
        found = [(max(instant, at_time(day, opens, self.zone)), at_time(day, closes, self.zone)) for opens, closes in today]
        return [opens_at for opens_at, closes_at in found if opens_at < closes_at]


def first_open(instant: datetime, offices: tuple[Office, ...]) -> datetime | None:
    """The first instant from `instant` on at which all these offices are open; None: not within two months."""
    found = instant
    while found <= instant + _LOOKED_AHEAD:
        later = found
        for office in offices:
            opens_at = office.opens_at(later)
            if opens_at is None:
                return None
            later = opens_at
        if later == found:
            return found
        found = later
    return None


Holidays = Callable[[str], Container[date]]


def no_holidays(_country: str) -> Container[date]:
    """For when nobody says where the holidays are kept."""
    return ()


def monday_to_friday(_country: str) -> frozenset[int]:
    """For when nobody says where people work on other days."""
    return MONDAY_TO_FRIDAY
