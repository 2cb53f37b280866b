"""The post of a torture: each letter is read by whoever would get it, and ends as the mood of the day says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from gatekeeper.model import NoticeState, Outcome, Step
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.wording import LetterView
from gatekeeper.wording.views import Written
from tests.torture.clock import Clock
from tests.torture.failpoints import OUTSIDE, Points

MOODS: Final = ("accepts", "defers", "refuses", "drops", "is slow", "is moody")
_MOODY: Final = ("accepts", "drops", "defers", "accepts", "refuses")
_REACHES: Final = {NoticeState.ACCEPTED, NoticeState.UNCERTAIN}


class PlainWording:
    """What a letter says, in few words: those of the house cost more than all else that a torture does."""

    def letter(self, step: Step, view: LetterView) -> Written:
        numbers = " ".join(one.number for one in view.owed)
        return Written(subject=step, text=f"owed: {numbers}\nday: {view.suspend_on or ''}\n", html="", language="en")


@dataclass(slots=True)
class Arrived:
    """One transmission whose end of DATA was reached: what the person can read, and what the server answered, if it did."""

    message_id: str
    at: datetime
    outcome: NoticeState
    numbers: tuple[str, ...]
    suspend_on: date | None
    bounced: bool = False


class MoodyPost:
    """`about_to`: shown each letter before it goes. `under_way`: the Message-IDs of those that a worker is handing over."""

    def __init__(self, clock: Clock, points: Points, about_to: Callable[[Letter, tuple[str, ...]], None]) -> None:
        self.mood = "accepts"
        self.arrived: list[Arrived] = []
        self.under_way: set[str] = set()
        self._clock, self._points, self._about_to = clock, points, about_to
        self._count = 0

    def deliver(self, letter: Letter) -> Outcome:
        self.under_way.add(letter.message_id)
        try:
            return self._take(letter)
        finally:
            self.under_way.discard(letter.message_id)

    def close(self) -> None:
        pass

    def _take(self, letter: Letter) -> Outcome:
        self._points.reach(OUTSIDE[2])
        numbers, suspend_on = _read(letter.text)
        self._about_to(letter, numbers)
        state = self._end()
        if state in _REACHES:
            self.arrived.append(Arrived(letter.message_id, self._clock(), state, numbers, suspend_on))
        self._points.reach(OUTSIDE[3])
        return Outcome(state=state, detail="the server's words")

    def _end(self) -> NoticeState:
        self._count += 1
        mood = _MOODY[self._count % len(_MOODY)] if self.mood == "is moody" else self.mood
        if mood == "is slow":
            self._clock.move(timedelta(minutes=16))
        ends = {"defers": NoticeState.DEFERRED, "refuses": NoticeState.REFUSED, "drops": NoticeState.UNCERTAIN}
        return ends.get(mood, NoticeState.ACCEPTED)


def _read(text: str) -> tuple[tuple[str, ...], date | None]:
    found = re.fullmatch(r"owed: (.*)\nday: (.*)\n", text)
    assert found is not None
    return tuple(found[1].split()), date.fromisoformat(found[2]) if found[2] else None
