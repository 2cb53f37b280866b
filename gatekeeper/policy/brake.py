"""The brake: what holds every closing, restriction or suspension, until a person lets go. It shares no code with the ladder.

A wrong rule, a wrong feed or a wrong clock closes many accounts at once; a wrong reading of one account closes one. So the
brake looks at numbers only, is asked before the first closing of a round (rule 6), and holds all of them or none. Openings
and letters pass it untouched. Cases 9, 27, 28, 30 and 127.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gatekeeper.model import Reason

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# How long a release lets closings through beyond the caps
ALLOWANCE: Final = DAY
# The oldest entry of the log that says anything of now: a closing of a day ago may be covered by an allowance of a day before
LOG_GOES_BACK: Final = DAY + ALLOWANCE
BASELINE_DAYS: Final = 14
_BASELINE_AT_LEAST: Final = 3
_CLOCK_TOLERANCE: Final = HOUR
_DATABASE_TOLERANCE: Final = timedelta(minutes=10)


class Cause(StrEnum):
    """Why it holds: too many at once, unusually many past due, the books unread for too long, a clock that moved."""

    CAP = "cap"
    ANOMALY = "anomaly"
    BLIND = "blind"
    CLOCK = "clock"


CODES: Final = {Cause.CAP: "brake", Cause.ANOMALY: "brake_anomaly", Cause.BLIND: "brake_blind", Cause.CLOCK: "brake_clock"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many closings an hour, and a day, may see. Restorations are never capped."""

    per_hour: int
    per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the brake is told by the settings. `few`: no more accounts past due than this are ever unusual."""

    caps: Caps = Caps(per_hour=10, per_day=30)
    few: int = 10
    blind_after: timedelta = DAY


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engaged:
    """A brake that holds: since when, and why, as a reason of `policy.explain`."""

    cause: Cause
    set_at: datetime
    why: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A closing, or a release that `allows` so many closings beyond the caps."""

    at: datetime
    allows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The closings that count against the caps, and how many a release still allows beyond them."""

    last_hour: int
    last_day: int
    allowance: int

    def room(self, caps: Caps) -> int:
        """How many closings may be committed now."""
        return self.allowance + max(0, min(caps.per_hour - self.last_hour, caps.per_day - self.last_day))


def usage(log: Iterable[Entry], now: datetime) -> Usage:
    """What the log, in the order in which it was written and at least LOG_GOES_BACK long, comes to at `now`.

    A closing spends an allowance before it counts against the caps, so that what a person let through does not use them up.
    A new release takes the place of what is left of an older one. An entry of the future (the clock was set back) counts.
    """
    counted: list[datetime] = []
    allowance, until = 0, now
    for entry in log:
        if entry.allows is not None:
            allowance, until = entry.allows, entry.at + ALLOWANCE
        elif allowance and entry.at < until:
            allowance -= 1
        else:
            counted.append(entry.at)
    return Usage(
        last_hour=sum(at >= now - HOUR for at in counted),
        last_day=sum(at >= now - DAY for at in counted),
        allowance=allowance if now < until else 0,
    )


def too_many(wanted: int, used: Usage, caps: Caps) -> Reason | None:
    """Whether a batch may begin: all of it or none, for a batch that is too big is a fault to look at."""
    allowed = used.room(caps)
    return None if wanted <= allowed else _reason(Cause.CAP, wanted=wanted, allowed=allowed)


def unusual_above(baseline: Sequence[int], *, few: int, accepted: int) -> int | None:
    """How many accounts may be past due before that is unusual; None: there are too few days to compare with.

    `baseline`: how many were, on each of the last BASELINE_DAYS stored days, in any order; `accepted`: the number that a person
    last said to be right (0: never). Twice the median: one bad day hardly moves it, and growth takes it along. Whatever puts
    more than half of all accounts past due where less than a fifth is usual goes far beyond it.
    """
    days = sorted(baseline)
    if len(days) < _BASELINE_AT_LEAST:
        return None
    twice_the_median = days[(len(days) - 1) // 2] + days[len(days) // 2]
    return max(few, twice_the_median, accepted + accepted // 2)


def unusual(past_due: int, baseline: Sequence[int], *, few: int, accepted: int) -> Reason | None:
    """Whether so many accounts are past due that the observer must be doubted rather than the customers (case 9)."""
    limit = unusual_above(baseline, few=few, accepted=accepted)
    return None if limit is None or past_due <= limit else _reason(Cause.ANOMALY, past_due=past_due, limit=limit)


def blind(now: datetime, since: datetime | None, after: timedelta) -> Reason | None:
    """Whether the books have not been read whole for too long. `since`: the last time, or that a person said to go on."""
    if since is None or now - since <= after:
        return None
    return _reason(Cause.BLIND, hours=int(after / HOUR), since=since)


def jumped(by: timedelta) -> Reason | None:
    """Whether the wall clock went on by so much more, or less, than time did (case 27)."""
    return _off(by, _CLOCK_TOLERANCE)


def set_back(now: datetime, seen_at: datetime | None) -> Reason | None:
    """Whether it is earlier than it already was (case 28)."""
    return None if seen_at is None or now >= seen_at else _off(seen_at - now, _CLOCK_TOLERANCE)


def disagrees(now: datetime, database_now: datetime | None) -> Reason | None:
    """Whether this machine and the database do not live at one time: two workers must (case 30). None: it has no clock."""
    return None if database_now is None else _off(now - database_now, _DATABASE_TOLERANCE)


def _off(by: timedelta, tolerance: timedelta) -> Reason | None:
    minutes = round(abs(by) / timedelta(minutes=1))
    return None if abs(by) <= tolerance else _reason(Cause.CLOCK, minutes=minutes)


def _reason(cause: Cause, **params: int | datetime) -> Reason:
    return Reason(code=CODES[cause], params=tuple(params.items()))
