"""Webhooks a second, signed and durably stored: `gatekeeper web` beside dj-stripe, on one Postgres and one machine, as ratios.

    python bench/ingestion.py [--events 1000] [--repeats 5]

Each side is one process and gets the same deliveries: new event ids over recorded bodies of 50 invoices, signed, over kept
connections, 1 and 8 at a time. Each answer must be 200 and each event a row afterwards. Postgres is as it comes, with fsync and
synchronous commits. What each side does before it answers 200:

gatekeeper           checks the signature, commits one row that holds the event; its worker looks at it later
dj-stripe, later     commits a row that holds the request, checks the signature, calls DJSTRIPE_WEBHOOK_EVENT_CALLBACK, which
                     does nothing here (a queue would cost more), commits the row again
dj-stripe, at once   its default: as above, but instead of the call it reads the invoice from the API, and writes event and
                     invoice in one transaction. The API answers from memory on this machine; Stripe's own is a network away

dj-stripe is set up as its documentation says; it runs in Django under gunicorn with threads, with kept database connections and
no middleware but the one that HTTP needs. Turns alternate; medians are compared. The bound is for its default; what it makes
when it only stores is shown beside. The first run installs it into `.venv-bench`.
"""

import argparse
import contextlib
import hashlib
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

import psycopg
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.demo.standin.delivery import signature
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.writer import open_writer
from gatekeeper.model import Identity
from tests.kit.billers import Biller, pay, standin, subscribe
from tests.kit.ports import free_port, wait_until_listening
from tests.kit.postgres import running_postgres
from tests.kit.processes import started
from tests.kit.running import SECRET, Installation

ROOT = Path(__file__).resolve().parents[1]
TARGET = 5.0
INVOICES, AT_ONCE = 50, (1, 8)
KEY = "sk_test_" + "b" * 24  # dj-stripe takes only keys of this form
APP = ROOT / "bench" / "djstripe_app"
VENV = ROOT / ".venv-bench"


