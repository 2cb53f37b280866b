"""A provider's HTTP API on a free port of 127.0.0.1, which keeps what it is asked and answers as told.

    with ProviderApi() as api:
        api.answers(429, {"message": "slow down"}, **{"Retry-After": "7"})
        ...
        assert api.asked[0].json["to"] == ["ana@customer.example"]

An answer may also be "close" (the connection is cut once the whole request is there), "hang" (no answer comes) or "stall" (the
body of the request is not read).
"""

import json
import socket
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Asked:
    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ProviderApi:
    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.answer: tuple[int, bytes, dict[str, str]] | str = (200, b"", {})
        self.released = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, status: int, body: Any = b"", **headers: str) -> None:
        """From now on answer like this; `body`: bytes as they are, anything else as JSON."""
        self.answer = status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers

    def fails(self, how: str) -> None:
        """From now on "close", "hang" or "stall"."""
        self.answer = how


class _Server(ThreadingHTTPServer):
    api: ProviderApi

    def process_request(self, request: Any, client_address: Any) -> None:
        self.api.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        api = server.api
        if api.answer == "stall":
            api.released.wait(30)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        api.asked.append(Asked(self.path, self.headers, body))
        if isinstance(api.answer, str):
            self.close_connection = True
            if api.answer == "hang":
                api.released.wait(30)
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, said, headers = api.answer
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Silence."""
