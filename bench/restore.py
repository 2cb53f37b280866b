"""From the payment to the open gate: how long a customer who pays waits, among 100,000 who are suspended and have not.

Everything runs as it does for an operator: `gatekeeper run` as a process, the stand-in for Stripe sending signed webhooks.
One account after another pays; seen is when the changes file has the line, when the feed tells it, and when the gate says 200.
Beside it somebody in good standing asks the gate all the time: by this its own p99 while that happens is compared with its p99
while nothing does; for that it has to run as root, and the numbers are worse otherwise. Prints milliseconds and ratios.
Run: python bench/restore.py [--among 100000]
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from gatekeeper.snapshot import SnapshotInvalid, decode_delta
from tests.kit.billers import StandinBiller, later, pay, standin, subscribe
from tests.kit.crowd import SUSPENDED, crowd
from tests.kit.events import events_in
from tests.kit.running import SECRET, Installation, until

PAYERS = 100
LIMIT_MS, LIMIT_RATIO = 250.0, 2.0
PACE_SECONDS = 0.002
PAUSE_SECONDS = 0.1
TOKEN = "looks-on"


class Seen:
    """When each account was first seen to be let in; `ready` is set once somebody looks."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self._at: dict[str, float] = {}
        self._changed = threading.Condition()

    def note(self, account: str, standing: str) -> None:
        if standing == "current":
            with self._changed:
                self._at.setdefault(account, time.perf_counter())
                self._changed.notify_all()

    def wait(self, account: str) -> float:
        with self._changed:
            assert self._changed.wait_for(lambda: account in self._at, 60), account
            return self._at[account]


@contextmanager
def watching(work: Callable[[Seen, threading.Event], None]) -> Iterator[Seen]:
    seen, stop = Seen(), threading.Event()
    thread = threading.Thread(target=work, args=(seen, stop))
    thread.start()
    try:
        assert seen.ready.wait(60)
        yield seen
    finally:
        stop.set()
        thread.join()


def lines_of(path: Path) -> Callable[[Seen, threading.Event], None]:
    """Whole lines of the changes file, also when another takes its place."""

    def read(seen: Seen, stop: threading.Event) -> None:
        file_number, taken = 0, 0
        while not stop.wait(PACE_SECONDS):
            status = path.stat()
            if status.st_ino != file_number:
                file_number, taken = status.st_ino, 0
            if status.st_size > taken:
                *lines, _ = path.read_bytes()[taken:].split(b"\n")
                for line in lines:
                    taken += len(line) + 1
                    _note_line(line, seen)
            seen.ready.set()

    return read


def _note_line(line: bytes, seen: Seen) -> None:
    try:
        delta = decode_delta(line)
    except SnapshotInvalid:
        return
    for account, standing, *_ in delta.changes:
        seen.note(account, standing.value)


