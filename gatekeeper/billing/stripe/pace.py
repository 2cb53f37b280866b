"""How fast Stripe is asked: politely, whatever the rest of the house would like to know (facts/stripe.md, section 4)."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import SystemRandom
from threading import Lock
from typing import Final

from gatekeeper.billing.source import SourceUnavailable

PER_SECOND: Final = 5
_GAP_SECONDS: Final = 1 / PER_SECOND
_LONGEST_PAUSE_SECONDS: Final = 30.0

_random = SystemRandom()


class Pace:
    """At most five requests in any second, over all threads. Whoever asks for one object goes before whoever lists many.

    clock: seconds that only ever grow. wait: passes so many seconds; True: the house is stopping, and waits no longer.
    """

    def __init__(self, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
        self._clock = clock
        self._wait = wait
        self._lock = Lock()
        self._latest: deque[float] = deque(maxlen=PER_SECOND)
        self._urgent = 0

    def first(self) -> None:
        """Wait for the turn of one reading, upon which somebody's access may depend. Raises SourceUnavailable: stopping."""
        with self._announced():
            self._take_turn(urgent=True)

    def after(self) -> None:
        """Wait for the turn of a page of a list: evenly, so that a single reading never waits for long. Raises as above."""
        self._take_turn(urgent=False)

    def back_off(self, tries: int, asked_for: float) -> None:
        """Pause after the so-manieth 429: longer each time, never in step with others. Raises as above.

        asked_for: the seconds of the answer's Retry-After; 0 where it has none.
        """
        doubled = min(_LONGEST_PAUSE_SECONDS, 2.0 ** (tries - 1))
        self._pass(max(min(asked_for, _LONGEST_PAUSE_SECONDS), doubled * _random.uniform(0.5, 1)))

    @contextmanager
    def _announced(self) -> Iterator[None]:
        with self._lock:
            self._urgent += 1
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1

    def _take_turn(self, *, urgent: bool) -> None:
        while (pause := self._too_early(urgent=urgent)) > 0:
            self._pass(pause)

    def _too_early(self, *, urgent: bool) -> float:
        """For how many seconds this turn has to wait; 0: it is taken."""
        with self._lock:
            now = self._clock()
            full = self._latest[0] + 1 - now if len(self._latest) == PER_SECOND else 0.0
            even = self._latest[-1] + _GAP_SECONDS - now if self._latest and not urgent else 0.0
            behind = _GAP_SECONDS if self._urgent and not urgent else 0.0
            pause = max(full, even, behind)
            if pause <= 0:
                self._latest.append(now)
            return pause

    def _pass(self, seconds: float) -> None:
        if self._wait(seconds):
            raise SourceUnavailable("gatekeeper is stopping; the billing system is asked again after the next start")


class Unhurried:
    """The clock and the wait of a `Pace` that keeps nobody waiting: for a stand-in of Stripe on this machine."""

    def __init__(self) -> None:
        self._now = 0.0

    def clock(self) -> float:
        return self._now

    def wait(self, seconds: float) -> bool:
        self._now += seconds
        return False


def unhurried() -> Pace:
    time = Unhurried()
    return Pace(time.clock, time.wait)
