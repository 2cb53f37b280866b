"""Whether a planned notice is still true at the moment when it is sent, and what it names then (case 60)."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gatekeeper.model import Facts, Invoice, Notice, NoticeState, Standing, Step
from gatekeeper.policy import holds
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.evidence import Evidence, people
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import Rules

_CLOSED: Final = frozenset({Standing.RESTRICTED, Standing.SUSPENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notice says: the invoices that are overdue now, and for a warning the day of suspension."""

    invoices: tuple[Invoice, ...] = ()
    suspend_on: date | None = None

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(invoice.lineage for invoice in self.invoices)


def read_first(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> tuple[str, ...]:
    """The ids of the invoices that `notice` would name, and that were not read within the last minute."""
    if notice.step is Step.RESTORED:
        return ()
    oldest = now - rules.fresh_for
    return tuple(invoice.id for invoice in debts(facts, rules, now).counted if not oldest <= invoice.read_at <= now)


def content_now(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> Content | None:
    """What `notice` has to say at `now`; None: it is no longer true, or no longer for this person, and is not sent."""
    if notice.address not in people(facts):
        return None
    if notice.step is Step.RESTORED:
        return None if facts.standing in _CLOSED else Content()
    overdue = debts(facts, rules, now).counted
    named_before = set(notice.named)
    content = Content(invoices=overdue, suspend_on=_day_named(notice, rules, now))
    if (
        facts.case_id != notice.case_id
        or facts.standing in _CLOSED
        or holds.running(facts, rules, now) is not None
        or not any(invoice.lineage in named_before for invoice in overdue)
        or not _would_count(notice, content, facts, rules, now)
    ):
        return None
    return content


def _would_count(notice: Notice, content: Content, facts: Facts, rules: Rules, now: datetime) -> bool:
    """Whether this letter, accepted now, would be a step of the ladder: a warning that permits nothing only frightens."""
    sent = replace(notice, state=NoticeState.ACCEPTED, accepted_at=now, named=content.named, suspend_on=content.suspend_on)
    others = tuple(other for other in facts.notices if other.step is not notice.step)
    evidence = Evidence(
        notices=(*others, sent), overdue=content.invoices, rules=rules, hold_ended_at=holds.last_ended_at(facts, rules)
    )
    told = evidence.warning if notice.step is Step.WARNING else evidence.reminder
    return any(told(audience) is not None for audience in notice.audiences)


def _day_named(notice: Notice, rules: Rules, now: datetime) -> date | None:
    """Never earlier than was planned, nor than the span that is promised between this warning and the day."""
    if notice.step is not Step.WARNING:
        return None
    earliest = day_of(now + rules.suspension_after, rules.time_zone)
    return max(earliest, notice.suspend_on or earliest)
