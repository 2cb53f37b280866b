"""Time of a torture: what really goes by, and what the clock on the workers' wall says."""

from datetime import datetime, timedelta

from tests.kit.builders import DUE_AT


class Clock:
    """`true_at` goes forward only; the wall clock may be `off`."""

    def __init__(self) -> None:
        self.true_at = DUE_AT
        self.off = timedelta()
        self.was_set_back = False

    def __call__(self) -> datetime:
        return self.true_at + self.off

    def move(self, by: timedelta) -> None:
        self.true_at += by

    def set_off(self, off: timedelta) -> None:
        self.was_set_back |= off < self.off
        self.off = off

    def steady_seconds(self) -> float:
        return (self.true_at - DUE_AT).total_seconds()
