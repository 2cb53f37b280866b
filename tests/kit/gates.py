"""A real gate, in a thread of this process or in a process of its own that can be killed or stopped; and how to talk to it."""

import asyncio
import contextlib
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from gatekeeper.gate.server import serve
from gatekeeper.gate.settings import GateSettings
from gatekeeper.gate.sources import HeaderSource
from gatekeeper.gate.staff import Holder
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode
from gatekeeper.wiring.clock import system_clock
from gatekeeper.wiring.passes import Pass, holder
from gatekeeper.wiring.places import StateFolder
from tests.kit.ports import free_port, wait_until_listening

_PROCESS = """
import pickle, sys
from gatekeeper.gate.server import run
from gatekeeper.wiring.clock import system_clock
from tests.kit.gates import staff_of
settings = pickle.loads(bytes.fromhex(sys.argv[1]))
run(settings, sign="token-of-{}|{}|{}".format, clock=system_clock, staff_of=staff_of(settings))
"""


_OURS = {"x-gatekeeper-standing", "x-gatekeeper-account", "x-gatekeeper-revision", "cache-control"}
# What a browser says that it takes
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def token(account: str, viewer: str = "", path: str = "") -> str:
    """What the gates of this kit sign with."""
    return f"token-of-{account}|{viewer}|{path}"


def settings_in(folder: Path, **changes: object) -> GateSettings:
    """Settings of a gate that keeps its files in `folder` and listens on a free port."""
    given: dict[str, object] = {
        "host": "127.0.0.1",
        "port": free_port(),
        "identity": (HeaderSource("X-Account-Id"),),
        "snapshot_path": folder / "snapshot",
        "fallback_page_path": folder / "overdue.html",
        "closed_page_path": folder / "closed.html",
        "page_url": f"http://127.0.0.1:{free_port()}/overdue",
        "support_email": "support@acme.example",
    }
    return GateSettings(**(given | changes))


def publish(path: Path, revision: int, *, leaves_open: Mapping[str, tuple[str, ...]] | None = None, **standings: str) -> None:
    """Replace the snapshot file as the publisher does. Accounts are keyword names; `_` in them stays."""
    listed = {account: Standing(standing) for account, standing in standings.items()}
    fresh = path.with_suffix(".new")
    fresh.write_bytes(encode(Snapshot(revision, datetime(2026, 3, 2, 9, tzinfo=UTC), listed, leaves_open or {})))
    fresh.replace(path)


def staff_of(settings: GateSettings) -> Holder:
    """Who holds a pass, by the key beside the snapshot."""
    return holder(StateFolder(settings.snapshot_path.parent).staff_signer(), system_clock)


def staff_pass(settings: GateSettings, name: str = "Jo", *, minutes: float = 60) -> str:
    """A pass that `staff_of` believes for so long."""
    signer = StateFolder(settings.snapshot_path.parent).staff_signer()
    return Pass(name, system_clock() + timedelta(minutes=minutes)).signed(signer)


@contextlib.contextmanager
def gate_in_thread(settings: GateSettings, sign: Callable[[str, str, str], str] = token) -> Iterator[GateSettings]:
    """A gate that answers while the block runs, and has stopped when it ends; a fault of the gate is raised there."""
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            staff = staff_of(settings)
            loop.run_until_complete(serve(settings, sign=sign, clock=system_clock, stop=stop, staff_of=staff, ready=ready.set))
        except BaseException as fault:  # noqa: BLE001 - it is raised in the thread that can report it
            faults.append(fault)
            ready.set()
        finally:
            loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(10), "the gate did not start"
        if not faults:
            yield settings
    finally:
        if not faults:
            loop.call_soon_threadsafe(stop.set)
        thread.join(10)
    if faults:
        raise faults[0]


@contextlib.contextmanager
def gate_process(settings: GateSettings) -> Iterator[subprocess.Popen[bytes]]:
    """A gate as a process. It is killed at the end if it still lives."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", _PROCESS, pickle.dumps(settings).hex()]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(settings.port)
            yield process
        finally:
            process.kill()


@dataclass(frozen=True)
class Reply:
    """One answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(settings: GateSettings, *parts: bytes, heads_only: bool = False) -> list[Reply]:
    """Send these bytes over one connection, say that no more will come, and give back all the answers."""
    with socket.create_connection(("127.0.0.1", settings.port), timeout=10) as wire:
        for part in parts:
            wire.sendall(part)
        wire.shutdown(socket.SHUT_WR)
        return replies(read_all(wire), heads_only=heads_only)


def read_all(wire: socket.socket) -> bytes:
    received = b""
    while part := wire.recv(65536):
        received += part
    return received


def replies(received: bytes, *, heads_only: bool = False) -> list[Reply]:
    """Take the answers of one connection apart; `heads_only`: they answer HEAD, so no body follows."""
    found = []
    while received:
        head, separator, received = received.partition(b"\r\n\r\n")
        assert separator, f"half an answer: {head!r}"
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert len(headers) == len(lines), f"a header twice: {lines}"
        length = 0 if heads_only else int(headers["content-length"])
        found.append(Reply(int(status), headers, received[:length]))
        assert len(received) >= length
        received = received[length:]
    return found


def get(target: str, **headers: str) -> bytes:
    """The bytes of a GET; header names are keywords, with `_` for the hyphen."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {target} HTTP/1.1\r\nHost: gate\r\n{lines}\r\n".encode("latin-1")


def one(settings: GateSettings, target: str, **headers: str) -> Reply:
    """The only answer to one GET, which carries every header that the gate owns."""
    (reply,) = ask(settings, get(target, **headers))
    assert set(reply.headers) >= _OURS
    assert reply.headers["cache-control"] == "no-store"
    return reply
