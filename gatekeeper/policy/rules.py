"""A policy as values: one ladder and its numbers, for the people of one place. `policy.segments` says which is whose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from gatekeeper.model import Audience, Notice, Step
from gatekeeper.policy.calendar import Hours, Office, Span, Workdays, first_open

TOLD_BY: Final = frozenset({Step.REMINDER, Step.WARNING})
CLOSING: Final = (Step.RESTRICT, Step.SUSPEND)
# The steps that are taken by a letter; a notice of any other kind is a word beside the ladder
LETTERS: Final = (Step.COURTESY, Step.REMINDER, Step.WARNING)
_DAYTIME: Final = Hours(of_weekday=tuple((day, time(8), time(20)) for day in range(7)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """One step of a ladder.

    `after`: since the step before was really taken, which for the first after the courtesies is the due date; of a courtesy:
    before the due date. `after_due`: moreover not sooner than this after the due date. `leaves_open`: the only paths that a
    restriction leaves open; none: it leaves the product read-only.
    """

    kind: Step
    name: str
    after: Span
    after_due: Span | None = None
    leaves_open: tuple[str, ...] = ()


def ladder(*, reminder: int = 0, warning: int = 14, suspend: int = 5) -> tuple[LadderStep, ...]:
    """The product's promise: three steps, so many days apart."""
    spans = {Step.REMINDER: reminder, Step.WARNING: warning, Step.SUSPEND: suspend}
    return tuple(LadderStep(kind=kind, name=kind.value, after=Span(days=days)) for kind, days in spans.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the house promises one group of its customers.

    `thresholds_minor`: the sum below which a debt is left alone, in minor units, by currency; `threshold_minor` for the others.
    `forgive_uncollectible`: whether an invoice that was written off opens access; else it only stops the letters (case 15).
    `contact`: when letters may go out; `closing`: the offices that must all be open for access to be closed; `()`: at any time.
    `policy`, `segment`: what these are the rules of. `leaves_open`: the paths that the restriction of this ladder leaves open.
    """

    audiences: tuple[Audience, ...] = (Audience.ACCOUNTANT, Audience.USER)
    steps: tuple[LadderStep, ...] = field(default_factory=ladder)
    automatic_grace: timedelta = timedelta(days=3)
    processing_hold: timedelta = timedelta(days=14)
    threshold_minor: int = 100
    thresholds_minor: Mapping[str, int] = field(default_factory=dict)
    forgive_uncollectible: bool = False
    statement_fresh_for: timedelta = timedelta(days=3)
    time_zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    workdays: Workdays = field(default_factory=Workdays)
    contact: Office | None = None
    closing: tuple[Office, ...] = ()
    first_run_age_limit: timedelta = timedelta(days=120)
    fresh_for: timedelta = timedelta(seconds=60)
    policy: str = ""
    segment: str = ""
    leaves_open: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _places: dict[str, int] = field(init=False, repr=False, compare=False)
    _taken_by: tuple[Step | None, ...] = field(init=False, repr=False, compare=False)
    _announced: tuple[Step | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        restrictions = (step.leaves_open for step in self.steps if step.kind is Step.RESTRICT)
        object.__setattr__(self, "leaves_open", next(restrictions, ()))
        object.__setattr__(self, "_places", {step.name: place for place, step in enumerate(self.steps)})
        letters = tuple(step.kind if step.kind in LETTERS else None for step in self.steps)
        object.__setattr__(self, "_taken_by", letters)
        object.__setattr__(self, "_announced", tuple(_announced(self.steps, place) for place in range(len(self.steps))))

    def threshold_of(self, currency: str) -> int:
        """The smallest sum, in minor units of `currency`, that is worth a notice."""
        return self.thresholds_minor.get(currency, self.threshold_minor)

    def place_of(self, notice: Notice) -> int:
        """The place of this notice's step on the ladder: by its name, else the first of its kind; -1: it has none.

        A name alone says nothing: in another version of the policy a step of that name may be of another kind, or a warning
        of it may announce something else. What a letter did not say it does not permit.
        """
        place = self._places.get(notice.name)
        if place is not None and self._says(place, notice):
            return place
        return next((place for place in range(len(self.steps)) if self._says(place, notice)), -1)

    def knows(self, notice: Notice) -> bool:
        """Whether this ladder has the very step of this notice."""
        place = self._places.get(notice.name)
        return place is not None and self._says(place, notice)

    def names_like(self, notice: Notice) -> tuple[str, ...]:
        """The names of the steps that say what this notice said, in the order of the ladder."""
        return tuple(step.name for place, step in enumerate(self.steps) if self._says(place, notice))

    def _says(self, place: int, notice: Notice) -> bool:
        """Whether the step at `place` is taken by letters like this one, and announces what it did, if that is known."""
        return self._taken_by[place] is notice.step and (notice.closes is None or self._announced[place] is notice.closes)

    def closing_place(self, place: int) -> int:
        """The place of the first closing step after `place`; a ladder has one after each of its warnings."""
        return next(later for later in range(place + 1, len(self.steps)) if self.steps[later].kind in CLOSING)

    def announced(self, place: int) -> Step:
        """What the warning at `place` announces."""
        closes = self._announced[place]
        assert closes is not None, "only a warning announces something, and each announces a closing"
        return closes

    def later(self, span: Span, instant: datetime) -> datetime:
        """So much after `instant`, in the account's calendar."""
        return span.after(instant, self.time_zone, self.workdays)

    def earlier(self, span: Span, instant: datetime) -> datetime:
        """So much before `instant`, in the account's calendar."""
        return span.before(instant, self.time_zone, self.workdays)

    def contact_at(self, instant: datetime) -> datetime:
        """The first instant from then on at which letters may go out."""
        return instant if self.contact is None else self.contact.opens_at(instant) or instant

    def closing_at(self, instant: datetime) -> datetime | None:
        """The first instant from then on at which access may be closed; None: there is none within two months."""
        return first_open(instant, self.closing) if self.closing else instant

    def by_day(self, instant: datetime) -> datetime:
        """The first instant from then on that is not at night: when a hold ends, nothing happens before morning (case 36)."""
        return Office(hours=_DAYTIME, zone=self.time_zone).opens_at(instant) or instant


def _announced(steps: tuple[LadderStep, ...], place: int) -> Step | None:
    """What the step at `place` announces, if it is a warning."""
    if steps[place].kind is not Step.WARNING:
        return None
    return next((later.kind for later in steps[place + 1 :] if later.kind in CLOSING), None)
