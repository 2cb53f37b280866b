"""HTTP/1.1 as edges speak it: one connection, answered at the end of each request's headers (RFC 9112).

An answer waits neither for a body nor for anything that a client may choose to send or not. Only a lockout page is fetched, and
while it is, this connection reads nothing more; answers leave in the order of their requests.

Nearly always one whole head comes in one piece, nothing with it, and with the same names as the one before: that is read at
once (`shapes`). At the first thing that is not so (a body, two requests at once, half a head, a header twice) the bytes go to
llhttp, header by header, and so do all that follow on that connection.
"""

import asyncio
from collections import deque
from typing import cast

import httptools
import structlog

from gatekeeper.gate.agent import Agent, Wire, linger
from gatekeeper.gate.answering import Gate
from gatekeeper.gate.answers import CLOSE, KEEP, Answer
from gatekeeper.gate.fields import FRAMING
from gatekeeper.gate.pages import LockoutPages
from gatekeeper.gate.refusing import PageWanted
from gatekeeper.gate.shapes import MAX_HEADERS, TARGET, UNKNOWN

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 10_000
_MAX_HEAD_BYTES = 32 * 1024
# Bytes are counted by the slice, so the bound on a head holds to within one
_SLICE_BYTES = 4 * 1024


class Connection(asyncio.Protocol):
    """One connection of an edge that asks over HTTP. `connections` is the set of all that are open."""

    _transport: asyncio.Transport

    def __init__(self, gate: Gate, pages: LockoutPages, connections: set[Wire]) -> None:
        self.sweeps_without_request = 0
        self._gate = gate
        self._pages = pages
        self._connections = connections
        self._shapes, self._let_in_at_once = gate.shapes, gate.let_in_at_once
        self._shape = UNKNOWN
        self._parser: httptools.HttpRequestParser | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._reading = True
        self._waiting: deque[tuple[Answer | PageWanted, bool, bool]] = deque()
        self._fetching: asyncio.Task[None] | None = None
        self._choked = False
        self._lingering: asyncio.TimerHandle | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        if len(self._connections) >= MAX_CONNECTIONS:
            self._reading = False
            self._transport.abort()
        self._connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)
        self._reading = False
        if self._fetching:
            self._fetching.cancel()
        if self._lingering:
            self._lingering.cancel()
        self._parser = None  # it refers back to us

    def pause_writing(self) -> None:
        self._choked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._choked = False
        self._read_on()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            try:
                if self._read_at_once(data):
                    return
            except Exception:
                log.exception("fault of the gate: the request is read again")
            if data.startswith(b"\0"):
                self._hand_over(data)
                return
            self._parser = httptools.HttpRequestParser(self)
        if len(data) > _SLICE_BYTES:
            for start in range(0, len(data), _SLICE_BYTES):
                self._read(self._parser, data[start : start + _SLICE_BYTES])
        else:
            self._read(self._parser, data)

    def _read_at_once(self, data: bytes) -> bool:
        """Answer, if this is one whole head of a shape that is known, and nothing else."""
        shape = self._shape
        head = shape.match(data)
        if head is None:
            shape = self._shape = self._shapes.of(data)
            head = shape.match(data)
        if head is None or not self._reading:
            return False
        self.sweeps_without_request = 0
        if shape.account and (account := head[shape.account]) and (answer := self._let_in_at_once(head[TARGET], account)):
            self._write(answer + KEEP)
        else:
            self._answer(*shape.read(head), keep=True)
        return True

    def _read(self, parser: httptools.HttpRequestParser, data: bytes) -> None:
        if not self._reading:
            return
        self._head_bytes += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.finish()
        except httptools.HttpParserCallbackError:
            log.exception("fault of the gate: the request was refused")
            self._refuse()
        except httptools.HttpParserError:
            self._refuse()
        else:
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._refuse()

    def _hand_over(self, data: bytes) -> None:
        """No HTTP begins with a zero byte, and HAProxy's agent protocol does (the length of its first frame)."""
        self._reading = False
        self._connections.discard(self)
        agent = Agent(self._gate, self._connections)
        self._transport.set_protocol(agent)
        agent.connection_made(self._transport)
        agent.data_received(data)

    # What the parser calls

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self._reading or self._parser is None:
            return
        headers, target = self._headers, self._target
        if len(headers) > MAX_HEADERS:
            self._refuse()
            return
        fields = self._gate.header_names.read(headers)
        # After a body that is not read, nobody knows where the next request starts
        keep = self._parser.should_keep_alive() and (FRAMING not in fields or fields[FRAMING] == b"0")
        self._target = b""
        self._head_bytes = self.sweeps_without_request = 0
        headers.clear()
        self._answer(target, self._parser.get_method(), fields, keep)

    # What becomes of an answer

    def _answer(self, target: bytes, method: bytes, fields: dict[bytes, bytes], keep: bool) -> None:
        try:
            answer = self._gate.answer(target, method, fields)
        except Exception:
            log.exception("fault of the gate: the request was refused")
            answer, keep = self._gate.malformed(target), False
        self._reading = keep
        self._deliver(answer, keep, method == b"HEAD")

    def _refuse(self) -> None:
        if self._reading:
            self._reading = False
            self._deliver(self._gate.malformed(self._target), keep=False, bodiless=False)

    def _deliver(self, answer: Answer | PageWanted, keep: bool, bodiless: bool) -> None:
        """Send the answer now, or in its turn."""
        if self._fetching is not None:
            self._waiting.append((answer, keep, bodiless))
        elif isinstance(answer, PageWanted):
            self._transport.pause_reading()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(answer, keep))
        else:
            head, body = answer
            self._transport.write(head + (KEEP if keep else CLOSE) + (b"" if bodiless else body))
            if not keep:
                self._close()

    async def _fetch(self, wanted: PageWanted, keep: bool) -> None:
        page = await self._pages.page(wanted.wanted)
        self._fetching = None
        self._deliver(wanted.answer(page), keep, bodiless=False)
        while self._waiting and self._fetching is None:
            self._deliver(*self._waiting.popleft())
        self._read_on()

    def _read_on(self) -> None:
        """Once no page is being fetched and the answers are taken: read again, or close if this was the last."""
        if self._fetching is not None or self._choked:
            return
        if self._reading:
            self._transport.resume_reading()
        else:
            self._close()

    def finish(self) -> None:
        """Read no further request, and close once those that were read are answered."""
        self._reading = False
        if self._fetching is None:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _close(self) -> None:
        """Say that nothing more will come, and leave the rest to the other side, for a while."""
        self._reading = False
        if self._lingering is None and not self._transport.is_closing():
            self._lingering = linger(self._transport)
