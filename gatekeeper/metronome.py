"""What is done every so often. `schedule` goes by the machine's local clock, which may be set back, and is each autumn."""

from collections.abc import Callable

from schedule import Scheduler


class Metronome:
    def __init__(self) -> None:
        self._beats: list[tuple[int, Callable[[], object]]] = []
        self._scheduler = Scheduler()

    def every(self, seconds: int, work: Callable[[], object]) -> None:
        self._beats.append((seconds, work))
        self._begin()

    def tick(self) -> None:
        """Do what is due. What is further away than it can be was timed by another clock, and all is timed anew."""
        idle = self._scheduler.idle_seconds
        if idle is not None and idle > min(seconds for seconds, _ in self._beats):
            self._begin()
        self._scheduler.run_pending()

    def _begin(self) -> None:
        self._scheduler.clear()
        for seconds, work in self._beats:
            self._scheduler.every(seconds).seconds.do(work)
