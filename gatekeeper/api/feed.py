"""One look at the ledger for all who follow it: what has changed is read once, and goes to each of them (docs/feed.md).

Nobody waits for anybody: each follower has a queue of its own, and one who lets it run over is let go, to begin again from what
he has. It needs the ledger alone, not the worker.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

import structlog

from gatekeeper.ledger.reader import Reader
from gatekeeper.snapshot import as_json, delta_document, document

_LOOK_SECONDS: Final = 0.05
_ALIVE_SECONDS: Final = 5.0
_MOST_FOLLOWERS: Final = 500
_MOST_WAITING: Final = 256

log = structlog.get_logger(__name__)


class Follower:
    """One who follows the feed: the messages that wait for him."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(self, message: bytes) -> bool:
        """Whether he keeps up; if not, his messages end here."""
        if self._waiting.qsize() >= _MOST_WAITING:
            self.end()
            return False
        self._waiting.put_nowait(message)
        return True

    def end(self) -> None:
        """Nothing more comes, not even what waits: he hears of it when he comes back."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def messages(self, opening: bytes) -> AsyncIterator[bytes]:
        yield opening
        while (message := await self._waiting.get()) is not None:
            yield message


class Feed:
    """`stopping` says whether the house stops: then all streams end, so that the server can.

    The ledger is looked at as long as somebody follows, in threads of the event loop's own: those of the server may all be
    waiting for Stripe.
    """

    def __init__(self, reader: Reader, clock: Callable[[], datetime], stopping: Callable[[], bool]) -> None:
        self._reader = reader
        self._clock = clock
        self._stopping = stopping
        self._followers: set[Follower] = set()
        self._open = 0
        self._following: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        # What all followers have been told, or are about to be; None: nobody has asked yet
        self._revision: int | None = None
        self._whole: tuple[int, bytes] | None = None

    def join(self) -> Follower | None:
        """One more follower; None: there are too many, or the house stops. Whoever has joined must leave."""
        if self._open >= _MOST_FOLLOWERS or self._stopping():
            return None
        self._open += 1
        follower = Follower()
        self._followers.add(follower)
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())
        return follower

    def leave(self, follower: Follower) -> None:
        self._open -= 1
        self._followers.discard(follower)

    async def opening(self, since: int | None) -> bytes:
        """The first message to one who has joined and knows the ledger up to this revision (None: knows nothing).

        He joins before, so that nothing can fall between this and what follows. Raises DatabaseUnavailable.
        """
        async with self._opening:
            if self._revision is None:
                self._revision = await asyncio.to_thread(self._reader.revision)
            if since is not None:
                delta = await asyncio.to_thread(self._reader.changes_since, since, self._clock())
                if delta is not None and delta.changes:
                    return _message("change", delta_document(delta), delta.revision)
                if delta is not None:
                    return self._alive(delta.ledger, delta.revision)
            if self._whole is None or self._whole[0] != self._revision:
                self._whole = await asyncio.to_thread(self._read_whole)
            return self._whole[1]

    async def _follow(self) -> None:
        """Look at the ledger until nobody follows, or the house stops."""
        loop = asyncio.get_running_loop()
        alive_at, fault = loop.time() + _ALIVE_SECONDS, ""
        try:
            while self._followers and not self._stopping():
                try:
                    alive = await self._look()
                    fault = ""
                except Exception as found:  # whatever it is, they follow on as soon as it is over
                    alive = None
                    if repr(found) != fault:
                        log.exception("feed.ledger_not_read")
                    fault = repr(found)
                if alive is not None and loop.time() >= alive_at:
                    self._tell(alive)
                    alive_at = loop.time() + _ALIVE_SECONDS
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for follower in self._followers:
                follower.end()
            self._followers.clear()
            self._revision = self._whole = None

    async def _look(self) -> bytes | None:
        """Tell everybody what has changed; the message that the ledger could be read."""
        if self._revision is None:
            return None
        house = await asyncio.to_thread(self._reader.state)
        if house.revision != self._revision:
            delta = await asyncio.to_thread(self._reader.changes_since, self._revision, self._clock())
            if delta is None:  # too much, or a backup was restored
                self._revision, message = self._whole = await asyncio.to_thread(self._read_whole)
            else:
                self._revision, message = delta.revision, _message("change", delta_document(delta), delta.revision)
            self._tell(message)
        return self._alive(house.ledger_id, house.revision)

    def _tell(self, message: bytes) -> None:
        slow = [follower for follower in self._followers if not follower.tell(message)]
        if slow:
            log.warning("feed.slow_followers_let_go", followers=len(slow))
            self._followers.difference_update(slow)

    def _read_whole(self) -> tuple[int, bytes]:
        snapshot = self._reader.snapshot(self._clock())
        return snapshot.revision, _message("snapshot", document(snapshot), snapshot.revision)

    def _alive(self, ledger: str, revision: int) -> bytes:
        return _message("alive", as_json({"ledger": ledger, "revision": revision, "at": self._clock().isoformat()}))


def _message(event: str, data: bytes, revision: int | None = None) -> bytes:
    """An event of `text/event-stream` (HTML, section 9.2): `data` is one line, as JSON without white space is."""
    named = b"" if revision is None else b"id: %d\n" % revision
    return b"event: %s\n%sdata: %s\n\n" % (event.encode(), named, data)
