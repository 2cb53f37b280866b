"""Keeps a book at the newest word of the feed, for gates and middleware on other machines (docs/feed.md).

Server-sent events of one HTTP answer that never ends. A line that breaks is taken up again at the revision that is known. What
was last known is kept in a file, so that a start with everything dead has something to go by.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from random import SystemRandom

import httpx
import structlog

from gatekeeper.gate.book import Book, Gap, Refused
from gatekeeper.gate.follow import Follower
from gatekeeper.snapshot import SnapshotInvalid, delta_of, encode, snapshot_of

log = structlog.get_logger(__name__)

_PATH = "/api/v1/access/stream"
# A heartbeat comes every 5 s
_SILENCE_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_KEEP_EVERY_SECONDS = 10.0
# Ten million accounts
_LONGEST_EVENT = 512 * 1024 * 1024
_MISFITS = Gap | Refused | SnapshotInvalid
_random = SystemRandom()


class FeedBroken(Exception):
    """The feed does not say what a feed says; the message says what to look at."""


class Feed:
    """A client of the feed at `url`, the web part's own address; `token` is one of `api.tokens` with the scope `read`.

    `keep_at`: the file that holds what was last known; processes may share it. `steady` says seconds that only ever grow, and
    `now` is the machine's own clock.

    Raises:
        ValueError: the token cannot travel in a header.
    """

    def __init__(
        self,
        url: str,
        token: str,
        book: Book,
        *,
        keep_at: Path | None,
        steady: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise ValueError("the token of the feed travels in a header: use printable ASCII without spaces")
        self._url = url.rstrip("/") + _PATH
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        self._book = book
        self._keep_at = keep_at
        self._steady = steady
        self._now = now
        self._kept_at_seconds = float("-inf")
        self._kept_edition = -1
        self._cannot_keep = False
        self._wants_snapshot = False
        self._failures = 0
        self._said = ""
        self._line: socket.socket | None = None

    def look(self) -> None:
        """Start from what was last known, if it was kept; never raises."""
        if self._keep_at is not None and self._keep_at.exists():
            Follower(self._keep_at, self._book, self._now).look()
            self._kept_edition = self._book.edition

    def run(self, stop: threading.Event, tell: Callable[[], None]) -> None:
        """Listen until told to stop, in this thread, and call `tell` whenever an answer may have changed."""
        if self._line is not None:
            # Of the process that this one was forked off: held here too, it would never end for the server
            self._line.close()
            self._line = None
        while not stop.is_set():
            try:
                self._listen(stop, tell)
            except Exception as fault:  # noqa: BLE001 - whatever breaks the line, it is taken up again
                if stop.is_set():
                    return
                # What does not fit is begun again; a ledger that came from a backup says everything then (docs/feed.md)
                self._wants_snapshot |= isinstance(fault, _MISFITS)
                # The text of others may hold what was sent; their kind is enough to go by
                ours = isinstance(fault, FeedBroken | _MISFITS)
                self._say(str(fault) if ours else f"the line broke: {type(fault).__name__}")
            tell()
            stop.wait(self._pause())

    def hang_up(self) -> None:
        """From another thread: end the wait for the next event, so that a stop is prompt."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _pause(self) -> float:
        """Twice as long each time, and as long as nobody else's: a thousand clients must not come back at once (case 104)."""
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return longest * _random.uniform(0.5, 1)

    def _listen(self, stop: threading.Event, tell: Callable[[], None]) -> None:
        since = {"since": str(self._book.revision)} if self._book.ready and not self._wants_snapshot else {}
        timeout = httpx.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS)
        # No proxy from the environment: the token is for our own web part only
        with (
            httpx.Client(trust_env=False, timeout=timeout) as client,
            client.stream("GET", self._url, params=since, headers=self._headers) as answer,
        ):
            kind = answer.headers.get("Content-Type", "")
            if answer.status_code != httpx.codes.OK or not kind.startswith("text/event-stream"):
                raise FeedBroken(_advice(answer.status_code, kind))
            self._line = answer.extensions["network_stream"].get_extra_info("socket")
            try:
                if stop.is_set():
                    return  # before there was a line to hang up
                for name, data in events(answer.iter_raw()):
                    self._hear(name, data)
                    self._failures, self._said = 0, ""
                    tell()
                    self._keep()
                    if stop.is_set():
                        return
            finally:
                self._line = None
        raise FeedBroken("the server ended the stream")

    def _hear(self, name: str, data: bytes) -> None:
        match name:
            case "snapshot":
                self._book.take(snapshot_of(data))
                self._wants_snapshot = False
            case "change":
                self._book.apply(delta_of(data))
            case "alive":
                self._heartbeat(data)
            case _:
                return  # a later release may say more
        self._book.alive()

    def _heartbeat(self, data: bytes) -> None:
        try:
            told = json.loads(data)
            ledger, revision = str(told["ledger"]), int(told["revision"])
        except (ValueError, KeyError, TypeError) as fault:
            raise FeedBroken("a heartbeat of the feed cannot be read: gatekeeper there may be of another release") from fault
        self._book.check(ledger)
        if revision > self._book.revision:
            raise Gap(f"the feed is at revision {revision}, and revision {self._book.revision} was the last one heard")

    def _keep(self) -> None:
        """At most every few seconds: what was last known, or, where nothing has changed, the time at which it was still so."""
        if self._keep_at is None or not self._book.ready or self._steady() - self._kept_at_seconds < _KEEP_EVERY_SECONDS:
            return
        self._kept_at_seconds = self._steady()
        try:
            if self._kept_edition == self._book.edition:
                os.utime(self._keep_at)
            else:
                edition = self._book.edition
                replace(self._keep_at, encode(self._book.snapshot()))
                self._kept_edition = edition
            self._cannot_keep = False
        except OSError as fault:
            self._kept_edition = -1
            if not self._cannot_keep:
                log.warning(
                    "what is known cannot be kept: a restart without the feed would let everybody in", fault=repr(fault)
                )
            self._cannot_keep = True

    def _say(self, fault: str) -> None:
        """Say it once, and again only after the feed was heard."""
        if self._said != fault:
            self._said = fault
            log.warning("the feed is not heard: what was last known counts, and it is tried again", url=self._url, fault=fault)


def events(chunks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The events of a stream: name and data (WHATWG HTML, section 9.2.6; lines end as our server ends them, or with CR LF).

    Raises:
        FeedBroken: an event longer than any that a feed sends.
    """
    name = "message"
    data: list[bytes] = []
    for line in _lines(chunks):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield name, b"\n".join(data)
            name, data = "message", []
        elif field == b"event":
            name = value.decode(errors="replace")
        elif field == b"data":
            data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        searched = len(rest)
        rest += chunk
        if len(rest) > _LONGEST_EVENT:
            raise FeedBroken("an event of the feed does not end: is this address gatekeeper's?")
        start = 0
        while (end := rest.find(b"\n", max(start, searched))) >= 0:
            yield bytes(rest[start:end]).removesuffix(b"\r")
            start = end + 1
        del rest[:start]


def replace(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one; processes that share it do not meet."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:
            file.write(data)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _advice(status: int, kind: str) -> str:
    match status:
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return f"the feed answers {status}: give it a token of api.tokens that has the scope read"
        case httpx.codes.OK:
            return f"the feed answers {kind or 'no content type'} instead of text/event-stream: is this the web part's address?"
        case _:
            return f"the feed answers {status}: is this the address of gatekeeper's web part, and is it up?"
