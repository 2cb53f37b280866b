"""An ASGI app behind a real uvicorn, in a thread of this process."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

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
