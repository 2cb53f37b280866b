"""What staff may agree with a customer: how far away the end of an exemption, or a promised day, may lie (case 37)."""

from datetime import date, timedelta
from typing import Final

from gatekeeper.model import Facts

LONGEST_PROMISE: Final = timedelta(days=60)
LONGEST_EXEMPTION: Final = timedelta(days=366)
LONGEST_HOLD: Final = timedelta(days=30)
MOST_PROMISES: Final = 3


class TermsRefused(ValueError):
    """The day lies in the past, or too far away; the message says which days are allowed."""


def check_promise(due_on: date, today: date, made_before: int = 0) -> None:
    """Raises TermsRefused unless the promised day is today or later, within 60 days, and not the fourth of its case."""
    _check("a promise", due_on, today, LONGEST_PROMISE)
    if made_before >= MOST_PROMISES:
        raise TermsRefused(
            f"there were {made_before} promises in this case already, and {MOST_PROMISES} are the most; "
            "if there is a good reason for another, exempt the account instead"
        )


def promises_of_case(facts: Facts) -> int:
    """How many promises were made since the running case began."""
    since_at = facts.case_opened_at
    return 0 if since_at is None else sum(promise.set_at >= since_at for promise in facts.promises)


def check_hold(until_on: date, today: date) -> None:
    """Raises TermsRefused unless the hold ends today or later, and within 30 days: what staff looks into comes to an end."""
    _check("a hold", until_on, today, LONGEST_HOLD)


def check_exemption(until_on: date, today: date) -> None:
    """Raises TermsRefused unless the exemption ends today or later, and within a year: somebody looks again (case 114)."""
    _check("an exemption", until_on, today, LONGEST_EXEMPTION)


def _check(what: str, day: date, today: date, longest: timedelta) -> None:
    if not today <= day <= today + longest:
        raise TermsRefused(f"{what} may reach from {today} to {today + longest}, not {day}")
