"""One restoration among 100,000 suspended accounts: what publishing costs, and how long it takes from the payment to the gates.

First the publisher alone, appending a line and, as before, writing everything anew. Then `gatekeeper run` as a process: the
stand-in for Stripe sends signed webhooks, and the same payments are awaited as a line of the changes file and as an event of
the feed; with `--gate` also as the gate's answer. Prints p50, p99 and the ratio of the two ways to publish.
Run: python bench/publish.py [--gate]
"""

import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from sqlalchemy import insert, update

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.tables import accounts, state
from gatekeeper.logs import set_up
from gatekeeper.publish import Publisher
from gatekeeper.snapshot import decode_delta
from tests.kit.billers import later, pay, standin, subscribe
from tests.kit.builders import DUE_AT, invoice
from tests.kit.events import events_in
from tests.kit.ledger import a_customer, current, opened, suspended
from tests.kit.running import SECRET, Installation, until

SUSPENDED = 100_000
PAYERS = 60
LIMIT_MS = 250.0


def crowd(url: str) -> None:
    """So many accounts are suspended, in a revision of their own."""
    engine = open_engine(url)
    with engine.begin() as connection:
        revision = connection.execute(
            update(state).values(revision=state.c.revision + 1).returning(state.c.revision)
        ).scalar_one()
        row = {"standing": "suspended", "touched": False, "reasons": [], "changed_in": revision}
        connection.execute(insert(accounts), [{"id": f"crowd_{number:08d}"} | row for number in range(SUSPENDED)])
    engine.dispose()


def publisher_alone(folder: Path) -> None:
    with opened(f"sqlite:///{folder}/ledger.db") as ledger:
        ledger.read(invoice(), customer=a_customer(account_id="acme"))
        crowd(ledger.url)
        out = Publisher(folder / "snapshot", ledger.reader, ledger.writer.verdicts.raise_revision, time.perf_counter)
        out.run(DUE_AT)
        taken: dict[str, list[float]] = {"a line": [], "all anew": []}
        for number in range(40):
            ledger.judge(current() if number % 2 else suspended())
            way = "a line" if number % 4 < 2 else "all anew"
            began = time.perf_counter()
            if way == "a line":
                out.run(DUE_AT)
            else:
                out._write(ledger.reader.snapshot(DUE_AT))  # noqa: SLF001 - what `run` did before there were lines
            taken[way].append((time.perf_counter() - began) * 1000)
        line, anew = (statistics.median(found) for found in taken.values())
        print(
            f"publisher alone, {SUSPENDED:,} suspended: a line {line:.1f} ms, all anew {anew:.0f} ms, ratio 1:{anew / line:.0f}"
        )


class Seen:
    """When each account was first seen to be let in."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._changed = threading.Condition()

    def note(self, change: list[object]) -> None:
        if change[1] == "current":
            with self._changed:
                self._at.setdefault(str(change[0]), time.perf_counter())
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
        yield seen
    finally:
        stop.set()
        thread.join()


def lines_of(path: Path) -> Callable[[Seen, threading.Event], None]:
    def read(seen: Seen, stop: threading.Event) -> None:
        with path.open("rb") as file:
            while not stop.wait(0.002):
                for line in file:
                    for account, standing, _ in decode_delta(line).changes:
                        seen.note([account, standing.value])

    return read


def stream_of(url: str) -> Callable[[Seen, threading.Event], None]:
    def follow(seen: Seen, stop: threading.Event) -> None:
        headers = {"Authorization": "Bearer looks-on"}
        with httpx.stream("GET", f"{url}/api/v1/access/stream", headers=headers, timeout=30, trust_env=False) as answer:
            for event in events_in(answer.iter_lines()):
                for change in event.data["changes"] if event.kind == "change" else ():
                    seen.note(change)
                if stop.is_set():
                    return

    return follow


def from_payment_to_gates(folder: Path, *, with_gate: bool) -> None:
    safety = {"mode": "armed", "suspensions_per_hour": PAYERS, "suspensions_per_day": PAYERS, "anomaly_above": PAYERS}
    tokens = [{"name": "gates", "token": "looks-on", "scopes": ["read"]}]
    with standin() as biller:
        extra = {"safety": safety, "api": {"tokens": tokens}}
        made = Installation(folder / "state", biller.url, f"file:{folder}/mail", biller.now, extra=extra)
        with made.running():
            biller.deliver_to(made.webhook, SECRET)
            invoices = {f"account{number}": subscribe(biller, f"account{number}") for number in range(PAYERS)}
            for days, letters in ((7.1, 2 * PAYERS), (14.1, 4 * PAYERS), (5.1, 4 * PAYERS)):
                made.move_clock_to(later(biller, days=days))
                until(lambda letters=letters: _accepted(made) == letters, seconds=120, what=f"{letters} letters")
            until(lambda: set(made.standings().values()) == {"suspended"}, seconds=120, what="all are suspended")
            assert biller.standin.delivery.wait_idle(120)
            crowd(f"sqlite:///{made.folder}/gatekeeper.db")
            whole = made.folder / "snapshot"
            until(lambda: whole.stat().st_size > 1_000_000, what="the crowd is published")
            ways: dict[str, list[float]] = {"line of the file": [], "event of the feed": [], "answer of the gate": []}
            with (
                watching(lines_of(made.folder / "snapshot.changes")) as lines,
                watching(stream_of(made.web)) as events,
                closing(HTTPConnection("127.0.0.1", made.gate_port)) as gate,
            ):
                time.sleep(2)
                for account, invoice_id in invoices.items():
                    began = time.perf_counter()
                    pay(biller, invoice_id)
                    if with_gate:
                        ways["answer of the gate"].append(_until_let_in(gate, account) - began)
                    ways["line of the file"].append(lines.wait(account) - began)
                    ways["event of the feed"].append(events.wait(account) - began)
            for way, waits in ways.items():
                _say(way, sorted(1000 * wait for wait in waits))


def _until_let_in(gate: HTTPConnection, account: str) -> float:
    while True:
        gate.request("HEAD", "/gate", headers={"X-Account-Id": account})
        answer = gate.getresponse()
        answer.read()
        if answer.status == 200:
            return time.perf_counter()
        time.sleep(0.002)


def _say(way: str, waits: list[float]) -> None:
    if waits:
        p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
        print(f"payment to {way}: p50 {p50:.0f} ms, p99 {p99:.0f} ms of at most {LIMIT_MS:.0f}, slowest {waits[-1]:.0f} ms")


def _accepted(made: Installation) -> int:
    return sum(kept == "accepted" for _, _, kept in made.notices())


def main() -> None:
    set_up("error", "json")
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        publisher_alone(Path(folder))
        from_payment_to_gates(Path(folder), with_gate="--gate" in sys.argv)


if __name__ == "__main__":
    main()
