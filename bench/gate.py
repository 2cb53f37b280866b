"""What a decision costs, beside nginx, Go and uvicorn, alone and behind nginx: in one run, in turns, as ratios.

    python bench/gate.py [--seconds 1] [--repeats 15]

Alone: every server gets what an nginx in front sends, over kept connections: about 100 000 accounts of which 5 % are suspended.
It runs on one core, and wrk on another. Behind nginx: nginx serves a small file on one core, and whom it asks shares the other
with wrk. CPU time is the kernel's account of the processes. A ratio is the median of those of neighbouring turns: it holds
where the numbers themselves drift with whatever else the machine does. Needs wrk, nginx, taskset, two cores; Go for its row.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.gate.settings import GateSettings
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode
from tests.kit.edges import until
from tests.kit.gates import gate_process, settings_in
from tests.kit.nginx import nginx
from tests.kit.ports import free_port, wait_until_listening

PEERS = Path(__file__).parent / "peers"
ACCOUNTS = 100_000
_HTTP = "access_log off; server_tokens off; keepalive_requests 100000000;"
_RETURNS = """
user www-data;
worker_processes 1;
events { worker_connections 1024; }
http { %(http)s
  server { listen 127.0.0.1:%(port)d backlog=1024; listen unix:%(socket)s; location = /gate/nginx { return 200; } }
}
"""
_EDGE = """
user www-data;
worker_processes 1;
events { worker_connections 1024; }
http { %(http)s
  map $http_x_account_id $file { default "-"; "~^[A-Za-z0-9_][A-Za-z0-9_.:@+=~-]{0,127}$" $http_x_account_id; }
  upstream gate { server unix:%(gate)s; keepalive 64; }
  upstream limit { server unix:%(limit)s; keepalive 64; }
  proxy_http_version 1.1;
  server {
    listen 127.0.0.1:%(port)d backlog=1024;
    root %(root)s;
    location /ungated/ { }
    location /internal/ { auth_request /200; }
    location /gated/ { auth_request /ask; %(set)s }
    location /listed/ { auth_request /ask-if-listed; %(set)s }
    location /limit/ { auth_request /ask-limit; %(set)s }
    location = /200 { internal; return 200; }
    location = /ask { internal; proxy_pass http://gate/gate/nginx; %(ask)s }
    location = /ask-if-listed { internal; %(list)s proxy_pass http://gate/gate/nginx; %(ask)s }
    location = /ask-limit { internal; proxy_pass http://limit/gate/nginx; %(ask)s }
  }
}
"""
# As in config/edges/nginx.conf
_SET = " ".join(
    f"auth_request_set $judged_{name} $upstream_http_x_gatekeeper_{name};" for name in ("account", "standing", "revision")
)
_ASK = """proxy_pass_request_headers off; proxy_pass_request_body off; proxy_set_header Content-Length "";
  proxy_set_header Connection ""; proxy_set_header X-Account-Id $http_x_account_id;
  proxy_set_header X-Original-Method $request_method; proxy_set_header X-Original-URI $request_uri;"""
_LIST = """set $unasked no; if (-f %(folder)s/-) { set $unasked yes; } if (-f %(folder)s/$file) { set $unasked no; }
  if ($unasked = yes) { return 204; }"""
# As an nginx in front asks, of every 61st account of 100 000, so that requests reach all over the list; 1 in 20 is suspended
_WRK = """
local requests, turn, count = {}, 0, 1639
init = function()
  for i = 0, count - 1 do
    requests[i] = wrk.format("GET", "%s", {
      ["Host"] = "gatekeeper", ["X-Account-Id"] = string.format("acct_%%012d", i * 61),
      ["X-Original-Method"] = "GET", ["X-Original-URI"] = "/projects/1234/board?view=week",
      ["Accept"] = "text/html,application/xhtml+xml", ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)" })
  end
end
request = function() turn = (turn + 1) %% count; return requests[turn] end
"""
# An account in good standing asks an nginx in front, as in the prototype's chains: a script of wrk's takes time from whom nginx
# asks, which shares its core
VISITOR = {
    "Host": "app.example",
    "X-Account-Id": "acct_000000000061",
    "Accept": "text/html,application/xhtml+xml",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
}
_TICKS = os.sysconf("SC_CLK_TCK")


class Turn(NamedTuple):
    """CPU microseconds per request, requests per second, and the median latency in microseconds."""

    cost: float
    rate: float
    latency: float


class Target(NamedTuple):
    """What wrk asks, and the processes that answer. `visited`: by a visitor, and not by an nginx in front."""

    port: int
    path: str
    pids: list[int]
    visited: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    lacking = [name for name in ("wrk", "nginx", "taskset") if not shutil.which(name)]
    if lacking or len(os.sched_getaffinity(0)) < 2:
        sys.exit(
            f"not measured: {', '.join(lacking) or 'a second core'} is missing; nginx and wrk come from your system's packages"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = settings_in(folder, socket=str(folder / "gate.sock"), list_folder=str(folder / "list"))
        suspended = {f"acct_{number:012d}": Standing.SUSPENDED for number in range(0, ACCOUNTS, 20)}
        snapshot = Snapshot(revision=1, published_at=datetime(2026, 1, 1, tzinfo=UTC), standings=suspended)
        settings.snapshot_path.write_bytes(encode(snapshot))
        alone(folder, settings, given.seconds, given.repeats)
        behind(folder, settings, given.seconds, given.repeats)


def alone(folder: Path, settings: GateSettings, seconds: int, repeats: int) -> None:
    """Each server by itself, on one core."""
    port = free_port()
    config = _RETURNS % {"http": _HTTP, "port": port, "socket": folder / "alone.sock"}
    with contextlib.ExitStack() as stack:
        limit = stack.enter_context(nginx(config, folder / "alone", ports=[port]))
        gate = stack.enter_context(gate_process(settings))
        targets = {
            "nginx return 200": Target(port, "/gate/nginx", limit.pids()),
            "gate": Target(settings.port, "/gate/nginx", [gate.pid]),
            "uvicorn, raw ASGI": stack.enter_context(_uvicorn()),
        }
        if shutil.which("go"):
            targets["Go net/http"] = stack.enter_context(_go(folder))
        _pin(0, [pid for target in targets.values() for pid in target.pids])
        found = _measured(folder, targets, seconds, repeats)
    for peer, least in (("nginx return 200", 0.65), ("Go net/http", 1.4), ("uvicorn, raw ASGI", 2.2)):
        if peer in found:
            print(f"gate / {peer}, by CPU: {beside(found[peer], found['gate'], 'cost'):.2f} (at least {least})")
        else:
            print(f"gate / {peer}: not measured, it is not installed")


def behind(folder: Path, settings: GateSettings, seconds: int, repeats: int) -> None:
    """One nginx with five ways to decide, and whom it asks."""
    root, port, other = folder / "www", free_port(), free_port()
    ways = ("ungated", "internal", "gated", "listed", "limit")
    for name in ways:
        (root / name).mkdir(parents=True)
        (root / name / "ok.html").write_text("<!doctype html><title>ok</title>ok")
    folder.chmod(0o755)
    sockets = {"gate": settings.socket, "limit": folder / "limit.sock"}
    listed = _LIST % {"folder": settings.list_folder}
    edge_config = _EDGE % ({"http": _HTTP, "port": port, "root": root, "set": _SET, "ask": _ASK, "list": listed} | sockets)
    limit_config = _RETURNS % {"http": _HTTP, "port": other, "socket": folder / "limit.sock"}
    with (
        nginx(limit_config, folder / "second", ports=[other]) as limit,
        gate_process(settings) as gate,
        nginx(edge_config, folder / "edge", ports=[port]) as edge,
    ):
        _pin(0, edge.pids())
        _pin(1, [gate.pid, *limit.pids()])
        everybody = [*edge.pids(), gate.pid, *limit.pids()]
        targets = {name: Target(port, f"/{name}/ok.html", everybody, visited=True) for name in ways}
        until((folder / "list/-").exists)
        found = _measured(folder, targets, seconds, repeats)
        single = _measured(
            folder, {name: targets[name] for name in ("ungated", "gated", "listed", "limit")}, seconds, repeats, connections=1
        )
    gated, limit, plain = found["gated"], found["limit"], found["ungated"]
    print(f"behind nginx, gate / nginx as the gate, requests/s: {beside(gated, limit, 'rate'):.2f} (at least 0.85)")
    print(f"behind nginx, gate / nginx as the gate, by CPU of all: {beside(limit, gated, 'cost'):.2f}")
    print(f"gated / ungated nginx, requests/s: {beside(gated, plain, 'rate'):.2f} (at least 0.63)")
    print(f"the same with the list of whom to ask about: {beside(found['listed'], plain, 'rate'):.2f}")
    print(f"the same with nginx as the gate, the limit of a question: {beside(limit, plain, 'rate'):.2f}")
    print(f"the same with an internal auth_request, the limit: {beside(found['internal'], plain, 'rate'):.2f}")
    added, listed, least = (
        middle(single[name], "latency") - middle(single["ungated"], "latency") for name in ("gated", "listed", "limit")
    )
    print(
        f"added median latency at one connection: {added:.0f} us (at most 40); with the list {listed:.0f}; "
        f"with nginx as the gate, the limit of a question: {least:.0f}"
    )


def middle(turns: Sequence[object], what: str) -> float:
    """The median of one field."""
    return statistics.median(getattr(turn, what) for turn in turns)


def beside(these: Sequence[object], those: Sequence[object], what: str) -> float:
    """The median of the ratios of two turns that came one after the other: what slows the machine down slows down both."""
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in zip(these, those, strict=True))


@contextlib.contextmanager
def _uvicorn() -> Iterator[Target]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(PEERS),
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]
    quiet = [
        "--no-access-log",
        "--lifespan",
        "off",
        "--no-server-header",
        "--no-date-header",
        "--log-level",
        "error",
        "raw_asgi:app",
    ]
    with subprocess.Popen([*command, *quiet]) as process:
        try:
            wait_until_listening(port)
            yield Target(port, "/gate/nginx", [process.pid])
        finally:
            process.terminate()


@contextlib.contextmanager
def _go(folder: Path) -> Iterator[Target]:
    port = free_port()
    environment = os.environ | {"GOCACHE": str(folder / "go"), "GOMAXPROCS": "1"}
    subprocess.run(["go", "build", "-o", str(folder / "gate-go"), str(PEERS / "gate.go")], check=True, env=environment)
    with subprocess.Popen([str(folder / "gate-go"), str(port)], env=environment) as process:
        try:
            wait_until_listening(port)
            yield Target(port, "/gate/nginx", [process.pid])
        finally:
            process.terminate()


def _pin(core: int, pids: list[int]) -> None:
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


def _measured(
    folder: Path, targets: dict[str, Target], seconds: int, repeats: int, connections: int = 32
) -> dict[str, list[Turn]]:
    """The turns of each, with a line of their medians for people."""
    turns: dict[str, list[Turn]] = {name: [] for name in targets}
    for turn in range(repeats + 1):
        for name, target in targets.items():
            one = _one_turn(folder / "requests.lua", target, 1 if turn == 0 else seconds, connections)
            if turn:  # the first one warms up
                turns[name].append(one)
    for name, each in turns.items():
        costs = [one.cost for one in each]
        print(
            f"{name:18} {middle(each, 'cost'):7.2f} us CPU/request ({min(costs):.2f}-{max(costs):.2f})"
            f"  {middle(each, 'rate'):9,.0f} requests/s  p50 {middle(each, 'latency'):6.0f} us at {connections}"
        )
    return turns


def _one_turn(script: Path, target: Target, seconds: int, connections: int) -> Turn:
    script.write_text(_WRK % target.path)
    how = named(VISITOR) if target.visited else ["-s", str(script)]
    before, begun = sum(map(cpu_seconds, target.pids)), time.perf_counter()
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *how]
    url = f"http://127.0.0.1:{target.port}{target.path}"
    report = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    spent, took = sum(map(cpu_seconds, target.pids)) - before, time.perf_counter() - begun
    (requests,) = map(int, re.findall(r"(\d+) requests in", report))
    ((number, unit),) = re.findall(r"50%\s+([\d.]+)(us|ms)", report)
    if target.visited:
        assert "Non-2xx" not in report, report
    return Turn(spent * 1e6 / requests, requests / took, float(number) * (1000 if unit == "ms" else 1))


def named(headers: Mapping[str, str]) -> list[str]:
    """Headers as wrk takes them."""
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
