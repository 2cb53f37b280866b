"""What people may do by themselves on the lockout page: who they are to the account, whom they can have reminded, what they
can promise. None of it is a step of the ladder, or evidence of anything.
"""

from datetime import date, datetime, timedelta
from typing import Final

from gatekeeper.model import Audience, Facts, Notice, PlannedNotice, Role, Step
from gatekeeper.policy import holds
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.evidence import LONG_AGO
from gatekeeper.policy.people import reachable
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.writing import failed, people

STRANGER: Final = "-"
# To the account's accountants, because somebody of the account asked for it; and to the operator's staff
ASKED: Final = (Step.NUDGE, Step.AGAIN)
TO_STAFF: Final = (Step.TRANSFER, Step.REVIEW)


def role_of(viewer: str, facts: Facts) -> Role:
    """`viewer`: an e-mail address; `-`: nobody of this account; empty: the edge does not say who it is.

    Whom letters go to as an accountant is a payer: origins are not mixed here either (`policy.people`).
    """
    if viewer == STRANGER:
        return Role.STRANGER
    if not viewer:
        return Role.UNTOLD
    lost = failed(facts)
    payers = {*reachable(facts.contacts, ())[Audience.ACCOUNTANT], *reachable(facts.contacts, lost)[Audience.ACCOUNTANT]}
    return Role.PAYER if viewer.strip().casefold() in {address.casefold() for address in payers} else Role.MEMBER


def payers(facts: Facts) -> tuple[str, ...]:
    """The addresses of the accountants to whom a letter is worth writing, in order: no letter of this case failed there."""
    lost = failed(facts)
    return tuple(
        address for address, audiences in people(facts).items() if Audience.ACCOUNTANT in audiences and address not in lost
    )


def said_today(facts: Facts, rules: Rules, now: datetime, step: Step) -> tuple[Notice, ...]:
    """The letters of this kind that somebody asked for on this day of the account's calendar."""
    today = day_of(now, rules.time_zone).isoformat()
    return tuple(one for one in facts.notices if one.step is step and one.name == today)


def letters(facts: Facts, rules: Rules, now: datetime, step: Step) -> tuple[PlannedNotice, ...]:
    """What is to be written because somebody asked: once a day, to every accountant who can be reached.

    The day is the notice's name, so that the ledger's one key sees to it, whoever presses at the same moment.
    """
    if facts.case_id is None or said_today(facts, rules, now, step):
        return ()
    today, everybody = day_of(now, rules.time_zone).isoformat(), people(facts)
    return tuple(PlannedNotice(step, 1, everybody[address], address, (), name=today) for address in payers(facts))


def days_to_promise(facts: Facts, rules: Rules, now: datetime, most_days: int) -> tuple[date, date] | None:
    """The first and the last day that may be promised; None: there was a promise in this case, or none is taken.

    Who calls money back at a bank does not open the door by a promise.
    """
    if most_days == 0 or facts.case_id is None or holds.dispute(facts) is not None:
        return None
    since = facts.case_opened_at or LONG_AGO
    if any(one.set_at >= since for one in facts.promises):
        return None
    today = day_of(now, rules.time_zone)
    return today, today + timedelta(days=most_days)


def review_asked(facts: Facts) -> bool:
    """Whether a person was asked in this case to look at it."""
    return any(one.step is Step.REVIEW for one in facts.notices)
