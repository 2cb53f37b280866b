"""A product's directory: a real HTTP server that answers what a test tells it to, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.kit.at_work import at_work


@dataclass
class Product:
    """`silent`: it takes requests and answers none.

    `asked`: path and `Authorization` header of every request.
    """

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def says(self, document: Any, *, status: int = 200) -> None:
        self.status, self.body = status, document if isinstance(document, bytes) else json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    product: Product

    def do_GET(self) -> None:
        product = self.product
        product.asked.append((self.path, self.headers["Authorization"]))
        if product.silent.is_set():
            product.closing.wait(30)
            return
        self.send_response(product.status)
        for name, value in product.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(product.body)))
        self.end_headers()
        self.wfile.write(product.body)

    def log_message(self, *_arguments: object) -> None:
        """Requests are remembered, and not printed."""


@contextmanager
def product() -> Iterator[Product]:
    made = Product()
    handler = type("_Bound", (_Handler,), {"product": made})
    with at_work(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as made.url:
        try:
            yield made
        finally:
            made.closing.set()
