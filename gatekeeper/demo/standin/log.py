"""The log of what was asked of the API, so that a test can say: only GET."""

from collections import deque
from threading import Lock
from typing import NamedTuple

_KEPT = 10_000


class Asked(NamedTuple):
    """One request. `key` is the kind of its API key (`sk`, `rk`, or nothing), never the key.

    `at`: when it came, in seconds of a clock that only ever grows.
    """

    method: str
    path: str
    query: str
    key: str
    at: float


class RequestLog:
    """The latest requests to the API, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Asked] = deque(maxlen=_KEPT)
        self._lock = Lock()

    def add(self, entry: Asked) -> None:
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Asked]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
