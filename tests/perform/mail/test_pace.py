"""Letters leave evenly, no faster than they are taken, and wait for their turn before they are claimed (cases 59, 60)."""

from collections.abc import Callable, Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail import Letter
from gatekeeper.perform.mail.pace import Pace, Paced

ACCEPTED = Outcome(state=NoticeState.ACCEPTED)


class Hours:
    """Seconds that pass while somebody waits or works; at `stops_at` the house stops."""

    def __init__(self, stops_at: float = float("inf")) -> None:
        self.now, self.stops_at = 1000.0, stops_at

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        assert seconds > 0
        self.now = min(self.now + seconds, self.stops_at)
        return self.now == self.stops_at


class Relay:
    """Takes so many seconds over each letter, answers it so, and notes when each came."""

    def __init__(self, hours: Hours, *turns: tuple[float, Outcome]) -> None:
        self.hours, self.turns = hours, iter(turns)
        self.came: list[float] = []
        self.closed = False

    def deliver(self, _letter: Letter) -> Outcome:
        self.came.append(self.hours.now)
        seconds, outcome = next(self.turns)
        self.hours.now += seconds
        return outcome

    def close(self) -> None:
        self.closed = True


def gaps(instants: Iterable[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(instants)]


def sent(per_minute: int, hours: Hours, letter: Letter, *turns: tuple[float, Outcome], idle: float = 0.0) -> Relay:
    """A relay to which a letter was sent for each turn, with a pause after the first half that earns no burst."""
    relay, pace = Relay(hours, *turns), Pace(per_minute, hours.clock, hours.wait)
    transport = Paced(relay, pace)
    for number in range(len(turns)):
        hours.now += idle if number == len(turns) // 2 else 0
        assert pace.turn()
        transport.deliver(letter)
    return relay


@given(st.integers(1, 6000), st.lists(st.floats(0, 120), min_size=2, max_size=40), st.floats(0, 500))
def test_letters_leave_with_equal_gaps_at_least(
    letter: Callable[..., Letter], per_minute: int, taken: list[float], idle: float
) -> None:
    relay = sent(per_minute, Hours(), letter(), *((seconds, ACCEPTED) for seconds in taken), idle=idle)

    assert min(gaps(relay.came)) >= 60 / per_minute - 1e-6


def test_a_relay_that_is_slower_than_the_pace_is_not_slowed_further(letter: Callable[..., Letter]) -> None:
    relay = sent(120, Hours(), letter(), *[(0.75, ACCEPTED)] * 4)

    assert gaps(relay.came) == [0.75] * 3


def test_ten_thousand_letters_take_as_long_as_was_said(letter: Callable[..., Letter]) -> None:
    relay = sent(120, Hours(), letter(), *[(0.1, ACCEPTED)] * 10_000)

    assert 83 < (relay.came[-1] - relay.came[0]) / 60 < 84


def test_whoever_asks_to_be_left_alone_is_for_a_minute_at_most(letter: Callable[..., Letter]) -> None:
    asks = [Outcome(state=NoticeState.DEFERRED, retry_after_seconds=seconds) for seconds in (0, 7, 86_400, 0)]

    relay = sent(120, Hours(), letter(), *((0.0, one) for one in asks))

    assert gaps(relay.came) == [0.5, 7, 60]


def test_a_house_that_stops_waits_for_no_turn(letter: Callable[..., Letter]) -> None:
    hours = Hours(stops_at=1020.0)
    pace = Pace(1, hours.clock, hours.wait)
    Paced(Relay(hours, (0.0, ACCEPTED)), pace).deliver(letter())

    assert pace.turn() is False
    assert hours.now == 1020.0


def test_at_the_end_of_a_batch_the_connection_is_let_go() -> None:
    hours = Hours()
    relay = Relay(hours)

    Paced(relay, Pace(1, hours.clock, hours.wait)).close()

    assert relay.closed
