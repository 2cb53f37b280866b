"""An app behind a real server in a thread of this process: uvicorn for ASGI, the standard library's for WSGI."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import httpx
import uvicorn

from tests.kit.ports import free_port


class Served:
    """A running server, and the loop that it runs on."""

    def __init__(self, app: Any, **settings: Any) -> None:
        self.port = free_port()
        given = {"host": "127.0.0.1", "port": self.port, "log_config": None, "lifespan": "off", "timeout_graceful_shutdown": 1}
        self._server = uvicorn.Server(uvicorn.Config(app, **(given | settings)))
        self._ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells it in no other way
            await asyncio.sleep(0.005)
        self._ready.set()
        await serving


@contextlib.contextmanager
def served(app: Any, **settings: Any) -> Iterator[Served]:
    """The app behind uvicorn on a free port of 127.0.0.1 until the block ends; `settings` are uvicorn's."""
    server = Served(app, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served_wsgi(app: Any) -> Iterator[httpx.Client]:
    """A client of the app behind wsgiref, which checks that both sides keep to PEP 3333."""
    with make_server("127.0.0.1", 0, validator(app), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()
