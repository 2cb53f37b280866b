"""The gate inside a product: a door over a snapshot file that a test writes, and products to stand behind it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from gatekeeper.gate.local import Door, Standings
from gatekeeper.wiring.local import from_file
from tests.kit.gates import publish

LEFT_OPEN = ("/reports", "/export")
STANDINGS = {"late": "suspended", "half": "restricted", "part": "restricted", "slow": "past_due"}


class Inside:
    """`door` is what a product is given; `publish` writes other standings, and waits until they are known."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "snapshot"
        self._revision = 0
        self._heard = threading.Condition()
        self._write(STANDINGS)
        self.standings: Standings = from_file(self._path)
        self.standings.watch(self._hear)
        self.door = Door(self.standings, always_allow=("/login", "/support"), support_email="support@acme.example")

    def publish(self, **changes: str) -> None:
        self._write(STANDINGS | changes)
        with self._heard:
            assert self._heard.wait_for(lambda: self.standings.book.revision == self._revision, 10)

    def _write(self, standings: dict[str, str]) -> None:
        self._revision += 1
        listed = {account: standing for account, standing in standings.items() if standing != "current"}
        leaves_open = {"part": LEFT_OPEN} if listed.get("part") == "restricted" else {}
        publish(self._path, self._revision, leaves_open=leaves_open, **listed)

    def _hear(self) -> None:
        with self._heard:
            self._heard.notify_all()


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[Inside]:
    found = Inside(folder)
    try:
        yield found
    finally:
        found.standings.close()


class Product:
    """A Starlette app: `/` and whatever else tell what they were asked; `/ws`, `/events` and those below `/support` stay open.

    `ended` counts the lines that came to their end, whichever way.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.ended = threading.Semaphore(0)
        self.app = Starlette(
            routes=[
                WebSocketRoute("/ws", self._line),
                WebSocketRoute("/support/ws", self._line),
                Route("/events", self._events),
                Route("/{path:path}", self._tell, methods=["GET", "POST", "PUT", "OPTIONS"]),
            ]
        )

    async def _tell(self, request: Request) -> JSONResponse:
        self.asked += 1
        theirs = {name: value for name, value in request.headers.items() if "gatekeeper" in name}
        return JSONResponse({"standing": request.scope.get("gatekeeper.standing"), "forged": theirs})

    async def _line(self, socket: WebSocket) -> None:
        self.asked += 1
        await socket.accept()
        try:
            async for word in socket.iter_text():
                await socket.send_text(f"{socket.scope.get('gatekeeper.standing')}: {word}")
        finally:
            self.ended.release()

    async def _events(self, _: Request) -> StreamingResponse:
        self.asked += 1

        async def words() -> Any:
            try:
                yield b"data: first\n\n"
                await asyncio.Event().wait()
            finally:
                self.ended.release()

        return StreamingResponse(words(), media_type="text/event-stream")


def user_of(scope: Any) -> str | None:
    """Who is signed in, as this product knows: by a header, where others have a session."""
    return dict(scope["headers"]).get(b"x-user", b"").decode() or None
