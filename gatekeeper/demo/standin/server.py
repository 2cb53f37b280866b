"""The stand-in's API as an ASGI application, spoken as Stripe speaks: forms in, JSON and its error objects out."""

import asyncio
import json
from collections.abc import Collection, Sequence
from functools import partial
from itertools import count
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gatekeeper.demo.standin import control, payment_page, shapes
from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.delivery import Delivery
from gatekeeper.demo.standin.events import API_VERSION
from gatekeeper.demo.standin.faults import Fault, Faults
from gatekeeper.demo.standin.frame import listed
from gatekeeper.demo.standin.log import Asked, RequestLog
from gatekeeper.demo.standin.params import Params, checked, decoded
from gatekeeper.demo.standin.reading import expand
from gatekeeper.demo.standin.records import Json, Refused
from gatekeeper.demo.standin.verbs import VERBS, Verb

KEYS = ("sk_test_standin", "rk_test_standin")


def create(
    books: Books,
    *,
    account: str = "acct_standin",
    keys: Collection[str] = KEYS,
    faults: Faults | None = None,
    log: RequestLog | None = None,
    deliveries: Sequence[Delivery] = (),
) -> Starlette:
    """The application. `keys` are those that are let in; one that begins with `rk_` can only read.

    `faults`, `log` and `deliveries` are handed in by a caller who wants to hold them; `/_control/` reaches them in any case.
    """
    faults, log = faults or Faults(), log or RequestLog()
    api = _Api(books, keys=keys, faults=faults, log=log)
    own = Verb("GET", "/v1/account", Params, lambda *_: shapes.account(account))
    return Starlette(
        routes=[
            *(Route(verb.path, partial(api.serve, verb), methods=[verb.method]) for verb in (own, *VERBS)),
            *control.routes(books, faults, log, deliveries),
            Route("/i/{token}", partial(_show, books), methods=["GET"]),
            Route("/i/{token}", partial(_pay, books), methods=["POST"]),
            Route("/{rest:path}", partial(api.serve, None), methods=["GET", "POST", "DELETE"]),
        ]
    )


class _Api:
    """One request from its key to its answer."""

    def __init__(self, books: Books, *, keys: Collection[str], faults: Faults, log: RequestLog) -> None:
        self._books, self._keys, self._faults, self._log = books, keys, faults, log
        self._numbers = count(1)
        self._answered: dict[tuple[str, str], bytes] = {}

    async def serve(self, verb: Verb | None, request: Request) -> Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        at = asyncio.get_running_loop().time()
        self._log.add(Asked(request.method, request.url.path, request.url.query, key[:2], at))
        fault = self._faults.meet(request.url.path, key, unquote(request.url.query))
        headers = {
            "Request-Id": f"req_{next(self._numbers):014}",
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind != "empty":
            return _broken(fault, headers)
        try:
            known = self._admit(key, verb, request)
            form = request.url.query if request.method == "GET" else (await request.body()).decode()
            body = self._act(known, request, form, headers["Request-Id"])
        except Refused as refusal:
            return _answer(_error(refusal), headers, status=refusal.status)
        if fault is not None and fault.kind == "empty":
            body = json.dumps(listed(request.url.path, [])).encode()
        return Response(body, headers=headers, media_type="application/json")

    def _admit(self, key: str, verb: Verb | None, request: Request) -> Verb:
        """The verb, if there is one here and the key may use it."""
        shown = f"{key[:8]}***"
        if key not in self._keys:
            raise Refused(f"Invalid API Key provided: {shown}", status=401)
        if request.method != "GET" and key.startswith("rk_"):
            raise Refused(f"The provided key '{shown}' does not have the required permissions for this endpoint.", status=403)
        if verb is None:
            raise Refused(f"Unrecognized request URL ({request.method}: {request.url.path}).", status=404)
        return verb

    def _act(self, verb: Verb, request: Request, form: str, request_id: str) -> bytes:
        """The body of the answer; one that was given under the same idempotency key is given again."""
        books, idempotency_key = self._books, request.headers.get("idempotency-key")
        with books.lock:
            if idempotency_key is not None and (request.url.path, idempotency_key) in self._answered:
                return self._answered[request.url.path, idempotency_key]
            p = checked(verb.params, decoded(form))
            books.request = (request_id, idempotency_key)
            try:
                about = verb.act(books, p, request.path_params.get("id", ""))
            finally:
                books.request = (None, None)
            body = _pretty(expand(books, about, p.expand))
            if idempotency_key is not None:
                self._answered[request.url.path, idempotency_key] = body
            return body


def _pretty(about: Json) -> bytes:
    return json.dumps(about, indent=2).encode()


def _answer(about: Json, headers: dict[str, str], *, status: int) -> Response:
    return Response(_pretty(about), status_code=status, headers=headers, media_type="application/json")


def _error(refusal: Refused) -> Json:
    told = {"code": refusal.code, "message": refusal.message, "param": refusal.param, "type": refusal.kind}
    return {"error": {name: value for name, value in told.items() if value}}


_REFUSALS = {
    "unauthorized": Refused("Expired API Key provided: rk_test_***", status=401, code="api_key_expired"),
    "forbidden": Refused("The provided key does not have the required permissions for this endpoint.", status=403),
    "rate_limited": Refused("Too many requests hit the API too quickly.", status=429, code="rate_limit"),
    "error": Refused("An unknown error occurred", status=500, kind="api_error"),
}


def _broken(fault: Fault, headers: dict[str, str]) -> Response:
    if fault.kind == "reset":
        return _Torn()
    if fault.kind == "html":
        return HTMLResponse("<html><body><h1>We are down for maintenance</h1></body></html>", headers=headers)
    if fault.should_retry is not None:
        headers = headers | {"Stripe-Should-Retry": str(fault.should_retry).lower()}
    if fault.retry_after is not None:
        headers = headers | {"Retry-After": str(fault.retry_after)}
    refusal = _REFUSALS[fault.kind]
    return _answer(_error(refusal), headers, status=refusal.status)


class _Torn(Response):
    """An answer that promises more than it sends: the server then closes the connection within it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI
        head = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b'{"object": "li', "more_body": True})


async def _show(books: Books, request: Request) -> Response:
    """The payment page of an invoice."""
    try:
        invoice_id, read_at = payment_page.read_token(request.path_params["token"])
    except ValueError:
        return HTMLResponse(payment_page.html(None, expired=True), status_code=404)
    with books.lock:
        it = books.invoices.get(invoice_id)
        expired = it is not None and books.now() >= payment_page.expires(it, read_at)
        return HTMLResponse(payment_page.html(it, expired=expired), status_code=404 if it is None else 200)


async def _pay(books: Books, request: Request) -> Response:
    """The page's button: pays by card what remains, if anything does."""
    shown = await _show(books, request)
    if b"<form" in shown.body:
        invoice_id, _ = payment_page.read_token(request.path_params["token"])
        books.pay(invoice_id, payment_method="pm_card_visa")
    return RedirectResponse(request.url.path, status_code=303)
