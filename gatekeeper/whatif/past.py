"""The stored past of an account as news for a forecast: what was known of it from which instant on.

The ledger keeps the last state of things and when they began and ended, not every state between. What it does not know is
assumed here, and said in docs/whatif.md: an invoice was owed whole until it was settled, its due date never moved, and
contacts, plan and tags were those of today.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from gatekeeper.ledger.history import Past
from gatekeeper.model import Exemption, Facts, Invoice, Promise, Standing
from gatekeeper.policy.forecast import News
from gatekeeper.whatif.silence import Silence


def retold(past: Past, since: datetime, until: datetime, silence: Silence) -> tuple[Facts, list[News]]:
    """The account as it was known at `since`, and what else was known of it from each later instant on.

    Nothing has been said to it yet at `since`, and the books have been watched from then on. An invoice is told of when its
    silence ends: before that it changes nothing.
    """
    invoices = [_Recorded(invoice, silence) for invoice in past.invoices]
    blank = _blank(past.facts, since)
    instants = {at for one in invoices for at in one.instants()} | set(_instants_of_holds(blank))
    later = sorted(at for at in instants if since < at < until)
    return replace(blank, **_known_at(since, past, invoices)), [(at, _known_at(at, past, invoices)) for at in later]


def _blank(facts: Facts, since: datetime) -> Facts:
    return replace(
        facts,
        standing=Standing.CURRENT,
        invoices=(),
        case_id=None,
        case_opened_at=None,
        notices=(),
        reopened_at=None,
        watched_since_at=since,
        standing_since_at=None,
        policy="",
        case_segment=None,
        clock_at=None,
    )


def _known_at(at: datetime, past: Past, invoices: list["_Recorded"]) -> dict[str, Any]:
    facts = past.facts
    in_time, late = past.paid_until(at)
    known: dict[str, Any] = {
        "invoices": tuple(shown for one in invoices if (shown := one.as_of(at)) is not None),
        "paid_in_time": in_time,
        "paid_late": late,
    }
    if facts.exemptions or facts.promises or facts.disputes:
        known["exemptions"] = tuple(_ended(one, at) for one in facts.exemptions if one.set_at <= at)
        known["promises"] = tuple(_ended(one, at) for one in facts.promises if one.set_at <= at)
        known["disputes"] = tuple(
            replace(one, closed_at=_if_past(one.closed_at, at)) for one in facts.disputes if one.opened_at <= at
        )
    return known


_Hold = TypeVar("_Hold", Exemption, Promise)


def _ended(hold: _Hold, at: datetime) -> _Hold:
    return replace(hold, ended_at=_if_past(hold.ended_at, at))


def _if_past(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at <= now else None


def _instants_of_holds(facts: Facts) -> Iterator[datetime]:
    began_and_ended = [(one.set_at, one.ended_at) for one in facts.exemptions]
    began_and_ended += [(one.set_at, one.ended_at) for one in facts.promises]
    began_and_ended += [(one.opened_at, one.closed_at) for one in facts.disputes]
    return (at for pair in began_and_ended for at in pair if at is not None)


class _Recorded:
    """An invoice as it was shown at any instant."""

    def __init__(self, invoice: Invoice, silence: Silence) -> None:
        self._last = invoice
        issued_at = invoice.finalized_at or invoice.created_at
        self._told_at = max(issued_at, silence.ends_at(invoice.due_at, issued_at, automatic=invoice.automatic))
        self._settled_at = None if invoice.status == "open" else invoice.settled_at
        owed = invoice.remaining_minor if invoice.status == "open" else invoice.total_minor
        self._open = replace(
            invoice,
            status="open",
            remaining_minor=owed,
            settled_at=None,
            processing_since_at=None,
            processing_ended_at=None,
            next_attempt_at=invoice.next_attempt_at if invoice.status == "open" else None,
            read_at=invoice.created_at,
        )

    def instants(self) -> Iterator[datetime]:
        yield self._told_at
        for at in (self._settled_at, self._last.processing_since_at, self._last.processing_ended_at):
            if at is not None:
                yield at

    def as_of(self, at: datetime) -> Invoice | None:
        """None: nothing is said of it yet, or it was paid or voided."""
        if at < self._told_at:
            return None
        if self._settled_at is not None and at >= self._settled_at:
            return self._last if self._last.status == "uncollectible" else None
        since_at = _if_past(self._last.processing_since_at, at)
        ended_at = _if_past(self._last.processing_ended_at, at)
        if since_at is None and ended_at is None:
            return self._open
        return replace(self._open, processing_since_at=since_at, processing_ended_at=ended_at)
