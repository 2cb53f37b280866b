"""Who of an account has been told what. Time makes a step possible; this makes it permitted.

Each invoice climbs the ladder by itself, and the account stands where its lead stands: the overdue invoice that has climbed
highest. An older invoice that is paid takes its notices with it, and a newer one begins with a reminder of its own (case 19).
Only a notice that the mail server accepted counts (rule 1).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Final, NamedTuple

from gatekeeper.model import Audience, Facts, Invoice, Notice, NoticeState, Standing, Step
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.ladders import FLOORS
from gatekeeper.policy.overdue import processing_ended_at
from gatekeeper.policy.rules import CLOSING, LETTERS, LadderStep, Rules

_FLOOR: Final = Span(days=FLOORS[Step.WARNING], working=True).least
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_MAY_HAVE_ARRIVED: Final = (NoticeState.ACCEPTED, NoticeState.SENDING, NoticeState.UNCERTAIN)
CLOSED: Final = (Standing.RESTRICTED, Standing.SUSPENDED)

# Bound once, and kept in tuples: reading a member off an Enum class, or hashing one, costs a Python call in 3.11, and this is
# asked of every account
_COURTESY, _REMINDER, _WARNING, _RESTRICT, _SUSPEND = Step.COURTESY, Step.REMINDER, Step.WARNING, Step.RESTRICT, Step.SUSPEND
_ACCEPTED: Final = NoticeState.ACCEPTED

# An instant for each required audience, in their order
Times = Sequence[datetime]
# When it was accepted, its id, and the notice
_Accepted = tuple[datetime, int, Notice]
_in_order: Final = itemgetter(0, 1)


class Told(NamedTuple):
    """The notices that count as the step at `place`, one for each required audience in their order; None: it has had none.

    `times`: when each was accepted; where there is none, when the one before was.
    """

    place: int
    notices: Sequence[Notice | None]
    times: Times


class Climb(NamedTuple):
    """How far one invoice has climbed.

    `place`: of the step that is to be taken next; as many as there are steps if none is left. `lacking`: the audiences that
    have not had its letter yet. `since`: a letter of it that was planned earlier says nothing any more. `taken_at`: when the
    step before it was really taken; None: it is the first. `told`: the notices that count, in the order of the ladder.
    """

    invoice: Invoice
    place: int
    lacking: tuple[Audience, ...]
    since: datetime
    taken_at: datetime | None
    told: tuple[Told, ...]


class Evidence:
    """What an account was told about these invoices, by its notices, or by others in their place.

    `ends`: when the last hold ended that opened access, and the last that left it as it was (`holds.ends`).
    """

    def __init__(
        self,
        facts: Facts,
        invoices: Sequence[Invoice],
        rules: Rules,
        ends: tuple[datetime, datetime],
        notices: Sequence[Notice] | None = None,
    ) -> None:
        self._notices = facts.notices if notices is None else notices
        self._rules = rules
        self._held_until, self._paused_until = ends
        self._closed = facts.standing
        self._closed_at = facts.standing_since_at
        # Spaced by another version of the policy, which is gone: what the letters said counts all the same, and only the floors
        # in code are asked of their distances
        self._foreign = facts.case_id is not None and facts.policy != rules.policy
        self._accepted = self._by_place()
        self.climbs = tuple([self._climb(invoice) for invoice in invoices])

    def lead(self) -> Climb | None:
        """The climb that is ahead; of equals the one that was first written about, then the oldest.

        Where nothing is closed, one that has come to the end of its ladder keeps no other from climbing.
        """
        if len(self.climbs) < 2:  # noqa: PLR2004 - of one or none there is nothing to compare
            return self.climbs[0] if self.climbs else None
        climbing = [climb for climb in self.climbs if climb.place < len(self._rules.steps) or self._closed in CLOSED]
        return min(climbing or self.climbs, key=lambda climb: (-climb.place, self._first_said(climb.invoice)))

    def reached(self, place: int) -> tuple[Invoice, ...]:
        """The invoices of which every required audience has been told all that comes before the step at `place`."""
        return tuple([climb.invoice for climb in self.climbs if climb.place >= place])

    def permits(self) -> Standing:
        """The most that the evidence still permits of what is closed now."""
        if self._closed not in CLOSED:
            return Standing.PAST_DUE
        furthest = max([self._permitted(climb) for climb in self.climbs], default=-1)
        reached = [step.kind for place, step in enumerate(self._rules.steps) if step.kind in CLOSING and place <= furthest]
        if self._closed is Standing.SUSPENDED and _SUSPEND in reached:
            return Standing.SUSPENDED
        return Standing.RESTRICTED if _RESTRICT in reached else Standing.PAST_DUE

    def _permitted(self, climb: Climb) -> int:
        """The place up to which its warnings still permit what they announced; -1: none does.

        One from before a hold that opened access permits nothing more, and a later one that is to be repeated says nothing yet.
        """
        held_until = self._held_until_for(climb.invoice)
        in_force = [
            place + 1  # the closing that it announces
            for place, notices, _ in climb.told
            if self._rules.steps[place].kind is _WARNING
            and all(notice is not None and notice.planned_at >= held_until for notice in notices)
        ]
        return max(in_force, default=-1)

    def last_day_named(self) -> date | None:
        """The last day that any letter of this case named: nothing happens sooner than somebody was told."""
        days = [n.suspend_on for n in self._notices if n.suspend_on is not None and n.state in _MAY_HAVE_ARRIVED]
        return max(days, default=None)

    def _by_place(self) -> dict[int, list[_Accepted]]:
        """The accepted notices of each step, the first accepted first."""
        found: dict[int, list[_Accepted]] = {}
        for notice in self._notices:
            if notice.state is _ACCEPTED and notice.accepted_at is not None:
                found.setdefault(self._rules.place_of(notice), []).append((notice.accepted_at, notice.id, notice))
        for accepted in found.values():
            accepted.sort(key=_in_order)
        return found

    def _climb(self, invoice: Invoice) -> Climb:
        """Up the ladder, as far as everybody was told in time.

        Of the warnings only the last that was sent has to be fresh: later than every hold, or, while what it announced is in
        force, than every hold that opens. After a hold that one is repeated, with a new day, and nothing before it (case 36).
        """
        rules, lineage = self._rules, invoice.lineage
        held_until = self._held_until_for(invoice)
        fresh_from = max(held_until, self._paused_until)
        last_warning = self._last_warning(lineage)
        taken_at: datetime | None = None
        first: Times = ()
        before: Times = (LONG_AGO,) * len(rules.audiences)
        told: list[Told] = []
        for place, step in enumerate(rules.steps):
            kind = step.kind
            if kind is _COURTESY:
                continue
            if kind is _RESTRICT or kind is _SUSPEND:
                if place > last_warning and not self._is_closed(kind):
                    return Climb(invoice, place, (), fresh_from, taken_at, tuple(told))
                if place > last_warning and self._closed_at is not None:
                    taken_at = self._closed_at
                continue
            since = LONG_AGO
            if kind is _WARNING and place >= last_warning:
                since = held_until if self._is_closed(rules.announced(place)) else fresh_from
            earliest = self._earliest(step, first, before) if first else before
            counting, before = self._counting(place, kind, lineage, since, earliest, before)
            told.append(Told(place, counting, before))
            if None in counting and not (self._foreign and kind is _REMINDER and first and place < last_warning):
                lacking = [one for one, notice in zip(rules.audiences, counting, strict=True) if notice is None]
                return Climb(invoice, place, tuple(lacking), since, taken_at, tuple(told))
            first = first or before
            taken_at = max(before)
        return Climb(invoice, len(rules.steps), (), fresh_from, taken_at, tuple(told))

    def _held_until_for(self, invoice: Invoice) -> datetime:
        """When the last hold ended that had opened access: the account's, or a payment of this invoice on its way."""
        if invoice.processing_since_at is None and invoice.processing_ended_at is None:
            return self._held_until
        return max(self._held_until, _processing_ended_at(invoice, self._rules))

    def _earliest(self, step: LadderStep, first: Times, before: Times) -> Times:
        """From when on a letter counts as this step, not the first, for each audience: not sooner than is promised.

        Working days are not counted again: what was far enough stays so, whatever holidays are declared later (case 38).
        """
        if not self._foreign:
            least = step.after.least
            return [at + least for at in before]
        if step.kind is _REMINDER:
            return (LONG_AGO,) * len(before)
        return [max(at, first_at + _FLOOR) for at, first_at in zip(before, first, strict=True)]

    def _counting(
        self, place: int, kind: Step, lineage: str, since: datetime, earliest: Times, before: Times
    ) -> tuple[Sequence[Notice | None], Times]:
        """The first notice for each audience that counts as this step, and when each was accepted: see `Told`."""
        audiences, times = self._rules.audiences, list(before)
        found: list[Notice | None] = [None] * len(audiences)
        for at, _, notice in self._accepted.get(place, ()):
            if lineage not in notice.named or notice.planned_at < since or (kind is _WARNING and notice.suspend_on is None):
                continue
            for which, audience in enumerate(audiences):
                if found[which] is None and at >= earliest[which] and audience in notice.audiences:
                    found[which], times[which] = notice, at
        return found, times

    def _last_warning(self, lineage: str) -> int:
        steps = self._rules.steps
        last = -1
        for place, accepted in self._accepted.items():
            if place > last and steps[place].kind is _WARNING and [1 for *_, notice in accepted if lineage in notice.named]:
                last = place
        return last

    def _is_closed(self, kind: Step) -> bool:
        return self._closed is Standing.SUSPENDED or (self._closed is Standing.RESTRICTED and kind is _RESTRICT)

    def _first_said(self, invoice: Invoice) -> datetime:
        lineage = invoice.lineage
        said = [
            notice.planned_at
            for notice in self._notices
            if lineage in notice.named and notice.step in LETTERS and notice.state is not NoticeState.WITHDRAWN
        ]
        return min(said, default=_NEVER)


def _processing_ended_at(invoice: Invoice, rules: Rules) -> datetime:
    return processing_ended_at(invoice, rules) or LONG_AGO
