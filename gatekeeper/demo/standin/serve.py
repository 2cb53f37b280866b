"""The stand-in as a server of its own: `with Standin(clock) as stripe: …` on 127.0.0.1."""

import socket
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from threading import Thread
from typing import Any, Self

import uvicorn

from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.delivery import Delivery
from gatekeeper.demo.standin.faults import Faults
from gatekeeper.demo.standin.log import RequestLog
from gatekeeper.demo.standin.server import KEYS, create


class Standin:
    """Books, their API at `url`, and the endpoints that get their events.

    clock: the moment of the books. port 0: any that is free. keys: see `create`. Everything else goes to `Books`.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        port: int = 0,
        account: str = "acct_standin",
        keys: Collection[str] = KEYS,
        **books: Any,
    ) -> None:
        self.clock = clock
        self.books = Books(clock, **books)
        self.faults, self.log = Faults(), RequestLog()
        self.deliveries: list[Delivery] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = self.books.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = create(self.books, account=account, keys=keys, faults=self.faults, log=self.log, deliveries=self.deliveries)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="standin", daemon=True)
        self._thread.start()

    @property
    def delivery(self) -> Delivery:
        """The endpoint registered last."""
        return self.deliveries[-1]

    def deliver_to(self, url: str, secrets: Sequence[str], **chaos: Any) -> Delivery:
        """Send every event from now on to `url`. `chaos`: see `Delivery`; its clock, unless given, is that of the books."""
        delivery = Delivery(url, secrets, on_taken=self.books.delivered, **({"clock": self.clock} | chaos))
        self.deliveries.append(delivery)
        self.books.listeners.append(delivery)
        return delivery

    def close(self) -> None:
        for delivery in self.deliveries:
            self.books.listeners.remove(delivery)
            delivery.close()
        self.deliveries.clear()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
