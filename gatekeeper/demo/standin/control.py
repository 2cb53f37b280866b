"""What real Stripe has no verb for, under `/_control/`: JSON in, JSON out, no key. For tests and the demo, on the loopback.

`POST /_control/books/VERB` takes the arguments of that method of `Books`; `/_control/faults` takes a `Fault` (DELETE clears);
`GET /_control/requests` is the log of what was asked (DELETE clears); `POST /_control/switches` takes `Switches`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, validate_call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.delivery import Delivery
from gatekeeper.demo.standin.faults import Fault, Faults
from gatekeeper.demo.standin.log import RequestLog
from gatekeeper.demo.standin.records import Refused

VERBS = frozenset(
    {
        "close_dispute", "dispute", "fail_payment", "fail_processing", "part_pay", "refund", "renew", "revise",
        "start_processing", "succeed_processing",
    }
)  # fmt: skip

_Endpoint = Callable[[Request], Awaitable[Response]]


class Switches(BaseModel):
    """`webhooks`: whether events are sent; `events`: whether changes leave an event at all. None: as it was."""

    model_config = ConfigDict(extra="forbid")

    webhooks: bool | None = None
    events: bool | None = None


class _Control:
    def __init__(self, books: Books, faults: Faults, log: RequestLog, deliveries: Sequence[Delivery]) -> None:
        self._books, self._faults, self._log, self._deliveries = books, faults, log, deliveries

    async def order(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        if verb not in VERBS:
            raise Refused(f"There is no such verb; there are {', '.join(sorted(VERBS))}.", status=404)
        act: Callable[..., Any] = validate_call(getattr(self._books, verb))
        arguments = await request.json()
        with self._books.lock:
            return JSONResponse(self._books.write(act(**arguments)))

    async def add_fault(self, request: Request) -> Response:
        self._faults.add(Fault.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def clear_faults(self, _: Request) -> Response:
        self._faults.clear()
        return Response(status_code=204)

    async def requests(self, _: Request) -> Response:
        return JSONResponse([entry._asdict() for entry in self._log.entries()])

    async def clear_requests(self, _: Request) -> Response:
        self._log.clear()
        return Response(status_code=204)

    async def switch(self, request: Request) -> Response:
        wanted = Switches.model_validate_json(await request.body())
        if wanted.webhooks is not None:
            for delivery in self._deliveries:
                delivery.on = wanted.webhooks
        if wanted.events is not None:
            self._books.generates_events = wanted.events
        return Response(status_code=204)


def routes(books: Books, faults: Faults, log: RequestLog, deliveries: Sequence[Delivery]) -> list[Route]:
    control = _Control(books, faults, log, deliveries)
    table: tuple[tuple[str, str, _Endpoint], ...] = (
        ("POST", "/_control/books/{verb}", control.order),
        ("POST", "/_control/faults", control.add_fault),
        ("DELETE", "/_control/faults", control.clear_faults),
        ("GET", "/_control/requests", control.requests),
        ("DELETE", "/_control/requests", control.clear_requests),
        ("POST", "/_control/switches", control.switch),
    )
    return [Route(path, _told(endpoint), methods=[method]) for method, path, endpoint in table]


def _told(endpoint: _Endpoint) -> _Endpoint:
    """What cannot be done is answered with the reason."""

    async def tried(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as fault:
            return JSONResponse({"error": {"message": fault.message}}, status_code=fault.status)
        except ValueError as fault:  # pydantic's and json's alike
            return JSONResponse({"error": {"message": str(fault)}}, status_code=400)

    return tried
