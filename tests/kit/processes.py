"""Processes of an installation, looked at from outside: their children, and how they end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.ports import wait_until_listening
from tests.kit.running import Installation, _environment


@contextmanager
def started(installation: Installation, *command: str, ports: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """`gatekeeper COMMAND`, listening on `ports`; killed at the end of the block if it still runs. It logs as `running`."""
    with (installation.folder / "log").open("ab") as log:
        process = subprocess.Popen(installation._call(*command), stderr=log, stdout=log, env=_environment())
    try:
        for port in ports:
            wait_until_listening(port, seconds=30)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still run."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError):  # it has just ended
        for thread in list(Path(f"/proc/{pid}/task").iterdir()):
            with contextlib.suppress(OSError):  # this one of its threads has; the others may have children all the same
                found += [int(child) for child in (thread / "children").read_text().split()]
    return [child for child in found if not gone(child)]


def gone(pid: int) -> bool:
    """Whether this process has ended, be it that nobody has asked for its end yet."""
    return _state(pid) == "Z"


def is_running(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has neither ended nor been stopped (SIGSTOP)."""
    return process.poll() is None and _state(process.pid) not in {"T", "Z"}


def _state(pid: int) -> str:
    """The letter of proc_pid_stat(5); Z too for a process that there is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
