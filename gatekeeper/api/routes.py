"""The addresses of the API, below `/api`. Whatever waits for the ledger does so in the server's pool of threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ExceptionHandler

from gatekeeper.api.access import Access
from gatekeeper.api.documents import AccountDocument, AccountState, InvoiceState
from gatekeeper.api.feed import Feed
from gatekeeper.api.guard import Guard, Token
from gatekeeper.api.openapi import openapi
from gatekeeper.api.problems import Refused, Wrong, answer, invalid, problem, wrong
from gatekeeper.billing.statements import INVOICE_ID, invoice_of, is_statement_id
from gatekeeper.documents import ACCOUNT, Statement, faults_of
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.profiles import Profiles
from gatekeeper.ledger.writer.statements import Effect, Statements, StatementsRefused
from gatekeeper.model import Origin, is_account_id

_MOST_BYTES: Final = 100_000
_D = TypeVar("_D", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the API works with.

    `zone`: whose days dates mean; `wake` tells the worker that something has changed; `stopping`: whether the house stops.
    """

    reader: Reader
    profiles: Profiles
    statements: Statements
    zone: tzinfo
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    stopping: Callable[[], bool]

    async def account(self, request: Request) -> Response:
        account_id = _id(request, is_account_id, ACCOUNT)
        if request.method == "PUT":
            document = await _document(request, AccountDocument)
            await run_in_threadpool(self._tell, account_id, document, request.state.actor)
        known = await run_in_threadpool(self.reader.known_account, account_id)
        if known is None:
            return problem(404, "no-such-account", "No such account", "PUT makes it; Stripe's customers bring theirs along.")
        return answer(AccountState.of(known))

    async def invoice(self, request: Request) -> Response:
        invoice_id = _id(request, is_statement_id, INVOICE_ID)
        if request.method == "PUT":
            document = await _document(request, Statement)
            await run_in_threadpool(self._state, invoice_id, document, request.state.actor)
        invoice = await run_in_threadpool(self.reader.invoice, invoice_id)
        if invoice is None or invoice.origin is not Origin.STATEMENT:
            return problem(404, "no-such-invoice", "No such invoice", "Only invoices that are billed elsewhere are shown here.")
        return answer(InvoiceState.of(invoice, self.zone))

    def _tell(self, account_id: str, document: AccountDocument, author: str) -> None:
        profile = document.profile(Origin.API)
        if self.profiles.tell(account_id, profile, author=author, now=self.clock()):
            self.wake()

    def _state(self, invoice_id: str, document: Statement, author: str) -> None:
        now = self.clock()
        stated = invoice_of(document, invoice_id, read_at=now, zone=self.zone)
        try:
            (outcome,) = self.statements.record([stated], author=author, now=now)
        except StatementsRefused as refusal:
            detail = f"The invoice {refusal.faults[invoice_id]}."
            raise Refused(problem(409, "invoice-taken", "The invoice is another's", detail)) from refusal
        if outcome.effect is Effect.FINAL:
            detail = f"It is {outcome.invoice.status}, and stays so. State what is owed now as a new invoice."
            raise Refused(problem(409, "invoice-settled", "The invoice is settled", detail))
        if outcome.effect is not Effect.UNCHANGED:
            self.wake()


def routes(api: Api, tokens: Sequence[Token]) -> list[Mount]:
    """Everything below `/api`; without a token, of which there may be none, every address answers 401."""
    described = openapi()
    access = Access(reader=api.reader, feed=Feed(api.reader, api.clock, api.stopping), clock=api.clock)

    async def describe(_request: Request) -> Response:
        return JSONResponse(described, headers={"Cache-Control": "no-store"})

    app = Starlette(
        routes=[
            Route("/v1/accounts/{id:path}", api.account, methods=["GET", "PUT"]),
            Route("/v1/invoices/{id:path}", api.invoice, methods=["GET", "PUT"]),
            Route("/v1/access/stream", access.stream),
            Route("/v1/access/snapshot", access.snapshot),
            Route("/v1/openapi.json", describe),
        ],
        middleware=[Middleware(Guard, tokens=tokens)],
        exception_handlers=_HANDLERS,
    )
    app.router.redirect_slashes = False
    return [Mount("/api", app=app)]


def _id(request: Request, allows: Callable[[str], bool], allowed: str) -> str:
    found = str(request.path_params["id"])
    if not allows(found):
        raise Refused(invalid([Wrong(parameter="id", detail=f"must be: {allowed}")]))
    return found


async def _document(request: Request, kind: type[_D]) -> _D:
    """The body as a document of this kind. Raises Refused."""
    try:
        return kind.model_validate_json(await _body(request))
    except ValidationError as refusal:
        raise Refused(invalid(map(wrong, faults_of(refusal, kind)))) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                detail = f"At most {_MOST_BYTES} bytes are taken."
                closing = {"Connection": "close"}  # the rest of the body is not waited for
                raise Refused(problem(413, "too-large", "The document is too large", detail, headers=closing))
    except ClientDisconnect:
        raise Refused(problem(400, "cut-off", "The document did not arrive whole", "Send it again.")) from None
    return bytes(body)


async def _refused(_request: Request, refusal: Exception) -> Response:
    return cast("Refused", refusal).answer


async def _no_route(_request: Request, fault: Exception) -> Response:
    status, headers = cast("HTTPException", fault).status_code, cast("HTTPException", fault).headers
    if status == 405:  # noqa: PLR2004 - Method Not Allowed, as Starlette answers it
        allowed = (headers or {}).get("Allow", "")
        return problem(405, "method-not-allowed", "Not with this method", f"Allowed are {allowed}.", headers=headers)
    return problem(status, "no-such-address", "No such address", "/api/v1/openapi.json lists those that there are.")


async def _no_database(_request: Request, _fault: Exception) -> Response:
    detail = "The ledger does not answer. Send the request again; the same one twice changes nothing."
    return problem(503, "unavailable", "Not at the moment", detail, headers={"Retry-After": "5"})


async def _own_fault(_request: Request, _fault: Exception) -> Response:
    return problem(500, "fault", "A fault of ours", "The log says more. Send the same request again, or report this.")


_HANDLERS: Final[dict[Any, ExceptionHandler]] = {
    Refused: _refused,
    HTTPException: _no_route,
    Exception: _own_fault,
    **dict.fromkeys(DatabaseUnavailable, _no_database),
}
