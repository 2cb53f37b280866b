"""At most five requests in any second, whoever asks; a single reading goes before a list; a stop ends all waiting."""

from collections.abc import Callable
from threading import Condition, Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.pace import PER_SECOND, Pace, unhurried
from tests.kit.running import until


class Time:
    """A clock that goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waited.append(seconds)
        return False


turns = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.21, 1.5])), max_size=60)


@given(turns)
def test_never_more_than_five_requests_in_any_second(asked: list[tuple[bool, float]]) -> None:
    time = Time()
    pace = Pace(time.clock, time.wait)
    took: list[float] = []
    for urgent, idle in asked:
        time.now += idle
        pace.first() if urgent else pace.after()
        took.append(time.now)
    for first, sixth in zip(took, took[PER_SECOND:], strict=False):
        assert sixth - first >= 1 - 1e-9
    assert all(0 < seconds <= 1 for seconds in time.waited)


def test_a_list_goes_evenly_so_that_one_reading_in_the_midst_of_it_waits_a_fifth_of_a_second() -> None:
    time = Time()
    pace = Pace(time.clock, time.wait)
    for _ in range(50):
        pace.after()
    begun = time.now
    pace.first()
    assert time.now - begun <= 0.2 + 1e-9
    assert begun == pytest.approx(49 * 0.2)


def test_the_first_readings_after_a_quiet_second_do_not_wait() -> None:
    time = Time()
    pace = Pace(time.clock, time.wait)
    for _ in range(PER_SECOND):
        pace.first()
    assert time.waited == []
    pace.first()
    assert sum(time.waited) == pytest.approx(1)


class Held:
    """A clock that stands; whoever waits is held until it is moved."""

    def __init__(self) -> None:
        self.now, self.waiting = 0.0, 0
        self._moved = Condition()

    def clock(self) -> float:
        return self.now

    def wait(self, _: float) -> bool:
        with self._moved:
            before = self.now
            self.waiting += 1
            self._moved.wait_for(lambda: self.now > before, 10)
            self.waiting -= 1
        return False

    def move(self, seconds: float) -> None:
        with self._moved:
            self.now += seconds
            self._moved.notify_all()


def test_whoever_waits_for_one_object_goes_before_whoever_waits_for_a_list() -> None:
    time, took = Held(), list[str]()
    pace = Pace(time.clock, time.wait)
    for _ in range(PER_SECOND):
        pace.first()

    def take(turn: Callable[[], None], name: str) -> Thread:
        thread = Thread(target=lambda: (turn(), took.append(name)), daemon=True)
        thread.start()
        return thread

    threads = [take(pace.after, "list"), take(pace.after, "list")]
    assert until(lambda: time.waiting == 2)
    threads.append(take(pace.first, "one"))
    assert until(lambda: time.waiting == 3)
    time.move(1)
    assert until(lambda: took)
    assert took == ["one"]
    for number in (2, 3):
        assert until(lambda: time.waiting == 4 - number)  # noqa: B023 - it is asked for at once
        time.move(1)
        assert until(lambda: len(took) == number)  # noqa: B023 - as above
    for thread in threads:
        thread.join()
    assert took == ["one", "list", "list"]


def test_pauses_after_429_grow_are_never_in_step_and_have_an_end() -> None:
    time = Time()
    pace = Pace(time.clock, time.wait)
    for tries in range(1, 12):
        pace.back_off(tries, 0)
    for tries, seconds in enumerate(time.waited, 1):
        assert 2 ** (tries - 1) / 2 <= seconds <= 2 ** (tries - 1) or 15 <= seconds <= 30
    assert len(set(time.waited)) == len(time.waited)


def test_a_pause_is_as_long_as_stripe_asks_for_within_reason() -> None:
    time = Time()
    pace = Pace(time.clock, time.wait)
    pace.back_off(1, 7)
    pace.back_off(1, 86_400)
    assert time.waited == [7, 30]


def test_a_stop_ends_all_waiting() -> None:
    stopping = Event()
    pace = Pace(lambda: 0.0, stopping.wait)
    for _ in range(PER_SECOND):
        pace.first()
    stopping.set()
    for waiting in (pace.first, pace.after, lambda: pace.back_off(9, 0)):
        with pytest.raises(SourceUnavailable, match="is stopping"):
            waiting()


def test_a_stand_in_is_asked_without_a_pause() -> None:
    pace = unhurried()
    for _ in range(10_000):
        pace.after()
