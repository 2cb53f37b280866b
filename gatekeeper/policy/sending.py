"""Whether a planned notice is still true at the moment when it is sent, and what it names then (case 60)."""

from dataclasses import dataclass
from datetime import date, datetime

from gatekeeper.model import Facts, Invoice, Notice, Standing, Step
from gatekeeper.policy import holds
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import Rules

_CLOSED = frozenset({Standing.RESTRICTED, Standing.SUSPENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notice says: the invoices that are overdue now, and for a warning the day of suspension."""

    invoices: tuple[Invoice, ...] = ()
    suspend_on: date | None = None

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(invoice.lineage for invoice in self.invoices)


def content_now(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> Content | None:
    """What `notice` has to say at `now`; None: it is no longer true, and is not sent."""
    if notice.step is Step.RESTORED:
        return None if facts.standing in _CLOSED else Content()
    overdue = debts(facts, rules, now).counted
    named_before = set(notice.named)
    if (
        facts.case_id != notice.case_id
        or facts.standing in _CLOSED
        or holds.running(facts, rules, now) is not None
        or not any(invoice.lineage in named_before for invoice in overdue)
    ):
        return None
    return Content(invoices=overdue, suspend_on=_day_named(notice, rules, now))


def _day_named(notice: Notice, rules: Rules, now: datetime) -> date | None:
    """Never earlier than was planned, nor than the span that is promised between this warning and the day."""
    if notice.step is not Step.WARNING:
        return None
    earliest = (now + rules.suspension_after).astimezone(rules.time_zone).date()
    return max(earliest, notice.suspend_on or earliest)
