"""Public holidays and weekends of a country, from the `holidays` package: the policy is told them, and knows no country."""

from collections.abc import Container
from datetime import date
from functools import cache
from threading import Lock

import holidays

from gatekeeper.policy.calendar import MONDAY_TO_FRIDAY


class _Calendar:
    """The package works a year out when it is first asked for it, and is not made for several threads."""

    def __init__(self, country: str) -> None:
        self._days = holidays.country_holidays(country)
        self._lock = Lock()

    def __contains__(self, day: object) -> bool:
        with self._lock:
            return isinstance(day, date) and day in self._days

    @property
    def workweek(self) -> frozenset[int]:
        return frozenset(range(7)) - self._days.weekend


@cache
def _calendar(country: str) -> _Calendar | None:
    """The calendar of a country (ISO 3166-1 alpha-2); None for one that nobody has listed."""
    try:
        return _Calendar(country) if country else None
    except NotImplementedError:
        return None


def holidays_of(country: str) -> Container[date]:
    """The public holidays of a country, of any year; none for a country that nobody has listed."""
    return _calendar(country) or ()


def workweek_of(country: str) -> frozenset[int]:
    """The days of the week, Monday being 0, on which people of this country work."""
    found = _calendar(country)
    return found.workweek if found else MONDAY_TO_FRIDAY
