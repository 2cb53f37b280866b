"""Days in the product's time zone, as instants in UTC. Spans between instants are elapsed time, never wall time (case 34)."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

_LAST: Final = date(9999, 12, 30)


def day_of(instant: datetime, zone: tzinfo) -> date:
    """The day that `instant` falls on in `zone`."""
    return instant.astimezone(zone).date()


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """The first instant of `day` in `zone`, also where the clocks skip midnight (case 31)."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """The first instant after `day` in `zone`. "For ever" may be written as 9999-12-31."""
    return start_of_day(min(day, _LAST) + timedelta(days=1), zone)
