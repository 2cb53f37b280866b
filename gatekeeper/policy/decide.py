"""decide(facts, rules, now) -> Verdict: the whole ladder. Pure; run twice, late, or after an outage it says the same.

The standing is computed from the facts, never from the standing before, with one exception: an account that is closed stays so,
without new proof, while the evidence for it stands.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gatekeeper.model import Facts, Reason, Standing, Verdict, sums
from gatekeeper.policy import holds
from gatekeeper.policy.beside import word_of_access, word_of_promise
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.climbing import climb, closed_reason, told_reasons
from gatekeeper.policy.courtesy import courtesies
from gatekeeper.policy.evidence import CLOSED, Evidence
from gatekeeper.policy.overdue import Debts, debts, overdue_from
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.versions import retold
from gatekeeper.policy.writing import unreachable

_LOOK_AGAIN: Final = timedelta(minutes=10)
_SETTLED: Final = (Reason(code="nothing_overdue"),)


def decide(facts: Facts, rules: Rules, now: datetime) -> Verdict:
    """What this account's standing should be at `now`, why, what must be written to whom, and when to look again.

    `review_at` is never later than the first instant at which time alone would change the answer.
    """
    if facts.policy != rules.policy:
        facts = replace(facts, notices=tuple(retold(facts.notices, rules)))
    debt = debts(facts, rules, now)
    verdict = _judge(facts, rules, now, debt)
    changes = verdict.standing is not facts.standing
    return Verdict(
        standing=verdict.standing,
        reasons=(*_owing(debt, rules), *verdict.reasons, *_set_aside(facts, debt), *_nobody(facts, rules, debt)),
        review_at=_first(verdict.review_at, debt.next_overdue_at),
        notices=verdict.notices + word_of_access(facts, verdict.standing) if changes else verdict.notices,
        read_first=verdict.read_first,
        would_be=verdict.would_be,
        leaves_open=rules.leaves_open,
        segment=rules.segment,
        policy=rules.policy,
    )


def _judge(facts: Facts, rules: Rules, now: datetime, debt: Debts) -> Verdict:
    if not debt.counted:
        return _nothing_to_climb_for(facts, rules, now, debt)
    hold = holds.running(facts, rules, now)
    if hold is not None:
        reason, ends_at = hold
        word = word_of_promise(facts, rules, now) if facts.promises else ()
        return Verdict(standing=Standing.PAST_DUE, reasons=(reason,), notices=word, review_at=ends_at)
    ends = holds.ends(facts, rules)
    evidence = Evidence(facts, debt.counted + debt.written_off, rules, ends)
    kept = evidence.permits()
    if kept is Standing.SUSPENDED:
        return Verdict(standing=kept, reasons=(*told_reasons(evidence.lead(), rules), closed_reason(kept)))
    disputed = holds.dispute(facts)
    if disputed is not None:
        return Verdict(standing=kept, reasons=(disputed,))
    if facts.distrust:
        standing = Standing.CURRENT if facts.standing is Standing.CURRENT else kept
        reason = Reason(code="distrust", params=(("why", facts.distrust),))
        return Verdict(standing=standing, reasons=(reason,), review_at=now + _LOOK_AGAIN)
    if debt.written_off:  # it keeps what is closed, and is no reason to climb
        evidence = Evidence(facts, debt.counted, rules, ends)
    return climb(facts, rules, now, evidence, kept)


def _nothing_to_climb_for(facts: Facts, rules: Rules, now: datetime, debt: Debts) -> Verdict:
    if debt.written_off and facts.standing is not Standing.CURRENT:
        return _given_up(facts, rules, now, debt)
    if debt.processing or debt.doubtful:
        return Verdict(standing=Standing.PAST_DUE, reasons=())
    settled = () if debt.small or debt.old or debt.written_off else _SETTLED
    return courtesies(facts, rules, now, debt, Verdict(standing=Standing.CURRENT, reasons=settled))


def _given_up(facts: Facts, rules: Rules, now: datetime, debt: Debts) -> Verdict:
    """Only invoices that the biller has written off: no more letters, and access stays as it is (case 15)."""
    hold = holds.running(facts, rules, now) or holds.from_suspension(facts, rules, now)
    if hold is not None:
        return Verdict(standing=Standing.PAST_DUE, reasons=(hold[0],), review_at=hold[1])
    evidence = Evidence(facts, debt.written_off, rules, holds.ends(facts, rules))
    kept = evidence.permits()
    return Verdict(standing=kept, reasons=(closed_reason(kept),) if kept in CLOSED else ())


def _owing(debt: Debts, rules: Rules) -> Iterable[Reason]:
    if not debt.counted:
        return ()
    since_at = overdue_from(debt.counted[0], rules)  # the oldest
    assert since_at is not None, "what is counted is overdue"
    since = day_of(since_at, rules.time_zone)
    totals = sums([invoice.remaining for invoice in debt.counted])
    return [Reason(code="owes", params=(("total", total), ("since", since))) for total in totals]


def _set_aside(facts: Facts, debt: Debts) -> Iterable[Reason]:
    if len(debt.counted) == len(facts.invoices):
        return ()
    kinds = (
        ("processing", debt.processing),
        ("doubtful", debt.doubtful),
        ("too_old", debt.old),
        ("small", debt.small),
        ("uncollectible", debt.written_off),
    )
    return [Reason(code=code, params=(("number", one.number or one.id),)) for code, invoices in kinds for one in invoices]


def _nobody(facts: Facts, rules: Rules, debt: Debts) -> Iterable[Reason]:
    """Somebody who cannot be written to is seen before anything is overdue."""
    if debt.counted or not debt.upcoming:
        return ()
    return tuple(Reason(code="unreachable", params=(("audience", one.value),)) for one in unreachable(facts, rules))


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
