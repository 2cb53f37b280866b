"""Who of an account has been told what, and who can be told at all. Time makes a step possible; this makes it permitted.

Each invoice climbs the ladder by itself, and the account stands where its lead stands: the overdue invoice that has climbed
highest. An older invoice that is paid takes its notices with it, and a newer one begins with a reminder of its own (case 19).
Only a notice that the mail server accepted counts (rule 1).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Final

from gatekeeper.model import Audience, Facts, Invoice, Notice, NoticeState, PlannedNotice, Step
from gatekeeper.policy.overdue import processing_ended_at
from gatekeeper.policy.rules import Rules

LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_UNDER_WAY: Final = frozenset({NoticeState.PLANNED, NoticeState.SENDING, NoticeState.DEFERRED})
_MAY_HAVE_ARRIVED: Final = frozenset({NoticeState.ACCEPTED, NoticeState.SENDING, NoticeState.UNCERTAIN})
_FAILED: Final = frozenset({NoticeState.REFUSED, NoticeState.BOUNCED})
_LOST: Final = _FAILED | {NoticeState.UNCERTAIN}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The notices of a case, seen against the invoices that are overdue now, the oldest first."""

    notices: tuple[Notice, ...]
    overdue: tuple[Invoice, ...]
    rules: Rules
    hold_ended_at: datetime

    @cached_property
    def lead(self) -> Invoice | None:
        """The overdue invoice that has climbed highest; of equals the one that was first written about, then the oldest."""
        return min(self.overdue, key=self._to_climb, default=None)

    @property
    def warnings_count_from(self) -> datetime:
        """When the last hold of the lead ended: a warning that was planned before it says nothing any more (rule 4)."""
        return LONG_AGO if self.lead is None else self._held_until(self.lead)

    def reminder(self, audience: Audience) -> Notice | None:
        """The first reminder of the lead that this audience has had."""
        return None if self.lead is None else self._reminder(audience, self.lead)

    def warning(self, audience: Audience) -> Notice | None:
        """The first warning of the lead that counts for this audience: long enough after its reminder, and after every hold."""
        return None if self.lead is None else self._warning(audience, self.lead)

    def last_day_named(self) -> date | None:
        """The last day of suspension that any letter of this case named: nothing happens sooner than somebody was told."""
        letters = [notice for notice in self.notices if notice.state in _MAY_HAVE_ARRIVED]
        return max((letter.suspend_on for letter in letters if letter.suspend_on is not None), default=None)

    def named_twice(self) -> tuple[Invoice, ...]:
        """The overdue invoices of which every required audience has had a reminder and a warning."""
        return tuple(
            invoice for invoice in self.overdue if all(self._warning(audience, invoice) for audience in self.rules.audiences)
        )

    def _to_climb(self, invoice: Invoice) -> tuple[bool, bool, datetime]:
        said = [n.planned_at for n in self.notices if invoice.lineage in n.named and n.state is not NoticeState.WITHDRAWN]
        return (
            any(self._warning(audience, invoice) is None for audience in self.rules.audiences),
            any(self._reminder(audience, invoice) is None for audience in self.rules.audiences),
            min(said, default=_NEVER),
        )

    def _reminder(self, audience: Audience, invoice: Invoice) -> Notice | None:
        return min(self._accepted(Step.REMINDER, audience, invoice), key=_accepted_at, default=None)

    def _warning(self, audience: Audience, invoice: Invoice) -> Notice | None:
        reminder = self._reminder(audience, invoice)
        if reminder is None:
            return None
        possible_at, held_until = accepted_at(reminder) + self.rules.warning_after, self._held_until(invoice)
        counting = [
            warning
            for warning in self._accepted(Step.WARNING, audience, invoice)
            if warning.suspend_on is not None and warning.planned_at >= held_until and accepted_at(warning) >= possible_at
        ]
        return min(counting, key=_accepted_at, default=None)

    def _held_until(self, invoice: Invoice) -> datetime:
        return max(self.hold_ended_at, processing_ended_at(invoice, self.rules) or LONG_AGO)

    def _accepted(self, step: Step, audience: Audience, invoice: Invoice) -> list[Notice]:
        return [
            notice
            for notice in self.notices
            if notice.step is step
            and notice.state is NoticeState.ACCEPTED
            and notice.accepted_at is not None
            and audience in notice.audiences
            and invoice.lineage in notice.named
        ]


def accepted_at(notice: Notice) -> datetime:
    """When the mail server took this accepted notice."""
    assert notice.accepted_at is not None
    return notice.accepted_at


def _accepted_at(notice: Notice) -> tuple[datetime, int]:
    return accepted_at(notice), notice.id


def people(facts: Facts) -> dict[str, tuple[Audience, ...]]:
    """Every person once, by address, with all audiences that the person belongs to (case 61)."""
    found: dict[str, set[Audience]] = {}
    for contact in facts.contacts:
        if address := contact.address.strip().lower():
            found.setdefault(address, set()).add(contact.audience)
    return {address: tuple(audience for audience in Audience if audience in found[address]) for address in sorted(found)}


def letters(
    facts: Facts,
    step: Step,
    lacking: Collection[Audience],
    evidence: Evidence,
    *,
    since: datetime = LONG_AGO,
    suspend_on: date | None = None,
) -> tuple[PlannedNotice, ...]:
    """The notices of `step` for the audiences that lack it: one a person, and none to whom one is under way or has failed.

    `since`: what was planned earlier says nothing about this occasion.
    """
    planned = []
    for address, audiences in people(facts).items():
        if set(lacking).isdisjoint(audiences) or _tries(facts, step, address, evidence, since):
            continue
        said = [notice.occasion for notice in facts.notices if notice.step is step and notice.address == address]
        notice = PlannedNotice(
            step=step,
            occasion=1 + max(said, default=0),
            audiences=audiences,
            address=address,
            named=tuple(invoice.lineage for invoice in evidence.overdue),
            suspend_on=suspend_on,
        )
        planned.append(notice)
    return tuple(planned)


def is_unreachable(facts: Facts, step: Step, audience: Audience, evidence: Evidence, *, since: datetime = LONG_AGO) -> bool:
    """Whether nobody of this audience can be told: no address, or each of them refused this notice (case 46)."""
    addresses = [address for address, audiences in people(facts).items() if audience in audiences]
    tries = [_tries(facts, step, address, evidence, since) for address in addresses]
    return all(notices and all(notice.state in _FAILED for notice in notices) for notices in tries)


def _tries(facts: Facts, step: Step, address: str, evidence: Evidence, since: datetime) -> list[Notice]:
    """What stands against writing again: a letter that is under way, whatever it names, or one of the lead that did not arrive.

    An accepted one that counts leaves nothing lacking; an accepted one that does not count must not be in the way.
    """
    lead = evidence.lead
    return [
        notice
        for notice in facts.notices
        if notice.step is step
        and notice.address == address
        and notice.planned_at >= since
        and (notice.state in _UNDER_WAY or (notice.state in _LOST and lead is not None and lead.lineage in notice.named))
    ]
