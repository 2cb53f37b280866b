"""decide(facts, rules, now) -> Verdict: the whole ladder. Pure; run twice, late, or after an outage it says the same.

The standing is computed from the facts, never from the standing before, with one exception: an account that is suspended stays
so, without new proof, while the evidence for it stands.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from gatekeeper.model import Facts, Invoice, PlannedNotice, Reason, Standing, Step, Verdict, sums
from gatekeeper.policy import holds
from gatekeeper.policy.calendar import day_of, start_of_day
from gatekeeper.policy.evidence import LONG_AGO, Evidence, accepted_at, is_unreachable, letters, people
from gatekeeper.policy.overdue import Debts, debts, overdue_from
from gatekeeper.policy.rules import Rules

_CLOSED: Final = frozenset({Standing.RESTRICTED, Standing.SUSPENDED})
_LOOK_AGAIN: Final = timedelta(minutes=10)


def decide(facts: Facts, rules: Rules, now: datetime) -> Verdict:
    """What this account's standing should be at `now`, why, what must be written to whom, and when to look again.

    `review_at` is never later than the first instant at which time alone would change the answer.
    """
    debt = debts(facts, rules, now)
    verdict = _judge(facts, rules, now, debt)
    looks = [at for at in (verdict.review_at, debt.next_overdue_at) if at is not None]
    owing = _owing(debt, rules) if debt.counted else ()
    verdict = replace(verdict, reasons=owing + verdict.reasons + _set_aside(debt), review_at=min(looks, default=None))
    if facts.standing in _CLOSED and verdict.standing not in _CLOSED:
        return replace(verdict, notices=verdict.notices + _word_of_restoration(facts))
    return verdict


def _judge(facts: Facts, rules: Rules, now: datetime, debt: Debts) -> Verdict:
    if not debt.counted:
        return _nothing_to_climb_for(debt)
    hold = holds.running(facts, rules, now)
    if hold is not None:
        reason, ends_at = hold
        return Verdict(standing=Standing.PAST_DUE, reasons=(reason,), review_at=ends_at)
    evidence = Evidence(
        notices=facts.notices, overdue=debt.counted, rules=rules, hold_ended_at=holds.last_ended_at(facts, rules)
    )
    if facts.standing is Standing.SUSPENDED and evidence.named_twice():
        return Verdict(standing=Standing.SUSPENDED, reasons=(*_told(evidence), Reason(code="suspended")))
    if facts.distrust:
        standing = Standing.CURRENT if facts.standing is Standing.CURRENT else Standing.PAST_DUE
        reason = Reason(code="distrust", params=(("why", facts.distrust),))
        return Verdict(standing=standing, reasons=(reason,), review_at=now + _LOOK_AGAIN)
    return _climb(facts, rules, now, evidence)


def _nothing_to_climb_for(debt: Debts) -> Verdict:
    if debt.processing or debt.doubtful:
        return Verdict(standing=Standing.PAST_DUE, reasons=())
    settled = () if debt.small or debt.old else (Reason(code="nothing_overdue"),)
    return Verdict(standing=Standing.CURRENT, reasons=settled)


def _climb(facts: Facts, rules: Rules, now: datetime, evidence: Evidence) -> Verdict:
    """The lowest step that has not been taken yet for every required audience."""
    if any(evidence.reminder(audience) is None for audience in rules.audiences):
        return _remind(facts, rules, now, evidence)
    if any(evidence.warning(audience) is None for audience in rules.audiences):
        return _warn(facts, rules, now, evidence)
    return _suspend(rules, now, evidence)


def _remind(facts: Facts, rules: Rules, now: datetime, evidence: Evidence) -> Verdict:
    due_at = _overdue_since(evidence.overdue, rules) + rules.reminder_after
    if now < due_at:
        return _wait(evidence, "reminder_due", due_at)
    return _write(facts, evidence, Step.REMINDER)


def _warn(facts: Facts, rules: Rules, now: datetime, evidence: Evidence) -> Verdict:
    """A warning, long enough after the last reminder, and after whatever held the ladder."""
    reminded = [accepted_at(notice) for audience in rules.audiences if (notice := evidence.reminder(audience))]
    due_at = max(max(reminded) + rules.warning_after, evidence.warnings_count_from)
    if now < due_at:
        return _wait(evidence, "warning_due", due_at)
    return _write(facts, evidence, Step.WARNING, suspend_on=day_of(now + rules.suspension_after, rules.time_zone))


def _write(facts: Facts, evidence: Evidence, step: Step, *, suspend_on: date | None = None) -> Verdict:
    """Write to the audiences that lack this step; say which of them cannot be reached at all."""
    told, since = evidence.reminder, LONG_AGO
    if step is Step.WARNING:
        told, since = evidence.warning, evidence.warnings_count_from
    lacking = [audience for audience in evidence.rules.audiences if told(audience) is None]
    notices = letters(facts, step, lacking, evidence, since=since, suspend_on=suspend_on)
    written_to = {audience for notice in notices for audience in notice.audiences}
    reasons = list(_told(evidence))
    for audience in lacking:
        if audience in written_to:
            code = f"{step}_now"
        elif is_unreachable(facts, step, audience, evidence, since=since):
            code = "unreachable"
        else:
            code = f"{step}_under_way"
        reasons.append(Reason(code=code, params=(("audience", audience.value),)))
    return Verdict(standing=Standing.PAST_DUE, reasons=tuple(reasons), notices=notices)


def _suspend(rules: Rules, now: datetime, evidence: Evidence) -> Verdict:
    """Everyone has been told: suspend, once the named day has come, on a reading that is fresh (rules 1 and 2)."""
    due_at = _suspension_due_at(rules, evidence)
    if now < due_at:
        return _wait(evidence, "suspension_due", due_at)
    named = evidence.named_twice()
    retry_at = max((i.next_attempt_at for i in named if i.automatic and i.next_attempt_at), default=LONG_AGO)
    if now < retry_at:
        return _wait(evidence, "retry_scheduled", retry_at)
    told = _told(evidence)
    stale = tuple(invoice.id for invoice in named if not _is_fresh(invoice, rules, now))
    if stale:
        return Verdict(standing=Standing.PAST_DUE, reasons=(*told, Reason(code="read_first")), read_first=stale, review_at=now)
    return Verdict(standing=Standing.SUSPENDED, reasons=(*told, Reason(code="suspended")))


def _wait(evidence: Evidence, code: str, until: datetime) -> Verdict:
    reason = Reason(code=code, params=(("on", day_of(until, evidence.rules.time_zone)),))
    return Verdict(standing=Standing.PAST_DUE, reasons=(*_told(evidence), reason), review_at=until)


def _suspension_due_at(rules: Rules, evidence: Evidence) -> datetime:
    """Not before the span after the last warning has passed, nor before the last day that was named has begun."""
    warned = [accepted_at(notice) for audience in rules.audiences if (notice := evidence.warning(audience))]
    last_day = evidence.last_day_named()
    assert last_day is not None
    return max(max(warned) + rules.suspension_after, start_of_day(last_day, rules.time_zone))


def _is_fresh(invoice: Invoice, rules: Rules, now: datetime) -> bool:
    """Read at most a minute ago, and not in the future: a clock that was set back makes old readings look new."""
    return now - rules.fresh_for <= invoice.read_at <= now


def _told(evidence: Evidence) -> tuple[Reason, ...]:
    reasons = []
    zone = evidence.rules.time_zone
    for audience in evidence.rules.audiences:
        reminder, warning = evidence.reminder(audience), evidence.warning(audience)
        if reminder is not None:
            on = day_of(accepted_at(reminder), zone)
            reasons.append(Reason(code="reminded", params=(("audience", audience.value), ("on", on))))
        if warning is not None and warning.suspend_on is not None:
            on = day_of(accepted_at(warning), zone)
            params = (("audience", audience.value), ("on", on), ("day", warning.suspend_on))
            reasons.append(Reason(code="warned", params=params))
    return tuple(reasons)


def _overdue_since(overdue: tuple[Invoice, ...], rules: Rules) -> datetime:
    return min(start for invoice in overdue if (start := overdue_from(invoice, rules)) is not None)


def _owing(debt: Debts, rules: Rules) -> tuple[Reason, ...]:
    since = day_of(_overdue_since(debt.counted, rules), rules.time_zone)
    totals = sums(invoice.remaining for invoice in debt.counted)
    return tuple(Reason(code="owes", params=(("total", total), ("since", since))) for total in totals)


def _set_aside(debt: Debts) -> tuple[Reason, ...]:
    kinds = (("processing", debt.processing), ("doubtful", debt.doubtful), ("too_old", debt.old), ("small", debt.small))
    return tuple(
        Reason(code=code, params=(("number", invoice.number or invoice.id),))
        for code, invoices in kinds
        for invoice in invoices
    )


def _word_of_restoration(facts: Facts) -> tuple[PlannedNotice, ...]:
    """Everybody of the account is told that access is back."""
    said = [notice.occasion for notice in facts.notices if notice.step is Step.RESTORED]
    occasion = 1 + max(said, default=0)
    return tuple(
        PlannedNotice(step=Step.RESTORED, occasion=occasion, audiences=audiences, address=address, named=())
        for address, audiences in people(facts).items()
    )
