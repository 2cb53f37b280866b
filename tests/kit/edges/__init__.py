"""Every edge that we ship a configuration for, behind one interface: a real proxy between a visitor and what we have.

The visitor comes from 127.0.0.1, which each shipped configuration believes to be an outer proxy that names the account; from
`STRANGER` nobody is believed. What an edge does in its own way stands in its file as data (`Edge.differs`).
"""

import contextlib
import dataclasses
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from _pytest.mark import ParameterSet

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import read_all
from tests.kit.origin import Origin, Request
from tests.kit.ports import free_port
from tests.kit.processes import is_running
from tests.kit.street import neighbours

CONFIGS = Path(__file__).resolve().parents[3] / "config/edges"
# Where the shipped configurations look for the list of whom to ask about
LIST = "/run/gatekeeper/list"
# A loopback address that no shipped configuration names as an outer proxy
STRANGER = "127.0.0.2"

_Reply = TypeVar("_Reply")

# Headers that only the edge may give to the product, however they are spelt
_OWNED = re.compile(r"x.(?:account.id|gatekeeper.\w+|viewer.email)", re.IGNORECASE)


@dataclass(frozen=True)
class Places:
    """Ports on 127.0.0.1: where the edge has to listen, and where its neighbours do."""

    front: int
    product: int
    gate: int
    web: int


# How many requests the edge has let in because the gate failed, as its operator would count them: by access log or metrics
Count = Callable[[], int]


@dataclass(frozen=True)
class Edge:
    """One proxy with the configuration that we ship.

    `name` is that of the peer (tests/kit/peers.py), or begins with it and a hyphen. `front` runs the proxy on these places, its
    files in that folder, until the block ends; it raises if the proxy does not start. `differs` has the status that this edge
    answers in a case of the scenario, by the name of the case, where it is another than the scenario expects; a comment says
    why it is as safe. `tells`, in the same way, has the account that the product is told of where the edge makes one of
    several. `gate` has changes to the gate's settings, for a scene in that folder. `tells_revision`: also of an account in good
    standing; who lets it in without a question may not know it.
    """

    name: str
    front: Callable[[Path, Places], AbstractContextManager[Count]]
    differs: Mapping[str, int] = field(default_factory=dict)
    tells: Mapping[str, list[str]] = field(default_factory=dict)
    gate: Callable[[Path], Mapping[str, object]] = lambda _: {}
    tells_revision: bool = True

    @property
    def peer(self) -> str:
        return self.name.partition("-")[0]


def each(*edges: Edge) -> list[ParameterSet]:
    """Parameters of a test that runs at each of these."""
    return [pytest.param(edge, marks=pytest.mark.peer(edge.peer), id=edge.name) for edge in edges]


