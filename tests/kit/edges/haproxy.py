"""HAProxy."""

import contextlib
import dataclasses
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.kit.edges import CONFIGS, Count, Edge, Places, until
from tests.kit.edges.running import moved, program, replaced
from tests.kit.gates import read_all


@contextlib.contextmanager
def _front(folder: Path, places: Places, changes: Mapping[str, str] = MappingProxyType({})) -> Iterator[Count]:
    folder.mkdir()
    listed = shutil.copy(CONFIGS / "gatekeeper.map", folder)
    question = shutil.copy(CONFIGS / "haproxy-spoe.conf", folder)
    config = moved((CONFIGS / "haproxy.cfg").read_text(), places)
    here = {":80": f"127.0.0.1:{places.front}", "/etc/haproxy/haproxy-spoe.conf": str(question)}
    config = replaced(config, here | {"/etc/haproxy/gatekeeper.map": str(listed)} | changes)
    (folder / "haproxy.cfg").write_text(config)
    with program(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder, port=places.front) as said:
        yield lambda: said.read_text().count('decision="fail-open"')


_NO_SPOP = (204, 302, 402, 404, 429)

EDGE = Edge(
    "haproxy",
    _front,
    differs={
        # It asks in a protocol of its own; who answers in another has not answered
        **{f"the gate answers {status}": 200 for status in _NO_SPOP},
        # It passes these on, and the gate refuses them
        **dict.fromkeys(("aliased by underscores", "aliased by dots", "aliased by one underscore"), 403),
        **dict.fromkeys(("aliased by tildes", "NUL", "folded"), 403),
    },
)


def runtime_socket(folder: Path) -> Path:
    return folder / "haproxy.sock"


def told_at(runtime_socket: Path, command: bytes) -> bytes:
    """What HAProxy answers at its runtime socket."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(runtime_socket))
        wire.sendall(command + b"\n")
        return read_all(wire)


def has_list(runtime_socket: Path, listed: Path) -> bool:
    return runtime_socket.exists() and b"found=yes" in told_at(runtime_socket, b"get map %s -" % bytes(listed))


@contextlib.contextmanager
def _front_with_list(folder: Path, places: Places) -> Iterator[Count]:
    """It begins once the gate has written the list."""
    runtime = runtime_socket(folder.parent)
    changes = {
        "# With gate.haproxy_socket: stats socket": "stats socket",
        "/run/haproxy/gatekeeper.sock mode 660 group gatekeeper": f"{runtime} mode 600",
    }
    with _front(folder, places, changes) as count:
        until(lambda: has_list(runtime, folder / "gatekeeper.map"))
        yield count


LISTING = dataclasses.replace(
    EDGE,
    name="haproxy-list",
    front=_front_with_list,
    gate=lambda folder: {"haproxy_socket": str(runtime_socket(folder))},
)
