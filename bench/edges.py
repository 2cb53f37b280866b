"""What the gate costs behind each edge: our configuration beside the same proxy without a gate, in one run, as ratios.

    python bench/edges.py [--seconds 1] [--repeats 15] [EDGE ...]

The proxy has one core; wrk, the product (an nginx that returns 200) and the gate share another. Gated is the configuration
that we ship, its access log off; NAME-list is the same with the list of whom to ask about. Beside it are two in
bench/peers/edges: ungated is the least that the proxy needs in order to pass requests on, and least what it needs in order to
ask the gate first, without a rule of ours: it believes anybody, and admits nobody when the gate is dead. Their turns alternate,
and a ratio is the median of those of neighbouring turns: it holds where the numbers themselves drift with whatever else the
machine does. Targets: 0.95 of the ratios that the prototype had on its machine, and of the least on this one. Needs wrk, nginx,
two cores, and the proxies.
"""

import argparse
import contextlib
import dataclasses
import getpass
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gate import ACCOUNTS, VISITOR, beside, cpu_seconds, middle, named
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode
from tests.kit.edges import CONFIGS, Places, caddy, envoy, haproxy, nginx, traefik
from tests.kit.edges.running import program
from tests.kit.gates import gate_process, settings_in
from tests.kit.nginx import nginx as running_nginx
from tests.kit.peers import PEERS
from tests.kit.ports import free_port
from tests.kit.processes import children

_PROXIES = nginx, haproxy, envoy, caddy
EDGES = {edge.name: edge for proxy in _PROXIES for edge in (proxy.EDGE, proxy.LISTING)} | {traefik.EDGE.name: traefik.EDGE}
EDGE_CORE, OTHER_CORE = 0, 1
PEER_FILES = Path(__file__).parent / "peers/edges"
KINDS = "ungated", "least", "gated"

_PRODUCT = """
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; server_tokens off; keepalive_requests 100000000;
  server { listen 127.0.0.1:%d backlog=1024; location / { return 200; } }
}
"""


@dataclass(frozen=True)
class Contest:
    """One proxy: its peers' configuration, and what to change in ours.

    `peer` is the name of the peers' file, and `command` what runs one. `changes` are patterns in our `file`, of its access log
    and of more than one worker, and what is put in their place. `socket`: our configuration's address of the gate, and the one
    that is put in its place, as the prototype had it; Traefik has no other. `target`: 0.95 of the prototype's ratio.
    """

    name: str
    peer: str
    command: tuple[str | Path, ...]
    file: str
    changes: tuple[tuple[str, str], ...]
    socket: tuple[str, str] | None
    target: float


ASKING = (
    Contest(
        "nginx", "nginx-KIND.conf", ("nginx", "-p", ".", "-e", "stderr", "-c"),
        "nginx.conf", ((r"access_log /var.*;", "access_log off;"), (r"worker_processes .*;", "")),
        (
            "upstream gatekeeper_gate {\n        server 127.0.0.1:8403;",
            "upstream other {\nserver 127.0.0.1:8403;\n}\nupstream gatekeeper_gate { server unix:SOCKET;",
        ),
        0.63,
    ),
    Contest(
        "haproxy", "haproxy-KIND.cfg", ("haproxy", "-db", "-f"),
        "haproxy.cfg", ((r"\n    log stdout.*", ""),),
        ("127.0.0.1:8403", "unix@SOCKET"), 0.72,
    ),
    Contest(
        "envoy", "envoy-KIND.yaml", (envoy.ENVOY, "--use-dynamic-base-id", "--concurrency", "1", "-c"),
        "envoy.yaml", ((r"(?s)\n          access_log:.*?(?=\n\n)", ""),),
        ("socket_address: { address: 127.0.0.1, port_value: 8403 }", "pipe: { path: SOCKET }"), 0.54,
    ),
    Contest(
        "caddy", "Caddyfile-KIND", (caddy.CADDY, "run", "--adapter", "caddyfile", "--config"),
        "Caddyfile", ((r"(?s)\n\tlog \{.*?\n\t\}", ""),),
        ("127.0.0.1:8403", "unix/SOCKET"), 0.56,
    ),
    Contest(
        "traefik", "traefik-KIND.yaml", (traefik.TRAEFIK, "--configFile"),
        "traefik/traefik.yaml", ((r"(?s)\naccessLog:.*?(?=\n\w)", ""),), None, 0.28,
    ),
)  # fmt: skip
# The same with the list, where the edge can keep to one
CONTESTS = tuple(
    one
    for contest in ASKING
    for one in (contest, dataclasses.replace(contest, name=f"{contest.name}-list"))
    if one.name in EDGES
)


