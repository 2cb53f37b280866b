"""Whether a planned notice is still true at the moment when it is sent, and what it names then (case 60)."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gatekeeper.model import Facts, Invoice, Notice, NoticeState, Origin, Standing, Step
from gatekeeper.policy import holds
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.climbing import closing_after
from gatekeeper.policy.evidence import CLOSED, Evidence
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.versions import retold
from gatekeeper.policy.writing import people

_ANY_HOUR: Final = frozenset({Step.RESTORED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notice says: the invoices that it is about, and of a warning what closes on which day, and what stays open."""

    invoices: tuple[Invoice, ...] = ()
    suspend_on: date | None = None
    closes: Step = Step.SUSPEND
    leaves_open: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(invoice.lineage for invoice in self.invoices)


def read_first(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> tuple[str, ...]:
    """The ids of the invoices that `notice` would name, and that were not read within the last minute."""
    oldest = now - rules.fresh_for
    return tuple(
        one.id
        for one in _about(notice, facts, rules, now)
        if one.origin is not Origin.STATEMENT and not oldest <= one.read_at <= now
    )


def not_before(notice: Notice, rules: Rules, now: datetime) -> datetime:
    """From when on this notice may go out: `now`, or when the hours for letters begin. Good news may come at any hour."""
    return now if notice.step in _ANY_HOUR else rules.contact_at(now)


def content_now(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> Content | None:
    """What `notice` has to say at `now`; None: it is no longer true, or no longer for this person, and is not sent."""
    *others, notice = retold((*facts.notices, notice), rules)
    facts = replace(facts, notices=tuple(others))
    if notice.address not in people(facts):
        return None
    if notice.step is Step.RESTORED:
        return None if facts.standing in CLOSED else Content()
    about = _about(notice, facts, rules, now)
    named_before = set(notice.named)
    if not any(invoice.lineage in named_before for invoice in about) or _is_held(notice, facts, rules, now):
        return None
    return Content(invoices=about) if notice.step is Step.COURTESY else _of_the_ladder(notice, facts, rules, now, about)


def _of_the_ladder(notice: Notice, facts: Facts, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    """Nothing for a case that has ended, or an account that is closed already; and nothing that would not count as its step."""
    if facts.case_id != notice.case_id or facts.standing is Standing.SUSPENDED:
        return None
    content = _content(notice, rules, now, about)
    return content if content is not None and _would_count(notice, content, facts, rules, now) else None


def _about(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> tuple[Invoice, ...]:
    """What this notice is about: what is overdue now, or, of a courtesy, what it named and is still to fall due."""
    if notice.step is Step.RESTORED:
        return ()
    debt = debts(facts, rules, now)
    if notice.step is not Step.COURTESY:
        return debt.counted
    return tuple(one for _, one in debt.upcoming if one.lineage in notice.named) if not debt.counted else ()


def _is_held(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> bool:
    if holds.running(facts, rules, now) is not None or holds.dispute(facts) is not None:
        return True
    return notice.step is Step.WARNING and holds.from_suspension(facts, rules, now) is not None


def _content(notice: Notice, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    """Of a warning the day is never earlier than was planned, nor than the span that is promised until then."""
    if notice.step is not Step.WARNING:
        return Content(invoices=about)
    place = rules.place_of(notice)
    closes_at = closing_after(rules, place, about[0], now) if place >= 0 else None
    if closes_at is None:
        return None
    earliest = day_of(closes_at, rules.time_zone)
    return Content(
        invoices=about,
        suspend_on=max(earliest, notice.suspend_on or earliest),
        closes=rules.announced(place),
        leaves_open=rules.leaves_open,
    )


def _would_count(notice: Notice, content: Content, facts: Facts, rules: Rules, now: datetime) -> bool:
    """Whether this letter, accepted now, would be a step of the ladder: a warning that permits nothing only frightens."""
    place = rules.place_of(notice)
    sent = replace(notice, state=NoticeState.ACCEPTED, accepted_at=now, named=content.named, suspend_on=content.suspend_on)
    others = tuple(one for one in facts.notices if rules.place_of(one) != place)
    evidence = Evidence(facts, content.invoices, rules, holds.ends(facts, rules), (*others, sent))
    lead = evidence.lead()
    return lead is not None and any(sent in told.notices for told in lead.told)
