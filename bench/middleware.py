"""What the gate costs inside the product: time added to a request, and memory, at 100,000 suspended accounts.

    python bench/middleware.py [--suspended 100000] [--repeats 7]

A bare ASGI app that sends two messages is called with and without the middleware around it, in turns; likewise a bare WSGI app.
Each request has ten headers and an account of its own, in good standing, that the session has put into the scope. The medians
are compared, beside two that anybody knows: a loop over the headers in Python, and Starlette's `BaseHTTPMiddleware` that does
nothing.
"""

import argparse
import asyncio
import gc
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from starlette.middleware.base import BaseHTTPMiddleware

from gatekeeper.gate import asgi, wsgi
from gatekeeper.gate.book import Book
from gatekeeper.gate.follow import Follower
from gatekeeper.gate.local import Door, Standings
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, encode

BATCHES, BATCH = 500, 50
TARGET_NS, TARGET_BYTES = 1_000, 110
HEADERS = [
    (b"host", b"app.acme.example"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.9"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"cookie", b"session=eyJhY2NvdW50IjoiYWNjdF8wMDAwMDAwMDAxMjMifQ.aSKdfQ.TkFfdGhpc19pc19ub3RfYV9zZWNyZXQ"),
    (b"referer", b"https://app.acme.example/projects"),
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"x-forwarded-proto", b"https"),
    (b"sec-fetch-mode", b"navigate"),
]
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"ok"}


class Still:
    """Keeps a book by leaving it alone."""

    def look(self) -> None: ...
    def run(self, *_: object) -> None: ...
    def hang_up(self) -> None: ...


async def app(_: Any, __: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await send(START)
    await send(BODY)


async def send(_: Any) -> None: ...


async def receive() -> None: ...


def wsgi_app(_: Any, start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


# As uvicorn makes it
SCOPE = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 40000), "method": "GET", "path": "/projects/1234", "query_string": b"", "state": {},
}  # fmt: skip
ENVIRON = {
    **{"HTTP_" + name.decode().upper().replace("-", "_"): value.decode() for name, value in HEADERS},
    "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/projects/1234",
}  # fmt: skip


def scope() -> dict[str, Any]:
    """Its headers and its account are objects that nobody has hashed yet, as a server reads them."""
    headers = [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in HEADERS]
    return {**SCOPE, "headers": headers, "session": session()}


def environ() -> dict[str, Any]:
    return {**ENVIRON, "session": session()}


def session() -> dict[str, str]:
    return {"account": f"good_{random.randrange(10**12):012d}"}


def account_of(carrier: Any) -> str | None:
    return carrier["session"].get("account")


async def run_asgi(called: Any) -> float:
    """Nanoseconds a request. Requests are made a few at a time, and not on the clock: a server has just read its own."""
    spent = 0
    for _ in range(BATCHES):
        requests = [scope() for _ in range(BATCH)]
        begun = time.thread_time_ns()
        for request in requests:
            await called(request, receive, send)
        spent += time.thread_time_ns() - begun
    return spent / (BATCHES * BATCH)


async def run_wsgi(called: Any) -> float:
    spent = 0
    for _ in range(BATCHES):
        requests = [environ() for _ in range(BATCH)]
        begun = time.thread_time_ns()
        for request in requests:
            called(request, start_response)
        spent += time.thread_time_ns() - begun
    return spent / (BATCHES * BATCH)


def start_response(*_: Any) -> None: ...


class Loop:
    """The yardstick: one look at each header, as whoever takes the account from a header has."""

    def __init__(self, called: Any) -> None:
        self.called = called

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        for name, _ in scope["headers"]:
            if name == b"x-account-id":
                break
        return self.called(scope, receive, send)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suspended", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    standings = {f"acct_{number:012d}": Standing.SUSPENDED for number in range(given.suspended)}
    snapshot = Snapshot(1, datetime(2026, 1, 1, tzinfo=UTC), standings, ledger="bench", accounts=given.suspended * 10)
    book = Book(time.monotonic)
    tracemalloc.start()
    book.take(snapshot)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"memory: {held / given.suspended:.0f} bytes per suspended account (target {TARGET_BYTES})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        path.write_bytes(encode(snapshot))
        begun = time.perf_counter()
        Follower(path, Book(time.monotonic), lambda: datetime.now(UTC)).look()
    print(f"start from the file alone: {(time.perf_counter() - begun) * 1e3:.0f} ms (target 1000)")
    door = Door(Standings(book, Still()))
    gc.collect()
    gc.freeze()

    async def nothing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    turns: dict[str, Callable[[], Awaitable[float]]] = {
        "bare ASGI": lambda: run_asgi(app),
        "gated ASGI": lambda: run_asgi(asgi.gated(app, door, account_of)),
        "a loop over headers": lambda: run_asgi(Loop(app)),
        "BaseHTTPMiddleware": lambda: run_asgi(BaseHTTPMiddleware(app, nothing)),
        "bare WSGI": lambda: run_wsgi(wsgi_app),
        "gated WSGI": lambda: run_wsgi(wsgi.gated(wsgi_app, door, account_of)),
    }
    if given.repeats > 1:
        took: dict[str, list[float]] = {name: [] for name in turns}
        for turn in range(given.repeats):
            for name, run in turns.items():
                if turn == 0 or name != "BaseHTTPMiddleware":  # it is slow, and only here to be seen beside
                    took[name].append(await run())
        cost = {name: statistics.median(each) for name, each in took.items()}
        for name, nanoseconds in cost.items():
            print(f"{name:20} {nanoseconds:9,.0f} ns a request ({min(took[name]):,.0f}-{max(took[name]):,.0f})")
        loop = cost["a loop over headers"] - cost["bare ASGI"]
        times = (cost["gated ASGI"] - cost["bare ASGI"]) / loop
        print(f"a loop over ten headers adds {loop:,.0f} ns; the gate adds {times:.1f} times as much")
        for kind in ("ASGI", "WSGI"):
            bare, gated = cost[f"bare {kind}"], cost[f"gated {kind}"]
            print(f"{kind}: {gated - bare:,.0f} ns added, {gated / bare:.2f} x bare (target {TARGET_NS:,} ns added)")


if __name__ == "__main__":
    asyncio.run(main())
