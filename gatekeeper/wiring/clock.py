"""The one place that reads a clock. Everybody else is handed `now`, or a callable that says it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]


class ClockUnreadable(RuntimeError):
    """The file of a simulated clock does not hold an instant."""


def system_clock() -> datetime:
    return datetime.now(UTC)


def steady_seconds() -> float:
    """Seconds that only ever grow, from a beginning of their own. They stand still while the machine sleeps."""
    return time.monotonic()


def simulated_clock(path: Path) -> Clock:
    """A clock that says what the file says, at the moment when it is asked: one instant, ISO 8601, in UTC if no zone is given.

    The clock raises ClockUnreadable while the file holds no instant.
    """

    def now() -> datetime:
        try:
            instant = datetime.fromisoformat(path.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as fault:
            raise ClockUnreadable(f"{path} must hold one instant, as in 2026-11-22T10:00:00Z: {fault}") from fault
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)

    return now
