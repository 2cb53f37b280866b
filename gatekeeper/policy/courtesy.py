"""The friendly word before the due date (practice P20): only to an account that owes nothing overdue, once an invoice."""

from datetime import datetime
from typing import Final

from gatekeeper.model import Facts, Invoice, NoticeState, Reason, Step, Verdict, sums
from gatekeeper.policy import holds
from gatekeeper.policy.overdue import Debts
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.writing import Mailing

_UNSAID: Final = frozenset({NoticeState.WITHDRAWN})


def courtesies(facts: Facts, rules: Rules, now: datetime, debt: Debts, verdict: Verdict) -> Verdict:
    """`verdict`, with the courtesies that are due. What is charged by itself needs none, and what is written off neither."""
    upcoming = [(start, one) for start, one in debt.upcoming if one.due_at is not None and not one.automatic]
    places = [place for place, step in enumerate(rules.steps) if step.kind is Step.COURTESY]
    if not upcoming or not places or facts.distrust or holds.dispute(facts):
        return verdict
    looks = [] if verdict.review_at is None else [verdict.review_at]
    held = holds.running(facts, rules, now)
    if held is not None:
        looks += [] if held[1] is None else [held[1]]
        return verdict._replace(review_at=min(looks, default=None))
    due: dict[int, list[Invoice]] = {}
    for start, one in upcoming:
        # Who got the invoice itself later than that needs no word about it
        times = [(at, place) for place in places if (at := rules.earlier(rules.steps[place].after, start)) >= _issued_at(one)]
        looks += [rules.contact_at(at) for at, _ in times if now < rules.contact_at(at) < start]
        reached = [place for at, place in times if at <= now]
        # After an outage the last courtesy that is due stands for those before it
        if reached and not any(_said(facts, rules, place, one) for place in range(max(reached), len(rules.steps))):
            due.setdefault(max(reached), []).append(one)
    if due and rules.contact_at(now) > now:
        looks.append(rules.contact_at(now))
    elif due:
        verdict = _with_letters(facts, rules, verdict, max(due), due[max(due)])
    return verdict._replace(review_at=min(looks, default=None))


def _with_letters(facts: Facts, rules: Rules, verdict: Verdict, place: int, due: list[Invoice]) -> Verdict:
    if not any(total.minor >= rules.threshold_of(total.currency) for total in sums(one.remaining for one in due)):
        return verdict
    notices = Mailing(facts, rules, place, due[0].lineage).letters(rules.audiences, tuple(one.lineage for one in due))
    said = tuple(Reason(code="courtesy_now", params=(("number", one.number or one.id),)) for one in due if notices)
    return verdict._replace(notices=notices, reasons=verdict.reasons + said)


def _issued_at(invoice: Invoice) -> datetime:
    return invoice.finalized_at or invoice.created_at


def _said(facts: Facts, rules: Rules, place: int, invoice: Invoice) -> bool:
    return any(
        notice.step is Step.COURTESY
        and invoice.lineage in notice.named
        and notice.state not in _UNSAID
        and rules.place_of(notice) == place
        for notice in facts.notices
    )
