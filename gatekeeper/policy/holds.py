"""Reasons not to climb while past due. A hold leaves the account past due with access open; it is not good standing.

A payment on its way holds its own invoice only: see `policy.overdue`. An exemption from suspension alone lets reminders go on.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from gatekeeper.model import Exemption, Facts, Promise, Reason, Scope
from gatekeeper.policy.calendar import end_of_day
from gatekeeper.policy.evidence import LONG_AGO
from gatekeeper.policy.rules import Rules

Hold = tuple[Reason, datetime | None]


def running(facts: Facts, rules: Rules, now: datetime) -> Hold | None:
    """The hold that stops every step, and when it ends by itself; None: there is none. Of several the longest."""
    if not facts.mapped:
        return Reason(code="unmapped"), None
    if not (facts.exemptions or facts.promises):
        return None
    return _told(_longest([hold for hold in _all(facts) if not _only_suspension(hold)], rules, now))


def from_suspension(facts: Facts, rules: Rules, now: datetime) -> Hold | None:
    """The hold that lets reminders go on, and stops warnings and closings; as above."""
    if not facts.exemptions:
        return None
    return _told(_longest([hold for hold in facts.exemptions if _only_suspension(hold)], rules, now))


def dispute(facts: Facts) -> Reason | None:
    """A dispute stops every step, and leaves what is closed as it is: who calls money back does not open the door by it."""
    if not facts.disputes:
        return None
    first = min((one.id for one in facts.disputes if one.closed_at is None), default=None)
    return None if first is None else Reason(code="disputed", params=(("dispute", first),))


class Ends(NamedTuple):
    """When the last hold ended that had opened access, and the last that only paused the ladder; asked when none runs.

    A warning from before permits no suspension any more (rule 4). What a pause found closed it left closed, though.
    """

    opening: datetime
    pausing: datetime


def ends(facts: Facts, rules: Rules) -> Ends:
    opening = pausing = LONG_AGO
    if facts.exemptions or facts.promises:
        opening = max(_ends_at(hold, rules) for hold in _all(facts))
    if facts.disputes:
        pausing = max((one.closed_at for one in facts.disputes if one.closed_at is not None), default=LONG_AGO)
    return Ends(opening if facts.reopened_at is None else max(opening, facts.reopened_at), pausing)


def expired_at(facts: Facts, rules: Rules, now: datetime) -> datetime | None:
    """When the last hold ran out that nobody ended by hand; None: none has. That is at midnight, when nobody is there."""
    if not (facts.exemptions or facts.promises):
        return None
    ran_out = [at for hold in _all(facts) if hold.ended_at is None and (at := _ends_at(hold, rules)) <= now]
    return max(ran_out, default=None)


def promised(facts: Facts, rules: Rules, now: datetime) -> tuple[int, Promise] | None:
    """The promise that is the running hold, and which of the account's promises it is, from 1; None: no promise is."""
    held = _longest([hold for hold in _all(facts) if not _only_suspension(hold)], rules, now) if facts.mapped else None
    if held is None or not isinstance(held[0], Promise):
        return None
    return sum(one.set_at <= held[0].set_at for one in facts.promises), held[0]


def broken_promise(facts: Facts, rules: Rules, now: datetime) -> tuple[Promise, datetime] | None:
    """The last promise of this case, if its day has passed and something is still owed; and when that was."""
    since = facts.case_opened_at or LONG_AGO
    passed = [(one, at) for one in facts.promises if one.ended_at is None and since < (at := _ends_at(one, rules)) <= now]
    return max(passed, key=lambda broken: broken[0].due_on, default=None)


def _longest(holds: Iterable[Exemption | Promise], rules: Rules, now: datetime) -> tuple[Exemption | Promise, datetime] | None:
    found = [(hold, _ends_at(hold, rules)) for hold in holds if hold.ended_at is None or hold.ended_at > now]
    longest = max(found, key=lambda hold: hold[1], default=None)
    return longest if longest is not None and now < longest[1] else None


def _told(held: tuple[Exemption | Promise, datetime] | None) -> Hold | None:
    return None if held is None else (_reason(held[0]), held[1])


def _only_suspension(hold: Exemption | Promise) -> bool:
    return isinstance(hold, Exemption) and hold.scope is Scope.SUSPENSION


def _all(facts: Facts) -> list[Exemption | Promise]:
    return [*facts.exemptions, *facts.promises]


def _ends_at(hold: Exemption | Promise, rules: Rules) -> datetime:
    """A hold lasts to the end of its last day (case 35), or until somebody ended it."""
    last_day = hold.until_on if isinstance(hold, Exemption) else hold.due_on
    by_itself_at = end_of_day(last_day, rules.time_zone)
    return by_itself_at if hold.ended_at is None else min(hold.ended_at, by_itself_at)


def _reason(hold: Exemption | Promise) -> Reason:
    if isinstance(hold, Promise):
        return Reason(code="promised", params=(("by", hold.by), ("on", hold.due_on)))
    code = "staff_hold" if hold.staff_hold else "exempt_from_suspension" if hold.scope is Scope.SUSPENSION else "exempt"
    return Reason(code=code, params=(("until", hold.until_on), ("reason", hold.reason), ("author", hold.author)))
