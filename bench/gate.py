"""What a decision costs: CPU time per request of the gate beside nginx's own `return 200`, in one run, as a ratio.

    python bench/gate.py [--seconds 4] [--repeats 5]

Both servers run on one core and wrk on another; both get the same requests: the six headers that an nginx in front sends, over
kept connections, about 100 000 accounts of which 5 % are suspended. Turns alternate, and the medians are compared: a ratio
holds where the numbers themselves drift with whatever else the machine does. Needs wrk, nginx, taskset and two cores.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode
from tests.kit.gates import gate_process, settings_in
from tests.kit.nginx import nginx
from tests.kit.ports import free_port

ACCOUNTS = 100_000
TARGET = 1.8
_NGINX = """
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; server_tokens off; keepalive_requests 100000000;
  server { listen 127.0.0.1:%d backlog=1024; location = /gate/nginx { return 200; } }
}
"""
# Every 61st account of 100 000, so that requests reach all over the list; 1 in 20 of them is suspended
_WRK = """
local requests, turn = {}, 0
init = function()
  for i = 0, 1638 do
    requests[i] = wrk.format("GET", "/gate/nginx", {
      ["Host"] = "gatekeeper", ["X-Account-Id"] = string.format("acct_%012d", i * 61),
      ["X-Original-Method"] = "GET", ["X-Original-URI"] = "/projects/1234/board?view=week",
      ["Accept"] = "text/html,application/xhtml+xml", ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)" })
  end
end
request = function() turn = (turn + 1) % 1639; return requests[turn] end
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    lacking = [name for name in ("wrk", "nginx", "taskset") if not shutil.which(name)]
    if lacking or len(os.sched_getaffinity(0)) < 2:
        sys.exit(
            f"not measured: {', '.join(lacking) or 'a second core'} is missing; nginx and wrk come from your system's packages"
        )
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), given.seconds, given.repeats)


def measure(folder: Path, seconds: int, repeats: int) -> None:
    script = folder / "accounts.lua"
    script.write_text(_WRK)
    settings = settings_in(folder)
    suspended = {f"acct_{number:012d}": Standing.SUSPENDED for number in range(0, ACCOUNTS, 20)}
    snapshot = Snapshot(revision=1, published_at=datetime(2026, 1, 1, tzinfo=UTC), standings=suspended)
    settings.snapshot_path.write_bytes(encode(snapshot))
    port = free_port()
    with nginx(_NGINX % port, folder / "nginx", ports=[port]) as front, gate_process(settings) as gate:
        servers = {"nginx return 200": (port, front.pids()), "gate": (settings.port, [gate.pid])}
        for _, pids in servers.values():
            for pid in pids:
                os.sched_setaffinity(pid, {0})
        costs: dict[str, list[float]] = {name: [] for name in servers}
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for turn in range(repeats + 1):
            for name, (target, pids) in servers.items():
                cost, rate = one_turn(script, target, pids, 1 if turn == 0 else seconds)
                if turn:  # the first one warms up
                    costs[name].append(cost)
                    rates[name].append(rate)
    for name in servers:
        cost, rate = statistics.median(costs[name]), statistics.median(rates[name])
        spread = f"{min(costs[name]):.2f}-{max(costs[name]):.2f}"
        print(f"{name:17} {cost:6.2f} us CPU/request ({spread})  {rate:9,.0f} requests/s")
    ratio = statistics.median(costs["gate"]) / statistics.median(costs["nginx return 200"])
    print(f"gate/nginx CPU ratio {ratio:.2f} (target {TARGET})")


def one_turn(script: Path, port: int, pids: list[int], seconds: int) -> tuple[float, float]:
    """CPU microseconds per request, and requests per second."""
    before, begun = sum(map(cpu_seconds, pids)), time.perf_counter()
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    spent, took = sum(map(cpu_seconds, pids)) - before, time.perf_counter() - begun
    (requests,) = map(int, re.findall(r"(\d+) requests in", report))
    return spent * 1e6 / requests, requests / took


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
