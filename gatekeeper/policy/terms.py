"""What staff may agree with a customer: how far away the end of an exemption, or a promised day, may lie (case 37)."""

from datetime import date, timedelta
from typing import Final

LONGEST_PROMISE: Final = timedelta(days=60)
LONGEST_EXEMPTION: Final = timedelta(days=366)


class TermsRefused(ValueError):
    """The day lies in the past, or too far away; the message says which days are allowed."""


def check_promise(due_on: date, today: date) -> None:
    """Raises TermsRefused unless the promised day is today or later, and within 60 days."""
    _check("a promise", due_on, today, LONGEST_PROMISE)


def check_exemption(until_on: date, today: date) -> None:
    """Raises TermsRefused unless the exemption ends today or later, and within a year: somebody looks again (case 114)."""
    _check("an exemption", until_on, today, LONGEST_EXEMPTION)


def _check(what: str, day: date, today: date, longest: timedelta) -> None:
    if not today <= day <= today + longest:
        raise TermsRefused(f"{what} may reach from {today} to {today + longest}, not {day}")
