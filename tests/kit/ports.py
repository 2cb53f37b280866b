"""Free TCP ports on the loopback."""

import contextlib
import socket
import time


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now; all are held until all are found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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
