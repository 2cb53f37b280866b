"""When an invoice counts as overdue: the table of facts/stripe.md, section 3. Stripe itself has no answer to this."""

from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from gatekeeper.model import Facts, Invoice
from gatekeeper.policy.rules import Rules

_LATEST_YEAR: Final = 2200
_CLOCKS_APART: Final = timedelta(days=1)
_by_id: Final = attrgetter("id")
_by_start: Final = itemgetter(0)


class Debts(NamedTuple):
    """The owed invoices of an account, sorted by what may be done about them.

    `counted`: overdue, and worth a notice. `processing`: overdue, with a payment on its way. `doubtful`: with a due date that
    cannot be (case 10). `old`: overdue since long before gatekeeper came (case 127). `small`: overdue, below the threshold.
    Each the oldest first. `written_off`: given up by the biller, not forgiven by the policy (case 15). `upcoming`: not overdue
    yet, each with the instant from which it will be. `next_overdue_at`: when time alone will add to `counted`, or may.
    """

    counted: tuple[Invoice, ...]
    processing: tuple[Invoice, ...] = ()
    doubtful: tuple[Invoice, ...] = ()
    old: tuple[Invoice, ...] = ()
    small: tuple[Invoice, ...] = ()
    written_off: tuple[Invoice, ...] = ()
    upcoming: tuple[tuple[datetime, Invoice], ...] = ()
    next_overdue_at: datetime | None = None


_NOTHING = Debts(())


def overdue_from(invoice: Invoice, rules: Rules) -> datetime | None:
    """The instant from which this invoice is overdue; None: not owed, or not yet a debt."""
    if not invoice.owed:
        return None
    if invoice.due_at is not None:
        return invoice.due_at
    issued_at = invoice.finalized_at or invoice.created_at
    if not invoice.automatic:
        return issued_at
    if not invoice.attempted or invoice.billing_reason == "subscription_create":
        return None
    return issued_at + rules.automatic_grace


def is_doubtful(invoice: Invoice) -> bool:
    """Whether the due date cannot be meant: before the invoice was made, or in a far century."""
    due_at = invoice.due_at
    return due_at is not None and (due_at < invoice.created_at - _CLOCKS_APART or due_at.year > _LATEST_YEAR)


def in_process(invoice: Invoice, rules: Rules, now: datetime) -> bool:
    """Whether a payment is on its way, and not for longer than a bank may take (case 12)."""
    since_at = invoice.processing_since_at
    return since_at is not None and now < since_at + rules.processing_hold


def processing_ended_at(invoice: Invoice, rules: Rules) -> datetime | None:
    """When this overdue invoice was last held by a payment that did not come: it failed, or took too long."""
    ends = [invoice.processing_ended_at]
    if invoice.processing_since_at is not None:
        ends.append(invoice.processing_since_at + rules.processing_hold)
    return max((end for end in ends if end is not None), default=None)


def debts(facts: Facts, rules: Rules, now: datetime) -> Debts:
    """Sort what an account owes at `now`."""
    if not facts.invoices:
        return _NOTHING
    doubtful: list[Invoice] = []
    overdue: list[tuple[datetime, Invoice]] = []
    upcoming: list[tuple[datetime, Invoice]] = []
    given_up: list[Invoice] = []
    for invoice in sorted(facts.invoices, key=_by_id) if len(facts.invoices) > 1 else facts.invoices:
        start = overdue_from(invoice, rules)
        if start is None:
            if invoice.status == "uncollectible" and invoice.remaining_minor > 0 and not rules.forgive_uncollectible:
                given_up.append(invoice)
        elif is_doubtful(invoice):
            doubtful.append(invoice)
        else:
            (overdue if start <= now else upcoming).append((start, invoice))
    overdue.sort(key=_by_start)
    first_at = (facts.watched_since_at or now) - rules.first_run_age_limit
    old: list[Invoice] = []
    processing: list[Invoice] = []
    asked_for: list[Invoice] = []
    for start, invoice in overdue:
        if start < first_at:
            old.append(invoice)
        else:
            (processing if in_process(invoice, rules, now) else asked_for).append(invoice)
    counted, small = _by_threshold(asked_for, rules)
    return Debts(
        counted=counted,
        processing=tuple(processing),
        doubtful=tuple(doubtful),
        old=tuple(old),
        small=small,
        written_off=_by_threshold(given_up, rules)[0] if given_up else (),
        upcoming=tuple(upcoming),
        next_overdue_at=_next_overdue_at(upcoming, processing, rules) if upcoming or processing else None,
    )


def _next_overdue_at(upcoming: list[tuple[datetime, Invoice]], processing: list[Invoice], rules: Rules) -> datetime | None:
    joining = [start for start, _ in upcoming]
    joining += [end for invoice in processing if (end := processing_ended_at(invoice, rules)) is not None]
    return min(joining, default=None)


def _by_threshold(overdue: list[Invoice], rules: Rules) -> tuple[tuple[Invoice, ...], tuple[Invoice, ...]]:
    totals: dict[str, int] = {}
    for invoice in overdue:
        totals[invoice.currency] = totals.get(invoice.currency, 0) + invoice.remaining_minor
    reached = [currency for currency, minor in totals.items() if minor >= rules.threshold_of(currency)]
    if len(reached) == len(totals):
        return tuple(overdue), ()
    return (
        tuple(invoice for invoice in overdue if invoice.currency in reached),
        tuple(invoice for invoice in overdue if invoice.currency not in reached),
    )