@dataclass(frozen=True)
class Scene:
    """Everything from the visitor to the product."""

    edge: Edge
    port: int
    product: Origin
    web: Origin
    gate: subprocess.Popen[bytes]
    settings: GateSettings
    failed_open: Count

    def visit(
        self, account: str, path: str = "/", *, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> httpx.Response:
        """One request for `path` that the outer proxy says is of `account`."""
        url = f"http://127.0.0.1:{self.port}{path}"
        given = {"X-Account-Id": account} | {name.replace("_", "-"): value for name, value in headers.items()}

        def ask() -> httpx.Response:
            return httpx.request(method, url, headers=given, content=body, timeout=10, trust_env=False, verify=False)

        return self._in_time(ask, lambda reply: "fail-open" in reply.headers.get_list("x-gatekeeper-decision"))

    def raw(self, *lines: str | bytes, source: str = "127.0.0.1") -> bytes:
        """The whole answer to a request of these lines, from this address."""
        parts = [line.encode() if isinstance(line, str) else line for line in (*lines, "Connection: close", "", "")]

        def ask() -> bytes:
            with self.wire(source=source) as wire:
                wire.sendall(b"\r\n".join(parts))
                return read_all(wire)

        return self._in_time(ask, lambda reply: b"x-gatekeeper-decision: fail-open" in reply.lower())

    def told(self, account: str, standing: str = "current", revision: int = 5) -> dict[str, list[str]]:
        """What the product hears of an account that was judged."""
        headers = {"x-account-id": account, "x-gatekeeper-account": account, "x-gatekeeper-standing": standing}
        return self._known({name: [value] for name, value in (headers | {"x-gatekeeper-revision": str(revision)}).items()})

    def heard(self, request: Request) -> dict[str, list[str]]:
        """What the product heard, to be held against `told`."""
        return self._known(owned(request))

    def _known(self, headers: dict[str, list[str]]) -> dict[str, list[str]]:
        if not self.edge.tells_revision and headers.get("x-gatekeeper-standing") == ["current"]:
            headers.pop("x-gatekeeper-revision", None)
        return headers

    def _in_time(self, ask: Callable[[], _Reply], failed_open: Callable[[_Reply], bool]) -> _Reply:
        """Ask again if the edge did not wait for a gate that is well: on a machine with much else to do 250 ms may be short."""
        before = len(self.product.requests)
        for _ in range(4):
            reply = ask()
            if not failed_open(reply) or not is_running(self.gate):
                return reply
            del self.product.requests[before:]
        return ask()

    @contextlib.contextmanager
    def wire(self, *, source: str = "127.0.0.1") -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(source, 0)) as wire:
            yield wire

    def expected(self, case: str, usually: int) -> int:
        """The status for this case of the scenario."""
        return self.edge.differs.get(case, usually)


def owned(request: Request) -> dict[str, list[str]]:
    """The headers of a request to the product that only the edge may set, aliases too, in lower case, with all their values.

    One that is empty says as much as one that is not there.
    """
    names = {name.lower() for name, value in request.headers if value and _OWNED.fullmatch(name)}
    return {name: request.header(name) for name in names}


def list_folder(folder: Path) -> Path:
    """Where the gate keeps the list of whom to ask about, for a scene in this folder."""
    return folder / "list"


def with_list(config: str, folder: Path) -> str:
    """The configuration with its lines switched on that look for the list, and that in this scene's folder.

    Raises:
        ValueError: it has no such lines.
    """
    before, announced, after = config.partition("without a question:\n")
    lines = after.splitlines(keepends=True)
    count = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("# "))
    on = "".join(line.replace("# ", "", 1) for line in lines[:count])
    if LIST not in on:
        raise ValueError(f"the configuration has no lines about {LIST}")
    return before + announced + on.replace(LIST, str(list_folder(folder))) + "".join(lines[count:])


def listing(edge: Edge, front: Callable[[Path, Places], AbstractContextManager[Count]]) -> Edge:
    """The same edge with such a configuration, once the gate has written the list."""

    @contextlib.contextmanager
    def begun(folder: Path, places: Places) -> Iterator[Count]:
        until((list_folder(folder.parent) / "-").exists)
        with front(folder, places) as count:
            yield count

    def told(folder: Path) -> Mapping[str, object]:
        return {"list_folder": str(list_folder(folder))}

    return dataclasses.replace(edge, name=f"{edge.name}-list", front=begun, gate=told, tells_revision=False)


@contextlib.contextmanager
def scene(edge: Edge, folder: Path, **changes: object) -> Iterator[Scene]:
    """A scene with the accounts of `street.neighbours`; `changes` are to the gate's settings."""
    with neighbours(folder, **{**edge.gate(folder), **changes}) as behind:
        places = Places(free_port(), behind.product.port, behind.settings.port, behind.web.port)
        with edge.front(folder / edge.peer, places) as failed_open:
            behind.product.requests.clear()
            yield Scene(edge, places.front, behind.product, behind.web, behind.gate, behind.settings, failed_open)


def until(true: Callable[[], bool]) -> None:
    """Wait until this is so, ten seconds at most."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it has not come true in ten seconds"
        time.sleep(0.01)


def warm(built: Scene) -> Scene:
    """The scene once the edge has its answers in time: what has just started takes longer, and counts as a failed gate."""
    until(lambda: built.visit("late").status_code == httpx.codes.PAYMENT_REQUIRED)
    built.product.requests.clear()
    return built