def stream_of(url: str) -> Callable[[Seen, threading.Event], None]:
    def follow(seen: Seen, stop: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.stream("GET", f"{url}/api/v1/access/stream", headers=headers, timeout=30, trust_env=False) as answer:
            for event in events_in(answer.iter_lines()):
                seen.ready.set()
                for account, standing, *_ in event.data["changes"] if event.kind == "change" else ():
                    seen.note(account, standing)
                if stop.is_set():
                    return

    return follow


def gate_of(port: int, accounts: list[str]) -> Callable[[Seen, threading.Event], None]:
    """Asks the gate for each account in turn until it is let in, as its next request would."""

    def ask(seen: Seen, stop: threading.Event) -> None:
        with closing(HTTPConnection("127.0.0.1", port)) as gate:
            for account in accounts:
                while _asked(gate, account) != 200:
                    seen.ready.set()
                    if stop.wait(PACE_SECONDS):
                        return
                seen.note(account, "current")

    return ask


def _asked(gate: HTTPConnection, account: str) -> int:
    gate.request("HEAD", "/gate", headers={"X-Account-Id": account})
    answer = gate.getresponse()
    answer.read()
    return answer.status


def visit(port: int, stop: Event, said: Connection) -> None:
    """In a process of its own: somebody in good standing asks, and how many milliseconds each answer took.

    It goes before all others on this machine: else it would measure how long it waits for the processor itself.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    taken = []
    with closing(HTTPConnection("127.0.0.1", port)) as gate:
        while not stop.wait(PACE_SECONDS):
            began = time.perf_counter()
            assert _asked(gate, "good") == 200
            taken.append((time.perf_counter() - began) * 1000)
    said.send(sorted(taken))


@contextmanager
def visited(port: int) -> Iterator[list[float]]:
    """The waits of such a visitor, sorted, once the block has ended."""
    spawn = get_context("spawn")
    stop, (hears, says) = spawn.Event(), spawn.Pipe(duplex=False)
    visitor = spawn.Process(target=visit, args=(port, stop, says))
    visitor.start()
    waits: list[float] = []
    yield waits
    stop.set()
    waits += hears.recv()
    visitor.join()


@contextmanager
def suspended(folder: Path, biller: StandinBiller) -> Iterator[tuple[Installation, dict[str, str]]]:
    """The product at work, the payers suspended by its own ladder, and the invoice of each."""
    many = {"suspensions_per_hour": PAYERS, "suspensions_per_day": PAYERS, "anomaly_above": PAYERS}
    tokens = [{"name": "gates", "token": TOKEN, "scopes": ["read"]}]
    extra = {"safety": {"mode": "armed"} | many, "api": {"tokens": tokens}}
    made = Installation(folder / "state", biller.url, f"file:{folder}/mail", biller.now, extra=extra)
    with made.running():
        biller.deliver_to(made.webhook, SECRET)
        invoices = {f"account{number}": subscribe(biller, f"account{number}") for number in range(PAYERS)}
        for days, letters in ((7.1, 2 * PAYERS), (14.1, 4 * PAYERS), (5.1, 4 * PAYERS)):
            made.move_clock_to(later(biller, days=days))
            until(lambda letters=letters: _accepted(made) == letters, seconds=120, what=f"{letters} letters")
        until(lambda: set(made.standings().values()) == {"suspended"}, seconds=120, what="all are suspended")
        # The stand-in posts one event after the other; what it still has to tell from before is not the payment's delay
        assert biller.standin.delivery.wait_idle(120)
    yield made, invoices


def _accepted(made: Installation) -> int:
    return sum(kept == "accepted" for _, _, kept in made.notices())


def measure(folder: Path, among: int) -> None:
    with standin() as biller, suspended(folder, biller) as (made, invoices):
        crowd(f"sqlite:///{made.folder}/gatekeeper.db", among)
        made.command("tick")
        # A gate that was there already would not believe in so many at once, and rightly so: this one begins with them
        with made.running():
            observe(made, biller, invoices)
    print(f"{PAYERS} payments, one after another, among {among:,} suspended accounts")


def observe(made: Installation, biller: StandinBiller, invoices: dict[str, str]) -> None:
    with (
        watching(lines_of(made.folder / "snapshot.changes")) as lines,
        watching(stream_of(made.web)) as events,
        watching(gate_of(made.gate_port, list(invoices))) as gate,
    ):
        ways = {"line of the file": lines, "event of the feed": events, "answer of the gate": gate}
        waits: dict[str, list[float]] = {way: [] for way in ways}
        with visited(made.gate_port) as idle:
            time.sleep(PAYERS * 2 * PAUSE_SECONDS)
        with visited(made.gate_port) as meanwhile:
            for account, invoice in invoices.items():
                began = time.perf_counter()
                pay(biller, invoice)
                for way, seen in ways.items():
                    waits[way].append((seen.wait(account) - began) * 1000)
                time.sleep(PAUSE_SECONDS)
    for way, found in waits.items():
        found.sort()
        print(
            f"payment to {way}: p50 {statistics.median(found):.0f} ms, p99 {_p99(found):.0f} ms, slowest {found[-1]:.0f} ms; "
            f"p99 / limit of {LIMIT_MS:.0f} ms: {_p99(found) / LIMIT_MS:.2f}"
        )
    print(
        f"the gate's p99: idle {_p99(idle):.2f} ms, meanwhile {_p99(meanwhile):.2f} ms, "
        f"ratio {_p99(meanwhile) / _p99(idle):.2f} (limit {LIMIT_RATIO:.0f})"
    )


def _p99(waits: list[float]) -> float:
    return waits[int(len(waits) * 0.99)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--among", type=int, default=SUSPENDED)
    asked = options.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), asked.among)


if __name__ == "__main__":
    main()
