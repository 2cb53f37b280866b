"""What the gate costs behind each edge: our configuration beside the same proxy without a gate, in one run, as ratios.

    python bench/edges.py [--seconds 4] [--repeats 3] [EDGE ...]

The proxy has one core; wrk, the product (an nginx that returns 200) and the gate share another. Gated is the configuration
that we ship, its access log off; ungated is the least that the proxy needs in order to pass requests on. Their turns
alternate, and the medians are compared: a ratio holds where the numbers themselves drift with whatever else the machine does.
Targets: 0.95 of the ratios that the prototype had. Needs wrk, nginx, two cores, and the proxies.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gate import ACCOUNTS, cpu_seconds
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode
from tests.kit.edges import CONFIGS, Places, caddy, envoy, haproxy, nginx, traefik
from tests.kit.edges.running import program
from tests.kit.gates import gate_process, settings_in
from tests.kit.nginx import nginx as running_nginx
from tests.kit.peers import PEERS
from tests.kit.ports import free_port
from tests.kit.processes import children

EDGE_CORE, OTHER_CORE = 0, 1

_PRODUCT = """
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; server_tokens off; keepalive_requests 100000000;
  server { listen 127.0.0.1:%d backlog=1024; location / { return 200; } }
}
"""
# Every 61st account of 100 000 but the suspended ones, so that requests reach all over the list
_WRK = """
local requests, turn = {}, 0
init = function()
  for i = 0, 1638 do
    if i * 61 %% 20 ~= 0 then
      requests[#requests + 1] = wrk.format("GET", "/projects/1234/board?view=week", {
        ["Host"] = "app.example", ["X-Account-Id"] = string.format("acct_%%012d", i * 61),
        ["Accept"] = "text/html,application/xhtml+xml", ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)" })
    end
  end
end
request = function() turn = turn %% #requests + 1; return requests[turn] end
done = function(summary, latency)
  io.write(string.format("answers %%d other %%d us %%d\\n", summary.requests, summary.errors.status, summary.duration))
end
""".replace("%%", "%")


@dataclass(frozen=True)
class Contest:
    """One proxy: what to take out of our configuration, and the least that it needs.

    `without` are patterns in `file`: of its access log, and of more than one worker. `plain` gives the command, and puts its
    configuration in the folder. `socket`: our configuration's address of the gate, and the one that is put in its place, as the
    prototype had it; Traefik has no other. `target`: 0.95 of the prototype's ratio of requests per second.
    """

    name: str
    file: str
    without: tuple[str, ...]
    plain: Callable[[Path, int, int], list[str | Path]]
    socket: tuple[str, str] | None
    target: float


def _plain(name: str, text: str, *command: str | Path) -> Callable[[Path, int, int], list[str | Path]]:
    def write(folder: Path, front: int, product: int) -> list[str | Path]:
        (folder / name).write_text(text.replace("FRONT", str(front)).replace("PRODUCT", str(product)))
        return list(command)

    return write


_PLAIN_NGINX = """
daemon off; error_log stderr error; pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream product { server 127.0.0.1:PRODUCT; keepalive 32; }
  server { listen 127.0.0.1:FRONT; location / {
    proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Connection ""; proxy_pass http://product; } }
}
"""
_PLAIN_ENVOY = """
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: FRONT } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: visitors
          use_remote_address: true
          generate_request_id: false
          route_config:
            virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: product } }] }]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: product
    load_assignment:
      cluster_name: product
      endpoints:
      - lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: PRODUCT } } } }]
"""
_PLAIN_TRAEFIK = """
entryPoints: { web: { address: "127.0.0.1:FRONT" } }
providers: { file: { filename: plain.yaml } }
global: { checkNewVersion: false, sendAnonymousUsage: false }
http:
  routers: { all: { rule: "PathPrefix(`/`)", service: product } }
  services: { product: { loadBalancer: { servers: [{ url: "http://127.0.0.1:PRODUCT" }] } } }
