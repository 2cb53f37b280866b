"""Free TCP ports on the loopback."""

import contextlib
import itertools
import os
import re
import socket
import time
from collections.abc import Iterator

# Below those that Linux gives to outgoing connections (32768 and up): of these, one found free may be taken a moment later
_FIRST, _LAST = 10_000, 32_000


def _candidates() -> Iterator[int]:
    """Each worker of a parallel run goes through ports of its own, from another one in each process: none is offered twice."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 16
    share = (_LAST - _FIRST) // 16
    ports = range(_FIRST + worker * share, _FIRST + (worker + 1) * share)
    begin = os.getpid() * 37 % share
    return itertools.cycle([*ports[begin:], *ports[:begin]])


_next = _candidates()


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = next(_next)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


def free_port() -> int:
    return free_ports(1)[0]


def wait_until_listening(port: int, *, seconds: float = 10.0) -> None:
    """Wait until something accepts connections on 127.0.0.1.

    Raises:
        TimeoutError: nothing does after `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on 127.0.0.1:{port} after {seconds} s")
