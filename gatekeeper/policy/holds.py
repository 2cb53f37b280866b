"""Reasons not to climb while past due. A hold leaves the account past due with access open; it is not good standing.

A payment on its way holds its own invoice only: see `policy.overdue`.
"""

from datetime import datetime

from gatekeeper.model import Exemption, Facts, Promise, Reason
from gatekeeper.policy.calendar import end_of_day
from gatekeeper.policy.evidence import LONG_AGO
from gatekeeper.policy.rules import Rules


def running(facts: Facts, rules: Rules, now: datetime) -> tuple[Reason, datetime | None] | None:
    """The hold that is in force, and when it ends by itself; None if there is none. Of several the one that lasts longest."""
    if not facts.mapped:
        return Reason(code="unmapped"), None
    found = [(_ends_at(hold, rules), _reason(hold)) for hold in _all(facts)]
    end_at, reason = max(found, key=lambda hold: hold[0], default=(LONG_AGO, None))
    return (reason, end_at) if reason is not None and now < end_at else None


def last_ended_at(facts: Facts, rules: Rules) -> datetime:
    """When the last hold ended; asked when none runs. A warning from before permits no suspension any more (rule 4)."""
    ends = [_ends_at(hold, rules) for hold in _all(facts)]
    return max((*ends, facts.reopened_at or LONG_AGO))


def _all(facts: Facts) -> tuple[Exemption | Promise, ...]:
    return (*facts.exemptions, *facts.promises)


def _ends_at(hold: Exemption | Promise, rules: Rules) -> datetime:
    """A hold lasts to the end of its last day (case 35), or until somebody ended it."""
    last_day = hold.until_on if isinstance(hold, Exemption) else hold.due_on
    by_itself_at = end_of_day(last_day, rules.time_zone)
    return by_itself_at if hold.ended_at is None else min(hold.ended_at, by_itself_at)


def _reason(hold: Exemption | Promise) -> Reason:
    if isinstance(hold, Exemption):
        return Reason(code="exempt", params=(("until", hold.until_on), ("reason", hold.reason), ("author", hold.author)))
    return Reason(code="promised", params=(("by", hold.by), ("on", hold.due_on)))
