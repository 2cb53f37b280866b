"""The next step of an account whose debt nothing holds: wait for it, write it, or close access."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gatekeeper.model import Facts, Invoice, Origin, Reason, Standing, Step, Verdict
from gatekeeper.policy import holds
from gatekeeper.policy.beside import word_of_the_unreachable
from gatekeeper.policy.calendar import day_of, start_of_day
from gatekeeper.policy.evidence import Climb, Evidence
from gatekeeper.policy.overdue import overdue_from
from gatekeeper.policy.rules import CLOSING, LadderStep, Rules
from gatekeeper.policy.writing import Mailing

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

# Bound once: see policy.evidence
_PAST_DUE, _RESTRICTED, _SUSPENDED = Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED
_REMINDER, _WARNING, _SUSPEND = Step.REMINDER, Step.WARNING, Step.SUSPEND


def climb(facts: Facts, rules: Rules, now: datetime, evidence: Evidence, standing: Standing) -> Verdict:
    """The next step of the lead. `standing`: what it is until that step is taken; `RESTRICTED` if that is closed already."""
    lead = evidence.lead()
    assert lead is not None, "there is nothing to climb for"
    verdict = _next(facts, rules, now, evidence, lead)
    closed = (closed_reason(standing),) if standing is _RESTRICTED and verdict.standing is not _SUSPENDED else ()
    return Verdict(
        standing=standing if verdict.standing is _PAST_DUE else verdict.standing,
        reasons=(*told_reasons(lead, rules), *_broken(facts, rules, now), *closed, *verdict.reasons),
        notices=verdict.notices,
        review_at=verdict.review_at,
        read_first=verdict.read_first,
        would_be=verdict.would_be,
    )


def _next(facts: Facts, rules: Rules, now: datetime, evidence: Evidence, lead: Climb) -> Verdict:
    if lead.place == len(rules.steps):
        return Verdict(standing=_PAST_DUE, reasons=())
    step = rules.steps[lead.place]
    if step.kind is not _REMINDER:
        hold = holds.from_suspension(facts, rules, now)
        if hold is not None:
            return Verdict(standing=_PAST_DUE, reasons=(hold[0],), review_at=hold[1])
    if step.kind in CLOSING:
        return _close(rules, now, evidence, lead, step)
    return _write(facts, rules, now, evidence, lead, step)


def _write(facts: Facts, rules: Rules, now: datetime, evidence: Evidence, lead: Climb, step: LadderStep) -> Verdict:
    """Write to the audiences that lack this step, once its time has come; say which of them cannot be reached at all."""
    due_at = _letter_due_at(facts, rules, now, evidence, lead, step)
    if now < due_at:
        return _wait(rules, f"{step.kind}_due", due_at)
    suspend_on = None
    if step.kind is _WARNING:
        closes_at = closing_after(rules, lead.place, lead.invoice, now)
        if closes_at is None:
            return Verdict(standing=_PAST_DUE, reasons=(Reason(code="no_hour_to_close"),), review_at=now + _DAY)
        suspend_on = day_of(closes_at, rules.time_zone)
    named = tuple(one.invoice.lineage for one in evidence.climbs)
    mailing = Mailing(facts, rules, lead.place, lead.invoice.lineage, lead.since)
    notices = mailing.letters(lead.lacking, named, suspend_on)
    reasons = tuple([mailing.reason(audience, notices) for audience in lead.lacking])
    missing = [audience for audience, reason in zip(lead.lacking, reasons, strict=True) if reason.code == "unreachable"]
    words = word_of_the_unreachable(facts, missing) if missing else ()
    return Verdict(standing=_PAST_DUE, reasons=reasons, notices=notices + words)


def _letter_due_at(facts: Facts, rules: Rules, now: datetime, evidence: Evidence, lead: Climb, step: LadderStep) -> datetime:
    """When this letter may go: so long after the step before was taken, not at night after a hold, in the hours for letters."""
    if lead.taken_at is None:
        beside = [one.invoice for one in evidence.climbs if one.place <= lead.place]
        due_at = rules.later(step.after, min(_overdue_at(one, rules, now) for one in beside))
    else:
        due_at = max(rules.later(step.after, lead.taken_at), lead.since)
    if step.after_due is not None:
        due_at = max(due_at, rules.later(step.after_due, _overdue_at(lead.invoice, rules, now)))
    expired_at = holds.expired_at(facts, rules, now)
    if expired_at is not None:
        due_at = max(due_at, rules.by_day(expired_at))
    return rules.contact_at(max(due_at, now))


def closing_after(rules: Rules, place: int, invoice: Invoice, warned_at: datetime) -> datetime | None:
    """When the closing step that the warning at `place` announces may come soonest, if it is accepted at `warned_at`."""
    earliest = warned_at
    for step in rules.steps[place + 1 : rules.closing_place(place) + 1]:
        earliest = rules.later(step.after, earliest)
        if step.after_due is not None:
            earliest = max(earliest, rules.later(step.after_due, _overdue_at(invoice, rules, warned_at)))
    return rules.closing_at(earliest)


def _close(rules: Rules, now: datetime, evidence: Evidence, lead: Climb, step: LadderStep) -> Verdict:
    """Everyone has been told: close, once the named day has come, on a reading that is fresh (rules 1 and 2)."""
    due_at = _closing_due_at(rules, now, evidence, lead, step)
    closes_at = rules.closing_at(due_at)
    if closes_at is None:
        return Verdict(standing=_PAST_DUE, reasons=(Reason(code="no_hour_to_close"),), review_at=now + _DAY)
    if now < closes_at:
        return _wait(rules, "suspension_due" if step.kind is _SUSPEND else "restriction_due", closes_at)
    named = evidence.reached(lead.place)
    retries = [one.next_attempt_at for one in named if one.automatic and one.next_attempt_at]
    if retries and now < max(retries):
        return _wait(rules, "retry_scheduled", max(retries))
    standing = _SUSPENDED if step.kind is _SUSPEND else _RESTRICTED
    # What comes after a restriction counts from its being recorded: only another look can say when that is
    look_again_at = now if standing is _RESTRICTED else None
    closing = Verdict(standing=standing, reasons=(closed_reason(standing),), review_at=look_again_at)
    return _unless_stale(rules, now, named, standing) or closing


def _unless_stale(rules: Rules, now: datetime, named: tuple[Invoice, ...], would_be: Standing) -> Verdict | None:
    """What has to be read, or said, again before it may be acted upon; None: all of it is fresh.

    An old statement is no evidence; where something else was named too, that alone decides.
    """
    # At most a minute ago, and not in the future: a clock that was set back makes old readings look new
    oldest = now - rules.fresh_for
    unread = [one for one in named if not oldest <= one.read_at <= now]
    if not unread:
        return None
    said_at = now - rules.statement_fresh_for
    old = [one for one in unread if one.origin is Origin.STATEMENT and not said_at <= one.read_at <= now]
    if len(old) == len(named):
        params = (("number", old[0].number or old[0].id), ("on", day_of(old[0].read_at, rules.time_zone)))
        reasons = (Reason(code="statement_old", params=params),)
        return Verdict(standing=_PAST_DUE, reasons=reasons, review_at=now + _HOUR)
    stale = tuple(one.id for one in unread if one.origin is not Origin.STATEMENT)
    if not stale:
        return None
    reasons = (Reason(code="read_first"),)
    return Verdict(standing=_PAST_DUE, reasons=reasons, read_first=stale, would_be=would_be, review_at=now)


def _closing_due_at(rules: Rules, now: datetime, evidence: Evidence, lead: Climb, step: LadderStep) -> datetime:
    """Now, but not before the span after the last warning has passed, nor before the last day that was named has begun."""
    assert lead.taken_at is not None, "nothing closes without a warning"
    last_day = evidence.last_day_named()
    assert last_day is not None, "a warning that counts has named a day"
    due_at = max(now, rules.later(step.after, lead.taken_at), start_of_day(last_day, rules.time_zone))
    if step.after_due is not None:
        due_at = max(due_at, rules.later(step.after_due, _overdue_at(lead.invoice, rules, now)))
    return due_at


def closed_reason(standing: Standing) -> Reason:
    return Reason(code="suspended" if standing is _SUSPENDED else "restricted")


def told_reasons(lead: Climb | None, rules: Rules) -> Sequence[Reason]:
    """Who was told what when, as far as it counts for the lead."""
    reasons: list[Reason] = []
    zone = rules.time_zone
    for place, notices, times in lead.told if lead is not None else ():
        for audience, notice, at in zip(rules.audiences, notices, times, strict=True):
            if notice is None:
                continue
            whom, on = ("audience", str(audience)), ("on", at.astimezone(zone).date())
            if notice.suspend_on is None:
                reasons.append(Reason("reminded", (whom, on)))
            else:
                code = "warned" if rules.announced(place) is _SUSPEND else "warned_of_restriction"
                reasons.append(Reason(code, (whom, on, ("day", notice.suspend_on))))
    return reasons


def _broken(facts: Facts, rules: Rules, now: datetime) -> tuple[Reason, ...]:
    found = holds.broken_promise(facts, rules, now) if facts.promises else None
    if found is None:
        return ()
    broken, _ = found
    return (Reason(code="promise_broken", params=(("by", broken.by), ("on", broken.due_on))),)


def _wait(rules: Rules, code: str, until: datetime) -> Verdict:
    reason = Reason(code=code, params=(("on", day_of(until, rules.time_zone)),))
    return Verdict(standing=_PAST_DUE, reasons=(reason,), review_at=until)


def _overdue_at(invoice: Invoice, rules: Rules, now: datetime) -> datetime:
    return overdue_from(invoice, rules) or now