"""
_PLAIN_CADDY = "{\nadmin off\n}\nhttp://:FRONT {\nreverse_proxy 127.0.0.1:PRODUCT\n}\n"
_PLAIN_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend visitors
    bind 127.0.0.1:FRONT
    option forwardfor
    default_backend product
backend product
    server product 127.0.0.1:PRODUCT
"""

CONTESTS = (
    Contest(
        "nginx", "nginx.conf", (r"access_log /var.*;", r"worker_processes .*;"),
        _plain("nginx.conf", _PLAIN_NGINX, "nginx", "-p", ".", "-e", "stderr", "-c", "nginx.conf"),
        ("server 127.0.0.1:8403;", "server unix:SOCKET;\nserver 127.0.0.1:8403 down;"), 0.63,
    ),
    Contest(
        "haproxy", "haproxy.cfg", (r"\n    log stdout.*",),
        _plain("haproxy.cfg", _PLAIN_HAPROXY, "haproxy", "-db", "-f", "haproxy.cfg"),
        ("127.0.0.1:8403", "unix@SOCKET"), 0.72,
    ),
    Contest(
        "envoy", "envoy.yaml", (r"(?s)\n          access_log:.*?(?=\n\n)",),
        _plain("plain.yaml", _PLAIN_ENVOY, envoy.ENVOY, "-c", "plain.yaml", "--concurrency", "1"),
        ("socket_address: { address: 127.0.0.1, port_value: 8403 }", "pipe: { path: SOCKET }"), 0.54,
    ),
    Contest(
        "caddy", "Caddyfile", (r"(?s)\n\tlog \{.*?\n\t\}",),
        _plain("Caddyfile", _PLAIN_CADDY, caddy.CADDY, "run", "--config", "Caddyfile", "--adapter", "caddyfile"),
        ("127.0.0.1:8403", "unix/SOCKET"), 0.56,
    ),
    Contest(
        "traefik", "traefik/traefik.yaml", (r"(?s)\naccessLog:.*?(?=\n\w)",),
        _plain("plain.yaml", _PLAIN_TRAEFIK, traefik.TRAEFIK, "--configFile=plain.yaml"), None, 0.28,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """Requests per second, CPU microseconds per request of the edge and of the gate, and how many answers were no 200."""

    rate: float
    edge: float
    gate: float
    other: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    known = [contest.name for contest in CONTESTS]
    parser.add_argument("edges", nargs="*", metavar="EDGE", default=known, help=f"some of {', '.join(known)}; none: all")
    given = parser.parse_args()
    if unknown := set(given.edges).difference(known):
        parser.error(f"no edge of ours: {', '.join(unknown)}; there are {', '.join(known)}")
    lacking = [missing for missing in (PEERS[name]() for name in ("nginx", *given.edges)) if missing]
    lacking += [] if shutil.which("wrk") else ["wrk is not installed: take it from your system's packages"]
    lacking += [] if len(os.sched_getaffinity(0)) > 1 else ["a second core is missing"]
    if lacking:
        sys.exit(f"not measured: {'; '.join(lacking)}")
    print("edge     ungated -> gated requests/s   ratio (target)   edge CPU us/request   gate CPU us/request")
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
    (folder / "accounts.lua").write_text(_WRK)
    settings = settings_in(folder, socket=str(folder / "gate.sock"))
    suspended = {f"acct_{number:012d}": Standing.SUSPENDED for number in range(0, ACCOUNTS, 20)}
    snapshot = Snapshot(revision=1, published_at=datetime(2026, 1, 1, tzinfo=UTC), standings=suspended)
    settings.snapshot_path.write_bytes(encode(snapshot))
    product = free_port()
    with on_core(OTHER_CORE), contextlib.ExitStack() as stack:
        stack.enter_context(running_nginx(_PRODUCT % product, folder / "product", ports=[product]))
        gate = stack.enter_context(gate_process(settings))
        yield product, settings.port, gate.pid


def measure(contest: Contest, folder: Path, places: Places, gate: int, seconds: int, repeats: int) -> None:
    turns: dict[str, list[Turn]] = {"ungated": [], "gated": []}
    with contextlib.ExitStack() as stack:
        running = {}
        for kind, front in (("ungated", ungated), ("gated", gated)):
            port, before = free_port(), set(children(os.getpid()))
            here = Places(port, places.product, places.gate, places.web)
            with on_core(EDGE_CORE):
                stack.enter_context(front(contest, folder, here))
            (process,) = set(children(os.getpid())) - before
            running[kind] = port, [process, *children(process)]
        for turn in range(repeats + 1):
            for kind, (port, pids) in running.items():
                found = one_turn(folder / "accounts.lua", port, pids, gate, 1 if turn == 0 else seconds)
                if turn == 0:  # it warms up; Traefik, which listens before it knows where to, begins with 404
                    continue
                if found.other:
                    sys.exit(f"not measured: {found.other} answers of {contest.name}, {kind}, were no 200")
                turns[kind].append(found)

    def median(kind: str, what: str) -> float:
        return statistics.median(getattr(each, what) for each in turns[kind])

    rates = [median(kind, "rate") for kind in turns]
    edge = [median(kind, "edge") for kind in turns]
    spread = [f"{min(each.rate for each in found):,.0f}-{max(each.rate for each in found):,.0f}" for found in turns.values()]
    print(
        f"{contest.name:8} {rates[0]:7,.0f} -> {rates[1]:7,.0f} ({spread[0]}; {spread[1]})   "
        f"{rates[1] / rates[0]:.2f} ({contest.target:.2f})   {edge[0]:5.1f} -> {edge[1]:5.1f}   {median('gated', 'gate'):5.1f}",
        flush=True,
    )


@contextlib.contextmanager
def ungated(contest: Contest, folder: Path, places: Places) -> Iterator[None]:
    here = folder / f"{contest.name}-ungated"
    here.mkdir()
    with program(contest.plain(here, places.front, places.product), here, port=places.front):
        yield


@contextlib.contextmanager
def gated(contest: Contest, folder: Path, places: Places) -> Iterator[None]:
    """Our configuration, but for its access log, and with the gate's socket."""
    configs = folder / f"{contest.name}-configs"
    shutil.copytree(CONFIGS, configs)
    text = (configs / contest.file).read_text()
    for pattern in contest.without:
        text, count = re.subn(pattern, "", text)
        if count != 1:
            sys.exit(
                f"not measured: {contest.file} has {count} times what {pattern!r} finds, and not once; correct the pattern"
            )
    if contest.socket:
        address, socket = contest.socket
        # The kit looks for the address, and shall find it where it does nothing
        text = text.replace(address, socket.replace("SOCKET", str(folder / "gate.sock"))) + f"\n# {address}\n"
    (configs / contest.file).write_text(text)
    kit = {each.EDGE.name: each for each in (caddy, envoy, haproxy, nginx, traefik)}[contest.name]
    kit.CONFIGS = configs
    nginx.SHIPPED = (configs / "nginx.conf").read_text()
    with kit.EDGE.front(folder / contest.name, places):
        yield


def one_turn(script: Path, port: int, pids: list[int], gate: int, seconds: int) -> Turn:
    before, gate_before = sum(map(cpu_seconds, pids)), cpu_seconds(gate)
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/"]
    with on_core(OTHER_CORE):
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    edge, asked = sum(map(cpu_seconds, pids)) - before, cpu_seconds(gate) - gate_before
    found = re.search(r"answers (\d+) other (\d+) us (\d+)", report)
    assert found, report
    requests, other, micros = map(int, found.groups())
    return Turn(requests / micros * 1e6, edge * 1e6 / requests, asked * 1e6 / requests, other)


if __name__ == "__main__":
    main()
