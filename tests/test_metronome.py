"""The worker's metronome, by the machine's own clock."""

import time
from collections.abc import Callable, Iterator

import pytest

from gatekeeper.metronome import Metronome
from tests.kit.running import until

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


def test_each_is_done_at_its_own_pace() -> None:
    often, seldom = [], []
    metronome = Metronome()
    metronome.every(1, lambda: often.append(1))
    metronome.every(3600, lambda: seldom.append(1))
    until(lambda: metronome.tick() or len(often) == 2)
    assert seldom == []


def test_a_clock_that_is_set_back_delays_nothing_by_that_much(clocks: Clocks) -> None:
    clocks("UTC-14")
    done = []
    metronome = Metronome()
    metronome.every(1, lambda: done.append(1))
    metronome.every(2, lambda: done.append(2))
    clocks("UTC")
    until(lambda: metronome.tick() or {*done} == {1, 2})


def test_a_clock_that_is_set_on_does_each_once_and_goes_on(clocks: Clocks) -> None:
    clocks("UTC")
    done = []
    metronome = Metronome()
    metronome.every(3600, lambda: done.append(1))
    clocks("UTC-14")
    for _ in range(3):
        metronome.tick()
    assert len(done) == 1
