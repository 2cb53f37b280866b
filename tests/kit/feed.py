"""A feed that says what a test tells it to: the shape of `/api/v1/access/stream` on the wire, behind a real uvicorn."""

import asyncio
import contextlib
import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

from gatekeeper.snapshot import Delta, Snapshot, delta_document, document
from tests.kit.history import AT, LEDGER
from tests.kit.serving import Served, served

TOKEN = "s3cret-of-the-feed"


def of_snapshot(snapshot: Snapshot) -> bytes:
    return b"event: snapshot\ndata: " + document(snapshot) + b"\n\n"


def of_delta(delta: Delta) -> bytes:
    return b"event: change\nid: %d\ndata: %s\n\n" % (delta.revision, delta_document(delta))


def alive(revision: int, ledger: str = LEDGER) -> bytes:
    told = {"ledger": ledger, "revision": revision, "at": AT.isoformat()}
    return b"event: alive\ndata: " + json.dumps(told).encode() + b"\n\n"


class FeedServer:
    """`first` says what whoever connects is told at once, from the revision that he asked for (None: from none).

    `asked` has the query of each connection, in turn. `status` and `kind` may be changed.
    """

    def __init__(self) -> None:
        self.first: Callable[[int | None], bytes] = lambda _: b""
        self.asked: queue.Queue[str] = queue.Queue()
        self.status, self.kind = 200, b"text/event-stream"
        self.server: Served
        self._lines: set[asyncio.Queue[bytes | None]] = set()

    @property
    def url(self) -> str:
        return self.server.url

    def say(self, data: bytes | None) -> None:
        """Send this to everybody who is connected; None: end their streams."""
        self.server.loop.call_soon_threadsafe(lambda: [line.put_nowait(data) for line in self._lines])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/api/v1/access/stream"
        headers = dict(scope["headers"])
        assert headers[b"authorization"] == f"Bearer {TOKEN}".encode()
        assert headers[b"accept-encoding"] == b"identity"
        line: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._lines.add(line)
        try:
            told = [(b"content-type", self.kind)]
            await send({"type": "http.response.start", "status": self.status, "headers": told})
            query = scope["query_string"].decode()
            since = int(query.removeprefix("since=")) if query else None
            await send({"type": "http.response.body", "body": self.first(since), "more_body": True})
            self.asked.put(query)
            if self.status == 200:
                await self._go_on(line, receive, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._lines.discard(line)

    async def _go_on(self, line: asyncio.Queue[bytes | None], receive: Any, send: Any) -> None:
        gone = asyncio.create_task(self._gone(receive, line))
        while (data := await line.get()) is not None:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        gone.cancel()

    async def _gone(self, receive: Any, line: asyncio.Queue[bytes | None]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        line.put_nowait(None)


@contextlib.contextmanager
def feed_server() -> Iterator[FeedServer]:
    feed = FeedServer()
    with served(feed, interface="asgi3") as feed.server:
        try:
            yield feed
        finally:
            feed.say(None)
