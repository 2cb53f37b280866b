"""How fast letters leave: evenly, and no faster than the mail server or provider takes them (case 59)."""

from collections.abc import Callable
from typing import Final, Protocol

from gatekeeper.model import Outcome
from gatekeeper.perform.mail.letter import Letter

_LONGEST_HOLD_SECONDS: Final = 60


class Delivers(Protocol):
    """A transport (transport.py), which this file stands below."""

    def deliver(self, letter: Letter) -> Outcome: ...

    def close(self) -> None: ...


class Pace:
    """At most `per_minute` letters in a minute, with equal gaps. For one thread.

    clock: seconds that only ever grow. wait: passes so many seconds; True: the house is stopping, and waits no longer.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
        self._gap_seconds = 60 / per_minute
        self._clock = clock
        self._wait = wait
        self._next_at = clock()

    def turn(self) -> bool:
        """Wait until the next letter may leave; False: the house is stopping.

        To be asked before a notice is claimed: nothing that was read for a letter grows old meanwhile (case 60).
        """
        while (pause := self._next_at - self._clock()) > 0:
            if self._wait(pause):
                return False
        return True

    def leaves(self) -> None:
        """A letter leaves now."""
        self._next_at = self._clock() + self._gap_seconds

    def hold(self, seconds: float) -> None:
        """Whoever takes the letters asks for so long a silence."""
        self._next_at = max(self._next_at, self._clock() + min(seconds, _LONGEST_HOLD_SECONDS))


class Paced:
    """A transport that tells the pace of every letter that leaves by it. It waits for nothing itself: see `Pace.turn`."""

    def __init__(self, transport: Delivers, pace: Pace) -> None:
        self._transport = transport
        self._pace = pace

    def deliver(self, letter: Letter) -> Outcome:
        """As the transport does. Raises LetterRefused."""
        self._pace.leaves()
        outcome = self._transport.deliver(letter)
        self._pace.hold(outcome.retry_after_seconds)
        return outcome

    def close(self) -> None:
        self._transport.close()
