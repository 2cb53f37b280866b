"""From the ledger's values to what a letter or a page shows of them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from gatekeeper.model import Contact, Facts, Invoice, Notice, NoticeState, Origin, Promise, Step, Wish
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.overdue import overdue_from
from gatekeeper.policy.people import ORDER
from gatekeeper.policy.rules import Rules
from gatekeeper.wording.views import Asked, CameOf, Owed, Promised, Told, mask, plain

_NOT_ARRIVED = frozenset({NoticeState.REFUSED, NoticeState.BOUNCED, NoticeState.WITHDRAWN})


def owed(invoices: Iterable[Invoice], rules: Rules, now: datetime, public_url: str) -> tuple[Owed, ...]:
    """One line an invoice, overdue or still to fall due, each with the pay link of ours that never expires."""
    return tuple(_owed(invoice, rules, now, public_url) for invoice in invoices)


def told(notices: Iterable[Notice], rules: Rules) -> tuple[Told, ...]:
    """Who was written to on which day of the operator's calendar, addresses masked; only what was accepted."""
    days: dict[date, list[str]] = defaultdict(list)
    for notice in notices:
        if notice.state is NoticeState.ACCEPTED and notice.accepted_at and notice.step in {Step.REMINDER, Step.WARNING}:
            days[day_of(notice.accepted_at, rules.time_zone)].append(mask(notice.address))
    return tuple(Told(on=day, addresses=tuple(dict.fromkeys(days[day]))) for day in sorted(days))


def promised(promise: Promise | None) -> Promised | None:
    return None if promise is None else Promised(due_on=promise.due_on, amount=promise.amount)


def person(contacts: Iterable[Contact], address: str) -> tuple[str, str | None]:
    """The name and the locale of whoever reads at `address`, as far as the product told them (`""` and None where not).

    What Stripe says of a customer, it says of the account.
    """
    theirs = [one for one in contacts if one.address.strip().lower() == address and one.origin is not Origin.STRIPE]
    theirs.sort(key=lambda one: ORDER.index(one.origin))
    name = next((one.name for one in theirs if one.name), "")
    return name, next((one.locale for one in theirs if one.locale), None)


def asked(wish: Wish) -> Asked:
    by = wish.viewer if "@" in wish.viewer else ""
    return Asked(account_id=wish.account_id, by=by, on=wish.on, reference=wish.reference, words=wish.words)


def came_of(wish: Wish, facts: Facts, rules: Rules) -> CameOf:
    """What came of a wish; of one that had letters written, what has become of those."""
    outcome, addresses = wish.outcome, tuple[str, ...]()
    if outcome == "written":
        of_kind = [one for one in facts.notices if one.step == wish.kind.value]
        newest = max((one.name for one in of_kind), default="")
        letters = [one for one in of_kind if one.name == newest]
        addresses = tuple(mask(one.address) for one in letters)
        if any(one.state is NoticeState.ACCEPTED for one in letters):
            outcome = "sent"
        elif all(one.state in _NOT_ARRIVED for one in letters):
            outcome = "lost"
    at = wish.at.astimezone(rules.time_zone)
    return CameOf(
        kind=wish.kind,
        outcome=outcome,
        at=at.time().replace(second=0, microsecond=0),
        zone=str(rules.time_zone),
        numbers=tuple(plain(number) for number in wish.numbers),
        addresses=addresses,
        on=wish.on,
    )


def _owed(invoice: Invoice, rules: Rules, now: datetime, public_url: str) -> Owed:
    start = overdue_from(invoice, rules) or now
    pay_url = f"{public_url.rstrip('/')}/pay/{invoice.pay_token}"
    return Owed(
        number=invoice.number or invoice.id,
        remaining=invoice.remaining,
        due_on=day_of(start, rules.time_zone),
        days_overdue=max(0, (now - start).days),
        pay_url=pay_url,
        pdf_url="" if invoice.origin is Origin.STATEMENT else f"{pay_url}/pdf",
    )
