"""The call list: which accounts a person has to call, why letters do not do it alone, and in which order. Pure."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from gatekeeper.model import Audience, Facts, Money, Notice, NoticeState, sums
from gatekeeper.policy import holds
from gatekeeper.policy.beside import is_unreachable, unreached
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.overdue import debts, overdue_from
from gatekeeper.policy.rules import Rules

_RED_AFTER_DAYS: Final = 30


class Colour(StrEnum):
    """More than 30 days past due, 1 to 30, not yet (design.md section 3, ageing)."""

    RED = "red"
    ORANGE = "orange"
    GREEN = "green"


class Missing(NamedTuple):
    """An audience that cannot be told, and its addresses that refused or sent back; none: none is known."""

    audience: Audience
    addresses: tuple[str, ...]


class Call(NamedTuple):
    """One line of the call list. `in_doubt`: letters of which nobody knows whether they arrived, and that are not sent again.

    `totals`: all that is overdue, or, where nothing is yet, all that is owed, a sum for each currency.
    """

    account_id: str
    missing: tuple[Missing, ...]
    in_doubt: tuple[Notice, ...]
    totals: tuple[Money, ...]
    overdue_since: date | None
    days_overdue: int

    @property
    def colour(self) -> Colour:
        if self.overdue_since is None:
            return Colour.GREEN
        return Colour.RED if self.days_overdue > _RED_AFTER_DAYS else Colour.ORANGE


def call(facts: Facts, rules: Rules, now: datetime) -> Call | None:
    """The account's line; None: nobody has to be called.

    Whoever owes something that is overdue is called, and whoever owes anything and could not be told of it: on day one, not on
    the day of the warning (case 46). Nobody is called while a promise, an exemption, a staff hold or a dispute runs (P14).
    """
    facts, now = in_its_time(facts, now)
    debt = debts(facts, rules, now)
    owed = debt.counted or tuple(invoice for _, invoice in debt.upcoming)
    lost = [audience for audience in rules.audiences if is_unreachable(facts, audience)] if owed else []
    if not (debt.counted or lost) or holds.running(facts, rules, now) or holds.dispute(facts):
        return None
    since_at = overdue_from(debt.counted[0], rules) if debt.counted else None
    since = since_at and day_of(since_at, rules.time_zone)
    return Call(
        account_id=facts.account_id,
        missing=tuple(Missing(audience, unreached(facts, audience)) for audience in lost),
        in_doubt=tuple(one for one in facts.notices if one.state is NoticeState.UNCERTAIN and one.next_try_at is None),
        totals=sums(invoice.remaining for invoice in owed),
        overdue_since=since,
        days_overdue=(day_of(now, rules.time_zone) - since).days if since else 0,
    )


def in_order(calls: Iterable[Call]) -> list[Call]:
    """First whoever no letter reaches: there nothing goes on without a person. Then letters in doubt, then the oldest debt."""
    return sorted(calls, key=lambda one: (not one.missing, not one.in_doubt, -one.days_overdue, one.account_id))
