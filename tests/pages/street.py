"""A product behind a gate that speaks as ours does to a real web part, for walks through the lockout page in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gatekeeper.model import Standing
from gatekeeper.pages import PAGE_HEADER
from tests.kit.lobby import HOST, SIGNERS, Lobby, wording
from tests.kit.published import published
from tests.pages.serving import serving

_PASSED_ON: Final = ("Content-Security-Policy", "Content-Language", "Referrer-Policy")
_CLOSED: Final = (Standing.RESTRICTED, Standing.SUSPENDED)


class Street:
    """`X-Viewer` says who looks. `web_is_dead`: nobody answers `/overdue`; `always_stands_in`: it does, but has no page
    for the gate. `sign_in`: where the product sends visitors first.

    `asked`: every request for the product, as method and path.
    """

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self.origin = ""
        self.web_is_dead = False
        self.always_stands_in = False
        self.sign_in = ""
        self.asked: list[tuple[str, str]] = []
        self._gated = Starlette(routes=[Route("/{path:path}", self._product)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an edge does it: what is below `/overdue` goes to the web part, and the rest past the gate."""
        ungated = scope["path"].startswith("/overdue")
        if ungated and self.web_is_dead:
            await Response(status_code=502)(scope, receive, send)
        else:
            await (self.lobby.app if ungated else self._gated)(scope, receive, send)

    async def _product(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append((request.method, path))
        standing = published(self.lobby.rig.snapshot_path).standings.get("acme", Standing.CURRENT)
        if standing not in _CLOSED:
            if self.sign_in:
                return RedirectResponse(self.sign_in, 302)
            return HTMLResponse("<!doctype html><html lang=en><title>Acme Cloud</title><h1>The work</h1></html>")
        return Response(status_code=402) if request.method == "HEAD" else await self._page(request, path)

    async def _page(self, request: Request, path: str) -> Response:
        if self.web_is_dead or self.always_stands_in:
            policy = {"Content-Security-Policy": f"{wording().content_security_policy}; frame-ancestors 'none'"}
            return HTMLResponse(wording().page("fallback", None, "en_GB"), 402, policy)
        said = {"account": "acme", "viewer": request.headers.get("x-viewer", ""), "path": path}
        headers = {PAGE_HEADER: str(SIGNERS.page.dumps(said)), "Accept-Language": request.headers.get("accept-language", "")}
        transport = httpx.ASGITransport(app=self.lobby.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            page = await client.get("/overdue", headers=headers)
        passed_on = {name: page.headers[name] for name in _PASSED_ON if name in page.headers}
        return HTMLResponse(page.text, 402, {**passed_on, "Cache-Control": "no-store"})


@contextmanager
def open_street(lobby: Lobby) -> Iterator[Street]:
    street = Street(lobby)
    with serving(street) as street.origin:
        try:
            yield street
        finally:
            lobby.stopping.set()