@dataclass(frozen=True)
class Side:
    """Where to post events, and how many it has stored."""

    name: str
    port: int
    path: str
    stored: Callable[[], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    install()
    rates: dict[tuple[str, int], list[float]] = {}
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        biller = running.enter_context(standin())
        bodies = recorded(biller)
        server = running.enter_context(running_postgres(durable=True))
        api = running.enter_context(answers(biller.url))
        prepared = server.create()
        path = prepare(server.url(prepared), api)
        later, at_once = (server.url(server.create(prepared)) for _ in range(2))
        sides = [
            running.enter_context(gatekeeper(server.url(server.create()), folder, api)),
            running.enter_context(djstripe("later", later, path, "djstripe_webhookeventtrigger WHERE valid", api)),
            running.enter_context(djstripe("at once", at_once, path, "djstripe_event", api)),
        ]
        numbers = count()
        for side in sides:
            turn(side, bodies, numbers, 2 * len(bodies), max(AT_ONCE))  # warms up, and shows dj-stripe every invoice once
        for _ in range(given.repeats):
            for at_once in AT_ONCE:
                for side in sides:
                    rates.setdefault((side.name, at_once), []).append(turn(side, bodies, numbers, given.events, at_once))
    report(rates, given.events)


def report(rates: dict[tuple[str, int], list[float]], events: int) -> None:
    for at_once in AT_ONCE:
        ours = statistics.median(rates["gatekeeper", at_once])
        for (name, among), measured in rates.items():
            if among == at_once:
                median = statistics.median(measured)
                spread = f"({min(measured):,.0f}-{max(measured):,.0f})"
                bound = f" (at least {TARGET:.0f})" if name == "dj-stripe, at once" else ""
                ratio = "" if name == "gatekeeper" else f"  gatekeeper/{name}: {ours / median:5.1f}{bound}"
                print(f"{at_once} at once  {name:19} {median:7,.0f} events/s {spread:17}{ratio}")
    print(f"{events} events a turn, {len(next(iter(rates.values())))} turns each, all answered 200 and all stored")


def turn(side: Side, bodies: Sequence[bytes], numbers: Iterator[int], events: int, at_once: int) -> float:
    """Events per second; every one is answered 200 and stored."""
    requests = [delivery(side, bodies[number % len(bodies)], number) for number in islice(numbers, events)]
    before = side.stored()
    seconds = post(side.port, requests, at_once)
    stored = side.stored() - before
    assert stored == events, f"{side.name} stored {stored} of {events} events"
    return events / seconds


def delivery(side: Side, body: bytes, number: int) -> bytes:
    content = body.replace(b"evt_recorded", b"evt_%012d" % number)
    head = (
        f"POST {side.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nContent-Length: {len(content)}\r\n"
        f"Stripe-Signature: {signature(content, [SECRET], datetime.now(UTC))}\r\n\r\n"
    )
    return head.encode() + content


def post(port: int, requests: Sequence[bytes], at_once: int) -> float:
    """The seconds that these requests take, `at_once` of them on their way at any moment. Raises for an answer but 200."""
    waiting = iter(requests)
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for request in islice(waiting, at_once):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(request)
        while selector.get_map():
            for key, _ in selector.select():
                read_answer(key.fileobj)
                if (request := next(waiting, None)) is None:
                    selector.unregister(key.fileobj)
                else:
                    key.fileobj.sendall(request)
        return time.perf_counter() - began


def read_answer(connection: socket.socket) -> None:
    answer = b""
    while True:
        part = connection.recv(65_536)
        answer += part
        assert part, f"the connection ended: {answer!r}"
        head, end, body = answer.partition(b"\r\n\r\n")
        if end and len(body) == int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            assert head.startswith(b"HTTP/1.1 200 "), answer
            return


def recorded(biller: Biller) -> list[bytes]:
    """The events that Stripe sends of paid invoices, with an id to put in."""
    for number in range(INVOICES):
        pay(biller, subscribe(biller, f"account{number}"))
    told = [event for event in biller.standin.books.events.values() if event["type"].startswith("invoice.")]
    return [json.dumps(event | {"id": "evt_recorded"}, indent=2).encode() for event in told]


@contextlib.contextmanager
def gatekeeper(url: str, folder: Path, api: str) -> Iterator[Side]:
    extra = {"clock": {"source": "system"}, "log": {"level": "error"}}
    installation = Installation(folder / "state", api, f"file:{folder}/mail", datetime.now(UTC), url, extra)
    installation.command("migrate")
    engine = open_engine(url)
    open_writer(engine, message_domain="bench.example").reconciles.pin(Identity(account="acct_standin", livemode=False))
    engine.dispose()
    with started(installation, "web", ports=(installation.web_port,)):
        yield Side("gatekeeper", installation.web_port, "/webhooks/stripe", counter(url, "inbox"))


def prepare(url: str, api: str) -> str:
    """Make dj-stripe's tables and its endpoint; the path to post to."""
    command = [VENV / "bin" / "python", "prepare.py"]
    environment = surroundings("at once", url, api)
    return subprocess.run(command, cwd=APP, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@contextlib.contextmanager
def djstripe(processes: str, url: str, path: str, table: str, api: str) -> Iterator[Side]:
    port = free_port()
    command = [VENV / "bin" / "python", "-m", "gunicorn", "--workers=1", f"--threads={max(AT_ONCE)}", "--keep-alive=75"]
    command += ["--log-level=error", f"--bind=127.0.0.1:{port}", "django.core.wsgi:get_wsgi_application()"]
    with running(command, port, surroundings(processes, url, api)):
        yield Side(f"dj-stripe, {processes}", port, path, counter(url, table))


def surroundings(processes: str, url: str, api: str) -> dict[str, str]:
    """The environment that djstripe_app/settings.py reads."""
    database = make_url(url)
    return {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ} | {
        "DJANGO_SETTINGS_MODULE": "settings",
        "BENCH_DATABASE": str(database.database),
        "BENCH_DATABASE_HOST": str(database.query["host"]),
        "BENCH_STRIPE_KEY": KEY,
        "BENCH_STRIPE_API": api,
        "BENCH_WEBHOOK_SECRET": SECRET,
        "BENCH_PROCESSES": processes,
    }


@contextlib.contextmanager
def answers(api: str) -> Iterator[str]:
    """Stripe's API from memory, in a process of its own; its URL."""
    port = free_port()
    with running([sys.executable, "answers.py", str(port), api], port, dict(os.environ)):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running(command: Sequence[str | Path], port: int, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, cwd=APP, env=environment) as process:
        try:
            wait_until_listening(port, seconds=30)
            yield
        finally:
            process.terminate()


def counter(url: str, table: str) -> Callable[[], int]:
    database = make_url(url)

    def stored() -> int:
        with psycopg.connect(host=str(database.query["host"]), dbname=database.database, user="postgres") as connection:
            (rows,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() or (0,)
        return int(rows)

    return stored


def install() -> None:
    """dj-stripe and what it needs, as pinned, in an environment of its own."""
    lock = APP / "requirements.lock"
    mark = VENV / hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
    mark.touch()


if __name__ == "__main__":
    main()
