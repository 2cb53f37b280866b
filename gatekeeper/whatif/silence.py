"""How long nothing is ever said of an invoice: what is settled by then needs no ladder to be decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gatekeeper.ledger.history import Billed
from gatekeeper.model import Step
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.segments import Policy

_ALWAYS: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Silence:
    """Whatever the policy and the segment, no step is taken because of an invoice before its silence ends.

    `before_due`: the longest span by which a courtesy comes before a due date; `after_issue`: the shortest grace of an invoice
    that is charged automatically. Where a segment asks how much is owed, an invoice counts from its issue on.
    """

    before_due: timedelta
    after_issue: timedelta

    @classmethod
    def of(cls, *policies: Policy) -> "Silence":
        segments = [segment for policy in policies for segment in policy.segments]
        if any(segment.when.owed_at_least_minor for segment in segments):
            return cls(_ALWAYS, timedelta())
        every = [policy.rules for policy in policies] + [segment.rules for segment in segments]
        spans = [step.after for rules in every for step in rules.steps if step.kind is Step.COURTESY]
        return cls(
            before_due=max((_at_most(span) for span in spans), default=timedelta()),
            after_issue=min(rules.automatic_grace for rules in every),
        )

    def ends_at(self, due_at: datetime | None, issued_at: datetime, *, automatic: bool) -> datetime:
        if due_at is not None:
            return due_at - self.before_due
        return issued_at + self.after_issue if automatic else issued_at

    def is_broken_by(self, billed: Billed, until: datetime) -> bool:
        """Whether this invoice was still owed when its silence ended, before `until`."""
        ends_at = self.ends_at(billed.due_at, billed.issued_at, automatic=billed.automatic)
        return ends_at < (until if billed.ended_at is None else min(billed.ended_at, until))


def _at_most(span: Span) -> timedelta:
    """Working days among holidays may lie far apart: as far as a `Span` ever looks."""
    return timedelta(days=5 * span.days + 30 if span.working else span.days)
