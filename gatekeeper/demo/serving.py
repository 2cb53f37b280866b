"""The demo's own pages: how they look, and a server for them in a thread."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from gatekeeper.wiring.places import shipped

_SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Looks:
    """The templates of `templates/demo`, and one style sheet: that of the lockout page, and the demo's own after it."""

    def __init__(self) -> None:
        folder = shipped("templates", "demo")
        self._environment = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        sheets = (shipped("templates", "pages/page.css"), folder / "demo.css")
        self._style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)

    def page(self, template: str, /, **values: Any) -> HTMLResponse:
        document = self._environment.get_template(f"{template}.html").render(values)
        return HTMLResponse(document, headers=_SECURITY)

    def style(self, _request: object) -> Response:
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "no-store"})


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve on this socket as long as the block runs. Whoever still waits for an answer is given one second."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listener],), name="demo-pages", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
