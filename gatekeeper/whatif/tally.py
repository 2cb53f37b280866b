"""What a comparison of two policies came to; tallies of parts of the ledger are added up to one of the whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gatekeeper.model import Step
from gatekeeper.whatif.course import Course, Spell

STEPS: Final = (Step.COURTESY, Step.REMINDER, Step.WARNING, Step.RESTRICT, Step.SUSPEND)
MOST_NAMED: Final = 10_000
MOST_STRIPS: Final = 200


@dataclass(slots=True)
class Side:
    """Under one policy. `accounts`: how many saw each step; `suspended`: how many stood suspended on each day of the window.

    `paid_after`: of the closings that ended in payment, how many did so after so many whole days; `unpaid`: of the others.
    """

    accounts: Counter[Step] = field(default_factory=Counter)
    suspended: Counter[int] = field(default_factory=Counter)
    closings: int = 0
    paid_after: Counter[int] = field(default_factory=Counter)
    unpaid: int = 0

    def add(self, course: Course, suspended_on: Iterable[int]) -> None:
        self.accounts.update(course.steps)
        self.suspended.update(suspended_on)
        self.closings += len(course.closings)
        for closing in course.closings:
            if closing.paid_after is None:
                self.unpaid += 1
            else:
                self.paid_after[closing.paid_after] += 1

    def merge(self, other: "Side") -> None:
        self.accounts.update(other.accounts)
        self.suspended.update(other.suspended)
        self.paid_after.update(other.paid_after)
        self.closings += other.closings
        self.unpaid += other.unpaid


@dataclass(slots=True)
class Named:
    """How many accounts, and the first of them by id: a list that could be as long as the ledger is not kept whole."""

    count: int = 0
    accounts: list[str] = field(default_factory=list)

    def add(self, account_id: str) -> None:
        self.count += 1
        if len(self.accounts) < MOST_NAMED:
            self.accounts.append(account_id)

    def merge(self, other: "Named") -> None:
        self.count += other.count
        self.accounts += other.accounts[: MOST_NAMED - len(self.accounts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """An account whose access differs, and by how many days; what would have been closed under each policy, and really was."""

    account_id: str
    differs_by: int
    today: tuple[Spell, ...]
    other: tuple[Spell, ...]
    really: tuple[Spell, ...] = ()


@dataclass(slots=True)
class Tally:
    """`judged`: accounts that had to climb a ladder to be decided; of all others nothing was ever due.

    `only_today`, `only_other`: who saw a step under one policy alone. `unknown_ends`: invoices that were settled nobody knows
    when, and are left out. `given_up`: accounts that came to no rest under a policy.
    """

    judged: int = 0
    unknown_ends: int = 0
    given_up: Named = field(default_factory=Named)
    today: Side = field(default_factory=Side)
    other: Side = field(default_factory=Side)
    really: Side = field(default_factory=Side)
    only_today: dict[Step, Named] = field(default_factory=lambda: {step: Named() for step in STEPS})
    only_other: dict[Step, Named] = field(default_factory=lambda: {step: Named() for step in STEPS})
    strips: list[Strip] = field(default_factory=list)
    differing: int = 0

    def compare(self, account_id: str, today: Course, other: Course) -> None:
        for step in today.steps - other.steps:
            self.only_today[step].add(account_id)
        for step in other.steps - today.steps:
            self.only_other[step].add(account_id)

    def keep(self, strip: Strip) -> None:
        self.differing += 1
        self.strips.append(strip)
        self._keep_the_most_different()

    def merge(self, other: "Tally") -> None:
        self.judged += other.judged
        self.unknown_ends += other.unknown_ends
        self.differing += other.differing
        self.given_up.merge(other.given_up)
        for mine, theirs in ((self.today, other.today), (self.other, other.other), (self.really, other.really)):
            mine.merge(theirs)
        for step in STEPS:
            self.only_today[step].merge(other.only_today[step])
            self.only_other[step].merge(other.only_other[step])
        self.strips += other.strips
        self._keep_the_most_different()

    def _keep_the_most_different(self) -> None:
        if len(self.strips) > MOST_STRIPS:
            self.strips.sort(key=lambda strip: (-strip.differs_by, strip.account_id))
            del self.strips[MOST_STRIPS:]
