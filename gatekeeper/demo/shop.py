"""Acme Cloud, the product of the demo, behind a small edge that asks the real gate about every request.

The edge is what nginx is elsewhere (docs/edges/nginx.md), with the same rules: whatever the gate denies is passed through
unchanged, and a gate that does not answer lets everybody in.
"""

from collections.abc import Sequence
from http import HTTPStatus

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gatekeeper.bodies import bounded
from gatekeeper.demo.people import PEOPLE
from gatekeeper.demo.serving import Looks

SIGN_IN = "/login"  # one of the addresses that gate.always_allow leaves open
_COOKIE = "acme_account"
_PASSED_ON = ("accept", "accept-language", "sec-fetch-mode")
_OF_THE_PAGE = "/overdue"  # what the page's own forms ask for is never gated
_PASSED_TO_THE_PAGE = ("host", "content-type", "origin", "sec-fetch-site", "accept-language")
_LONGEST_FORM = 65_536
_PER_CONNECTION = {b"connection", b"date", b"keep-alive", b"transfer-encoding"}
_NAMES = {who.account_id: who.name for who in PEOPLE}


class Edge:
    """Middleware. `gate` and `web` are clients whose base addresses are the gate's and the web part's.

    It does not pass on streams: an open lockout page asks from time to time instead.
    """

    def __init__(self, app: ASGIApp, gate: httpx.Client, web: httpx.Client) -> None:
        self._app = app
        self._gate = gate
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.url.path.startswith(f"{_OF_THE_PAGE}/") and not request.url.path.endswith("/watch"):
            await (await self._passed_on(request))(scope, receive, send)
            return
        try:
            answer = await run_in_threadpool(self._ask, request)
        except httpx.HTTPError:
            request.state.standing = None
            await self._app(scope, receive, send)
            return
        if answer.status_code == HTTPStatus.OK:
            request.state.standing = answer.headers.get("X-Gatekeeper-Standing")
            await self._app(scope, receive, send)
            return
        await _as_it_came(answer)(scope, receive, send)

    async def _passed_on(self, request: Request) -> Response:
        """What the web part answers to a form of the lockout page."""
        form = await bounded(request, _LONGEST_FORM)
        headers = {name: request.headers[name] for name in _PASSED_TO_THE_PAGE if name in request.headers}

        def ask() -> Response:
            try:
                return _as_it_came(self._web.request(request.method, request.url.path, content=form or b"", headers=headers))
            except httpx.HTTPError:
                return Response(status_code=HTTPStatus.BAD_GATEWAY)

        return await run_in_threadpool(ask)

    def _ask(self, request: Request) -> httpx.Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers |= {"X-Original-Method": request.method, "X-Original-URI": request.url.path}
        headers["X-Account-Id"] = _signed_in(request) or "-"
        return self._gate.request("HEAD" if request.method == "HEAD" else "GET", "/gate", headers=headers)


def _as_it_came(answer: httpx.Response) -> Response:
    passed_on = Response(answer.content, answer.status_code)
    passed_on.raw_headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _PER_CONNECTION]
    return passed_on


def shop(gate: httpx.Client, web: httpx.Client, looks: Looks, *, panel_url: str) -> Starlette:
    def application(request: Request) -> Response:
        account_id = _signed_in(request)
        if account_id is None:
            return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        standing = request.state.standing
        return looks.page("shop", name=_NAMES[account_id], account_id=account_id, standing=standing, panel_url=panel_url)

    def sign_in(_request: Request) -> Response:
        return looks.page("sign_in", names=_NAMES, panel_url=panel_url)

    def signed_in(request: Request) -> Response:
        account_id = request.path_params["account_id"]
        answer = RedirectResponse("/" if account_id in _NAMES else SIGN_IN, HTTPStatus.SEE_OTHER)
        answer.set_cookie(_COOKIE, account_id if account_id in _NAMES else "", httponly=True, samesite="lax")
        return answer

    routes: Sequence[Route] = [
        Route("/style.css", looks.style),
        Route(SIGN_IN, sign_in),
        Route(SIGN_IN + "/{account_id}", signed_in),
        Route("/{page:path}", application),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Edge, gate=gate, web=web)])


def _signed_in(request: Request) -> str | None:
    """Whose session this is: the demo takes the cookie's word for it, which a product must not."""
    account_id = request.cookies.get(_COOKIE, "")
    return account_id if account_id in _NAMES else None
