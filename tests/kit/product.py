"""A product that hears of changes of standing: a real HTTP server that answers as told, and keeps what it took in.

    with product() as told:
        told.answers("acme", 500)          # this account only; `told.answers("", 500)`: every other
        ...
        assert told.heard("acme") == [("past_due", "suspended")]

An answer may also be "hang" (none comes), "cut" (the connection ends within the answer's head), "endless" (its body never ends)
or "drip" (its head comes byte by byte, and never ends).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.kit.at_work import at_work

Answer = int | str


@dataclass(frozen=True)
class Told:
    """One attempt: the account that it is about, the body and the headers as they came, and what was answered."""

    account: str
    body: bytes
    headers: dict[str, str]
    answer: Answer

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The document, if the verifier of Standard Webhooks itself finds that it is signed; else it raises."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Product:
    url: str = ""
    attempts: list[Told] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    _answers: dict[str, Answer] = field(default_factory=dict)

    def answers(self, account: str, answer: Answer, **headers: str) -> None:
        """From now on answer so, with these headers, to what is about this account (`""`: about any other)."""
        self._answers[account] = answer
        self.extra = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer_to(self, account: str) -> Answer:
        return self._answers.get(account, self._answers.get("", 204))

    def heard(self, account: str) -> list[tuple[str, str]]:
        """What it has taken about this account, in that order: the standing before, and the one since."""
        said = [one.document["data"] for one in self.attempts if one.account == account and one.answer in range(200, 300)]
        return [(data["previous_standing"], data["standing"]) for data in said]

    def asked(self, account: str) -> int:
        """How many attempts it saw about this account."""
        return sum(one.account == account for one in self.attempts)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    product: Product

    def do_POST(self) -> None:
        product, self.close_connection = self.product, True
        body = self.rfile.read(int(self.headers["Content-Length"]))
        account = json.loads(body)["data"].get("account", "")
        answer = product.answer_to(account)
        product.attempts.append(Told(account, body, dict(self.headers.items()), answer))
        match answer:
            case "hang":
                product.closing.wait(30)
            case "cut":
                self.wfile.write(b"HTTP/1.1 204 No Con")
            case "drip":
                self.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Long: ")
                while not product.closing.wait(0.02):
                    self.wfile.write(b"x")
            case "endless":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while not product.closing.is_set():
                    self.wfile.write(b"x" * 65536)
            case _:
                self.send_response(int(answer))
                for name, value in product.extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Attempts are kept, and not printed."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news here."""


@contextmanager
def product() -> Iterator[Product]:
    made = Product()
    handler = type("_Bound", (_Handler,), {"product": made})
    with at_work(_Server(("127.0.0.1", 0), handler)) as address:
        made.url = f"{address}/hooks?of=gatekeeper"
        try:
            yield made
        finally:
            made.closing.set()