@dataclass(frozen=True)
class Turn:
    """Requests per second, CPU microseconds per request of the edge and of the gate, and how many answers were no 200."""

    rate: float
    edge: float
    gate: float
    other: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    known = [contest.name for contest in CONTESTS]
    parser.add_argument("edges", nargs="*", metavar="EDGE", default=known, help=f"some of {', '.join(known)}; none: all")
    given = parser.parse_args()
    if unknown := set(given.edges).difference(known):
        parser.error(f"no edge of ours: {', '.join(unknown)}; there are {', '.join(known)}")
    lacking = [
        missing for missing in (PEERS[name]() for name in ("nginx", *(EDGES[name].peer for name in given.edges))) if missing
    ]
    lacking += [] if shutil.which("wrk") else ["wrk is not installed: take it from your system's packages"]
    lacking += [] if len(os.sched_getaffinity(0)) > 1 else ["a second core is missing"]
    if lacking:
        sys.exit(f"not measured: {'; '.join(lacking)}")
    print("requests/s, and microseconds of CPU per request of the edge, and of the gate")
    with tempfile.TemporaryDirectory() as name, neighbours(Path(name)) as (product, settings_port, gate):
        for contest in CONTESTS:
            if contest.name in given.edges:
                measure(contest, Path(name), Places(0, product, settings_port, product), gate, given.seconds, given.repeats)


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Whatever is started in the block runs on this core alone, and counts no other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def neighbours(folder: Path) -> Iterator[tuple[int, int, int]]:
    """A product and a gate that knows 5 000 suspended accounts: their ports, and the gate's process."""
    lists = haproxy.LISTING.gate(folder) | nginx.LISTING.gate(folder) | envoy.LISTING.gate(folder)
    settings = settings_in(folder, socket=str(folder / "gate.sock"), **lists)
    suspended = {f"acct_{number:012d}": Standing.SUSPENDED for number in range(0, ACCOUNTS, 20)}
    snapshot = Snapshot(revision=1, published_at=datetime(2026, 1, 1, tzinfo=UTC), standings=suspended)
    settings.snapshot_path.write_bytes(encode(snapshot))
    product = free_port()
    with on_core(OTHER_CORE), contextlib.ExitStack() as stack:
        stack.enter_context(running_nginx(_PRODUCT % product, folder / "product", ports=[product]))
        gate = stack.enter_context(gate_process(settings))
        yield product, settings.port, gate.pid


def measure(contest: Contest, folder: Path, places: Places, gate: int, seconds: int, repeats: int) -> None:
    turns: dict[str, list[Turn]] = {kind: [] for kind in KINDS}
    with contextlib.ExitStack() as stack:
        running = {}
        for kind in KINDS:
            port, before = free_port(), set(children(os.getpid()))
            here = Places(port, places.product, places.gate, places.web)
            with on_core(EDGE_CORE):
                stack.enter_context(gated(contest, folder, here) if kind == "gated" else peer(contest, kind, folder, here))
            (process,) = set(children(os.getpid())) - before
            running[kind] = port, [process, *children(process)]
        for turn in range(repeats + 1):
            for kind, (port, pids) in running.items():
                found = one_turn(port, pids, gate, 1 if turn == 0 else seconds)
                if turn == 0:  # it warms up; Traefik, which listens before it knows where to, begins with 404
                    continue
                if found.other:
                    sys.exit(f"not measured: {found.other} answers of {contest.name}, {kind}, were no 200")
                turns[kind].append(found)
    for kind, found in turns.items():
        rate, edge, asked = (middle(found, what) for what in ("rate", "edge", "gate"))
        spread = f"({min(each.rate for each in found):,.0f}-{max(each.rate for each in found):,.0f})"
        print(f"{contest.name:12} {kind:8} {rate:7,.0f} {spread:17} {edge:6.1f} {asked:6.1f}")
    print(
        f"{contest.name}: gated / ungated {beside(turns['gated'], turns['ungated'], 'rate'):.2f} ({contest.target:.2f}), "
        f"least / ungated {beside(turns['least'], turns['ungated'], 'rate'):.2f}, "
        f"gated / least {beside(turns['gated'], turns['least'], 'rate'):.2f} (0.95)",
        flush=True,
    )


@contextlib.contextmanager
def peer(contest: Contest, kind: str, folder: Path, places: Places) -> Iterator[None]:
    """One of the peers' configurations, in the folder of all of them, for HAProxy's has two files."""
    here = folder / f"{contest.name}-{kind}"
    here.mkdir()
    these = {"FRONT": places.front, "PRODUCT": places.product, "GATE": places.gate, "SOCKET": folder / "gate.sock"}
    for file in PEER_FILES.iterdir():
        text = file.read_text()
        for name, this in (these | {"USER": getpass.getuser()}).items():
            text = text.replace(name, str(this))
        (here / file.name).write_text(text)
    with program([*contest.command, contest.peer.replace("KIND", kind)], here, port=places.front):
        yield


@contextlib.contextmanager
def gated(contest: Contest, folder: Path, places: Places) -> Iterator[None]:
    """Our configuration, but for its access log, and with the gate's socket."""
    configs = folder / f"{contest.name}-configs"
    shutil.copytree(CONFIGS, configs)
    text = (configs / contest.file).read_text()
    for pattern, instead in contest.changes:
        text, count = re.subn(pattern, instead, text)
        if count != 1:
            sys.exit(
                f"not measured: {contest.file} has {count} times what {pattern!r} finds, and not once; correct the pattern"
            )
    if contest.socket:
        address, socket = contest.socket
        text = text.replace(address, socket.replace("SOCKET", str(folder / "gate.sock")))
        # The kit looks for the address, and shall find it where it does nothing
        text += f"\n# {address.splitlines()[-1]}\n"
    (configs / contest.file).write_text(text)
    for kit in (caddy, envoy, haproxy, traefik):
        kit.CONFIGS = configs
    nginx.SHIPPED = (configs / "nginx.conf").read_text()
    with EDGES[contest.name].front(folder / contest.name, places):
        yield


def one_turn(port: int, pids: list[int], gate: int, seconds: int) -> Turn:
    before, gate_before = sum(map(cpu_seconds, pids)), cpu_seconds(gate)
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", *named(VISITOR), f"http://127.0.0.1:{port}/projects/1234/board?view=week"]
    begun = time.perf_counter()
    with on_core(OTHER_CORE):
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    took = time.perf_counter() - begun
    edge, asked = sum(map(cpu_seconds, pids)) - before, cpu_seconds(gate) - gate_before
    (requests,) = map(int, re.findall(r"(\d+) requests in", report))
    other = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", report)))
    return Turn(requests / took, edge * 1e6 / requests, asked * 1e6 / requests, other)


if __name__ == "__main__":
    main()
