"""Accounts that live by a Stripe test clock: six weeks can be rehearsed in a minute, in test mode only."""

from dataclasses import replace
from datetime import datetime, timedelta

from gatekeeper.model import Facts, Verdict
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules


def shift_of(facts: Facts, now: datetime) -> timedelta:
    """How far the account's clock is ahead of the house's at `now`; nothing for everybody who lives in real time."""
    return timedelta(0) if facts.clock_at is None else facts.clock_at - now


def in_its_time(facts: Facts, now: datetime) -> tuple[Facts, datetime]:
    """The facts and `now` as the account's own clock says them.

    What the ledger keeps of such an account is told by its own clock; only when something was read is told by the house's.
    """
    shift = shift_of(facts, now)
    if not shift:
        return facts, now
    since_at = facts.watched_since_at
    read = tuple(replace(invoice, read_at=invoice.read_at + shift) for invoice in facts.invoices)
    return replace(facts, invoices=read, watched_since_at=None if since_at is None else since_at + shift), now + shift


def decide_in_its_time(facts: Facts, rules: Rules, now: datetime) -> Verdict:
    """`decide`, by the account's own clock. When to look again is told by the house's: a clock that stands asks for nothing."""
    known, at = in_its_time(facts, now)
    verdict = decide(known, rules, at)
    return verdict if facts.clock_at is None else verdict._replace(review_at=_again(verdict, at, now))


def _again(verdict: Verdict, at: datetime, now: datetime) -> datetime | None:
    """A test clock only moves when somebody moves it, and then its accounts are touched; what is due now stays due."""
    return now if verdict.review_at is not None and verdict.review_at <= at else None
