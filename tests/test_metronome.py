"""The worker's metronome, by the machine's own clock."""

import time
from collections.abc import Callable, Iterator

import pytest

from gatekeeper.metronome import Metronome

Clocks = Callable[[str], None]


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    """Sets the local clock, as the end of summer time does."""

    def set_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


def beaten(metronome: Metronome, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        metronome.tick()
        time.sleep(0.05)


def test_each_is_done_at_its_own_pace() -> None:
    often, seldom = [], []
    metronome = Metronome()
    metronome.every(1, lambda: often.append(1))
    metronome.every(3600, lambda: seldom.append(1))
    beaten(metronome, 2.5)
    assert (len(often), len(seldom)) == (2, 0)


def test_a_clock_that_is_set_back_delays_nothing_by_that_much(clocks: Clocks) -> None:
    clocks("UTC-14")
    done = []
    metronome = Metronome()
    metronome.every(1, lambda: done.append(1))
    metronome.every(2, lambda: done.append(2))
    clocks("UTC")
    beaten(metronome, 2.5)
    assert sorted(set(done)) == [1, 2]


def test_a_clock_that_is_set_on_does_each_once_and_goes_on(clocks: Clocks) -> None:
    clocks("UTC")
    done = []
    metronome = Metronome()
    metronome.every(3600, lambda: done.append(1))
    clocks("UTC-14")
    beaten(metronome, 0.3)
    assert len(done) == 1
