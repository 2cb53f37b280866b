"""ledger -> brake -> ledger: ask before the first closing of a round, and watch what a round cannot see of itself.

A clock that jumped, books that nobody could read, a day that is unlike the days before: each holds every closing until a
person releases it with a reason. Openings and letters go on.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from gatekeeper.ledger.brake_reader import BrakeReader, day_of
from gatekeeper.ledger.writer.brakes import Brakes
from gatekeeper.model import Reason, Standing
from gatekeeper.policy.brake import Caps, Cause, Engaged, Limits, blind, disagrees, jumped, set_back

_LOOK_EVERY: Final = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class Brake:
    """`steady_seconds` grow with time, whatever the wall clock says meanwhile.

    `by_hand`: time is moved on purpose (a simulated clock, `tick --now`), so that neither the clock nor the gap between two
    readings of the books says anything.
    """

    def __init__(
        self,
        *,
        reader: BrakeReader,
        brakes: Brakes,
        limits: Limits,
        clock: Callable[[], datetime],
        steady_seconds: Callable[[], float],
        by_hand: bool = False,
    ) -> None:
        self._reader = reader
        self._brakes = brakes
        self._limits = limits
        self._clock = clock
        self._steady_seconds = steady_seconds
        self._by_hand = by_hand
        self._last: tuple[datetime, float] | None = None
        self._looked_at: datetime | None = None
        self._kept: date | None = None
        self._known: set[Cause] = set()

    @property
    def caps(self) -> Caps:
        return self._limits.caps

    def hold(self, wanting: Mapping[str, Standing]) -> Reason | None:
        """Asked before the first of a batch of closings. A reason: none of them may begin, and this is why.

        `wanting`: the accounts, by id, each with where it stood when it was judged.
        """
        held = self._brakes.ask(wanting, self._clock())
        self._say(held)
        return held[0].why if held else None

    def watch(self) -> None:
        """Once at the beginning of each turn, before anything is read or decided in it."""
        if not self._by_hand:
            now = self._clock()
            self._watch_the_clock(now, self._steady_seconds())
            if self._looked_at is None or not timedelta() <= now - self._looked_at < _LOOK_EVERY:
                self._look(now)
        self._say(self._reader.engaged())

    def keep_day(self) -> None:
        """At the end of each turn that may climb: the first one of a day adds it to the baseline."""
        now = self._clock()
        if self._kept != day_of(now) and self._reader.read_whole_at() is not None:
            self._brakes.keep_day(now)
            self._kept = day_of(now)

    def set_back(self) -> Reason | None:
        """Why nothing may be sent either: it is earlier than it already was, and what is due was done before (case 28)."""
        return None if self._by_hand else set_back(self._clock(), self._reader.seen_at())

    def _watch_the_clock(self, now: datetime, steady: float) -> None:
        if self._last is not None:
            before, steady_before = self._last
            self._engage(Cause.CLOCK, jumped(now - before - timedelta(seconds=steady - steady_before)), now)
        self._last = now, steady

    def _look(self, now: datetime) -> None:
        """What asks the database, once a minute. The high-water mark of time stays where it was while the clock is doubted."""
        self._engage(Cause.BLIND, blind(now, self._reader.read_whole_at(), self._limits.blind_after), now)
        self._engage(Cause.CLOCK, set_back(now, self._reader.seen_at()), now)
        self._engage(Cause.CLOCK, disagrees(now, self._reader.database_clock()), now)
        if not any(one.cause is Cause.CLOCK for one in self._reader.engaged()):
            self._brakes.live_through(now)
        self._looked_at = now

    def _engage(self, cause: Cause, why: Reason | None, now: datetime) -> None:
        if why is not None:
            self._brakes.engage(cause, why, now)

    def _say(self, held: Collection[Engaged]) -> None:
        """Each brake is logged once by each process that sees it, whoever engaged or released it."""
        causes = {one.cause for one in held}
        for one in held:
            if one.cause not in self._known:
                said = {name: str(value) for name, value in one.why.params}
                log.error("brake.engaged", cause=one.cause, set_at=one.set_at.isoformat(), **said)
        for cause in self._known - causes:
            log.info("brake.released", cause=cause)
        self._known = causes
