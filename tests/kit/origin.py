"""A small HTTP server for tests: it answers as a function says, and remembers what it was asked."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.kit.at_work import at_work


@dataclass(frozen=True)
class Request:
    """What arrived; header names keep their case, and repeated headers stay apart."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True)
class Response:
    """`parts` are sent after `body`, each as soon as it is there, until the connection ends."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: Iterable[bytes] | None = None


@dataclass
class Origin:
    """A running server. `answer` may be replaced while it runs; if it raises ConnectionError, the connection just ends."""

    port: int
    answer: Callable[[Request], Response]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    origin: Origin

    def process_request(self, request: Any, client_address: Any) -> None:
        self.origin.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """A peer that goes away is no event in a test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def parse_request(self) -> bool:
        """Take any method, where the standard library looks for a function named after it."""
        parsed = super().parse_request()
        self.method, self.command = self.command, "any"
        return parsed

    def do_any(self) -> None:
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        body = b"".join(self._chunks()) if chunked else self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.method, self.path, self.headers.items(), body)
        self.server.origin.requests.append(request)
        response = self.server.origin.answer(request)
        if response.status == 101:
            self._echo(response)
            return
        self.send_response_only(response.status)
        framing = {"Content-Length": str(len(response.body))} if response.parts is None else {"Connection": "close"}
        for name, value in {**framing, **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.method != "HEAD":
            self.wfile.write(response.body)
            for part in response.parts or ():
                self.wfile.write(part)

    def _chunks(self) -> Iterator[bytes]:
        """A chunked body without trailers (RFC 9112, section 7.1)."""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _echo(self, response: Response) -> None:
        """After an upgrade, send back whatever comes."""
        self.send_response_only(101)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(4096):
            self.connection.sendall(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def origin(answer: Callable[[Request], Response], *, port: int = 0) -> Iterator[Origin]:
    """A server on 127.0.0.1 (a free port, if `port` is 0) until the block ends."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.origin = Origin(server.server_address[1], answer)
    with at_work(server):
        yield server.origin
